"""What the command line shows is whole where it matters, however narrow the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def command(system: Any) -> Any:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "BLOG_WRITER_URL": system.url, "COLUMNS": "80"}
        return subprocess.run(
            [sys.executable, "-m", "blog_writer", *arguments],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return run


def test_a_failed_job_says_why_in_full_and_is_listed_with_its_whole_id(command: Any) -> None:
    failed = command("write", "energy", "--company-url", "https://no-such-host.invalid/")
    assert failed.returncode == 1
    job_id = failed.stdout.split()[1]
    assert "failed: the name in https://no-such-host.invalid/ cannot be resolved" in failed.stdout
    assert "[company_site_dns]" in failed.stdout
    listed = command("jobs", "--status", "failed").stdout
    assert any(line.split()[:3] == [job_id, "failed", "0%"] for line in listed.splitlines())
    page = json.loads(command("jobs", "--json", "--limit", "1").stdout)
    assert page["limit"] == 1


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u:secret@127.0.0.1:1/x"])
def test_a_wrong_database_is_one_line_that_names_the_variable(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blog_writer", "migrate"],
        env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: DATABASE_URL: ")
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


def test_up_says_before_it_starts_anything_what_is_wrong_and_what_nothing_reads(tmp_path: Path) -> None:
    variables = {"BLOG_WRITER_STAGE_SLOTS": "0", "BLOG_WRITER_MAX_CONCURENT": "3"}
    done = subprocess.run(
        [sys.executable, "-m", "blog_writer", "up", "--data-dir", str(tmp_path), "--port", "0"],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    warning, refusal = done.stderr.splitlines()
    assert '"BLOG_WRITER_MAX_CONCURENT", "did_you_mean": "BLOG_WRITER_MAX_CONCURRENT"' in warning
    assert refusal.startswith("settings: BLOG_WRITER_STAGE_SLOTS: '0' is not allowed")
    assert not (tmp_path / "postgres").exists()


def test_the_version_is_told(command: Any) -> None:
    assert command("--version").stdout.strip() == metadata.version("blog-writer")
