"""Keys as the person who runs the system makes and ends them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any


def command(system: Any, *arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BLOG_WRITER_URL": system.url, "BLOG_WRITER_API_KEY": key, "COLUMNS": "120"}
    options = ("--data-dir", str(system.data_dir))
    return subprocess.run(
        [sys.executable, "-m", "blog_writer", *arguments, *options],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_key_is_shown_once_opens_its_tenant_s_jobs_and_is_dead_within_seconds_of_its_end(
    own_system: Any, wait: Any
) -> None:
    system = own_system.start()
    assert command(system, "jobs").returncode == 0
    made = command(system, "keys", "create", "--tenant", "shop", "--name", "web", "--expires-days", "1")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert re.fullmatch(r"bw_[0-9a-f]{12}_[0-9a-f]{72}", key)
    key_id = key.split("_")[1]

    listed = command(system, "keys", "list", "--json").stdout
    assert [(row["key_id"], row["tenant"], row["scopes"]) for row in json.loads(listed)] == [
        (key_id, "shop", ["jobs:read", "jobs:write"])
    ]
    assert key.rpartition("_")[2] not in listed
    assert key_id in command(system, "keys", "list").stdout

    wait(lambda: command(system, "jobs").returncode == 1, 30, "the door is locked")
    assert "an API key is needed" in command(system, "jobs").stderr
    assert command(system, "jobs", key=key).returncode == 0
    assert "key_invalid" in command(system, "jobs", key="nonsense").stderr

    assert command(system, "keys", "delete", key_id).returncode == 1
    assert (
        command(system, "keys", "revoke", key_id).stdout.strip() == f"key {key_id} of tenant shop is revoked"
    )
    wait(lambda: command(system, "jobs", key=key).returncode == 1, 30, "the key opens no more")
    assert "was revoked" in command(system, "jobs", key=key).stderr
    assert command(system, "keys", "delete", key_id).returncode == 0
    wait(lambda: command(system, "jobs").returncode == 0, 30, "without any key this machine needs none")

    unknown = command(system, "keys", "revoke", key_id)
    assert (unknown.returncode, unknown.stderr.strip()) == (1, f"error: there is no key {key_id}")
    bad = command(system, "keys", "create", "--tenant", "a.b")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "--tenant 'a.b' is not allowed" in bad.stderr
    assert key not in system.whole_log()

    own = (system.data_dir / "webhook-secret").read_text()
    assert command(system, "keys", "webhook-secret").stdout.strip() == own
    shop = command(system, "keys", "webhook-secret", "shop").stdout.strip()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", shop)
    assert shop != own
