"""The receivers of docs/webhooks.md, as they stand there: each takes what the notifier signs, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from blog_writer.embedded.child import free_port
from notifier.signing import headers, key_of

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "tests/receivers"
SECRET, OLD, FOREIGN = (f"whsec_{letter * 43}=" for letter in "AEI")
BODY = '{"event": "completed",  "job_id": "a", "result": {"headline": "Wärme"}}'.encode()
NODE_VERIFIER = """
import { Webhook } from "standardwebhooks";
const { secret, headers, body } = JSON.parse(await new Response(process.stdin).text());
try {
  new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
  console.log("verified");
} catch (error) {
  console.log(error.message);
}
"""
SERVE_FLASK = """
import sys
from werkzeug.serving import run_simple
from receiver import app
run_simple("127.0.0.1", int(sys.argv[1]), app)
"""


def example(name: str) -> str:
    """Return the code under a heading."""
    found = re.search(
        rf"^### {name}\n+```\w+\n(.*?)^```$",
        (ROOT / "docs/webhooks.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages for Node."""
    folder = tmp_path_factory.mktemp("node")
    if shutil.which("node") is None or shutil.which("npm") is None:
        _do_without(
            "node and npm are not installed: the receiver for Express and the verifier for Node were not run"
        )
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGES / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        _do_without(f"npm could not install tests/receivers: {done.stderr[-500:]}")
    return folder


def _do_without(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def serving(command: list[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """Run a receiver with its port at the end of the command; yield its address and what it printed so far."""
    port = free_port()
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    output = folder / "output"
    with output.open("w") as file:
        process = subprocess.Popen([*command, str(port)], cwd=folder, env=environment, stdout=file)
        try:
            _wait(process, f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}/blog-webhook", output
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the receiver ended"
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the receiver does not answer")


def signed(*secrets: str, at: float | None = None, body: bytes = BODY) -> dict[str, str]:
    timestamp = int(time.time() if at is None else at)
    return headers([key_of(secret) for secret in secrets], "msg_a_1", timestamp, body)


def check(url: str, output: Path) -> None:
    def status(given: dict[str, str], body: bytes = BODY) -> int:
        return httpx.post(url, content=body, headers=given, trust_env=False, timeout=30).status_code

    assert status(signed(OLD, SECRET)) == 204
    assert status(signed(SECRET)) == 204  # a repetition
    assert output.read_text().split("\n").count("completed a") == 1
    assert status(signed(FOREIGN)) == 401
    assert status(signed(SECRET, at=time.time() - 3600)) == 401
    assert status(signed(SECRET), BODY.replace(b"W", b"w")) == 401
    assert status({**signed(SECRET), "webhook-signature": "nonsense"}) == 401
    assert status({**signed(SECRET), "webhook-signature": "v1,?"}) == 401
    assert status({"content-type": "application/json"}) == 401
    assert status(signed(SECRET, body=b"\xff"), b"\xff") in {400, 401}


def test_the_receiver_for_fastapi(tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(example("FastAPI"))
    with serving([sys.executable, "-m", "uvicorn", "receiver:app", "--port"], tmp_path) as (url, output):
        check(url, output)


def test_the_receiver_for_flask(tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(example("Flask"))
    (tmp_path / "serve.py").write_text(SERVE_FLASK)
    with serving([sys.executable, "serve.py"], tmp_path) as (url, output):
        check(url, output)


def test_the_receiver_for_express(node_folder: Path) -> None:
    (node_folder / "receiver.mjs").write_text(example("Express"))
    with serving(["node", "receiver.mjs"], node_folder) as (url, output):
        check(url, output)


@pytest.mark.parametrize("secret", [SECRET, OLD, FOREIGN])
def test_the_verifier_for_node_takes_what_both_secrets_of_a_rotation_sign(
    node_folder: Path, secret: str
) -> None:
    import base64  # noqa: PLC0415  for this one test

    (node_folder / "verify.mjs").write_text(NODE_VERIFIER)
    given = {"secret": secret, "headers": signed(SECRET, OLD), "body": base64.b64encode(BODY).decode()}
    done = subprocess.run(
        ["node", "verify.mjs"], cwd=node_folder, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=True
    )  # fmt: skip
    assert (done.stdout.strip() == "verified") is (secret != FOREIGN)
