"""The API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from gateway.key_store import KeyStore
from gateway.keys import Scope, new_key

EXAMPLES = 20
"""Requests made up for each operation."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SECONDS = 240
LEFT_OUT = r"^(/write|/webhooks/test|/jobs/\{job_id\}/deliveries/replay)$"
"""The first waits for an article, and the others ask a notifier: neither is there."""


async def schemathesis(door: Any, folder: Path, header: str, *options: str) -> tuple[int, str]:
    """Run schemathesis against the gateway; return its exit code and what it says."""
    program = shutil.which("st", path=str(Path(sys.executable).parent))
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program, "run", f"http://127.0.0.1:{door.port}/schema/openapi.json",
        "--header", f"Authorization:{header}", "--checks", CHECKS, "--max-examples", str(EXAMPLES), "--seed", "1",
        "--phases", "fuzzing", "--suppress-health-check", "all", "--exclude-path-regex", LEFT_OUT, "--request-timeout", "30", "--workers", "1",
        "--generation-database", "none", "--no-color", *options,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.fixture
async def header(door: Any) -> str:
    key = new_key()
    await KeyStore(door.pool).create(key, "a", "", [Scope.ADMIN], None)
    return f"Bearer {key.text()}"


@pytest.mark.timeout(300)
async def test_no_request_gets_an_error_of_ours_or_an_answer_of_another_shape(
    door: Any, header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.jobs.CANCEL_SECONDS", 0.05)
    async with door.gateway(rate_limit=0, secret_key=b64encode(b"s" * 32).decode()):
        code, said = await schemathesis(door, tmp_path, header)
    assert code == 0, said
    assert "only 401/403" not in said, said


async def test_every_operation_says_how_it_fails_and_how_to_show_a_key(door: Any) -> None:
    async with door.gateway():
        document = (await door.http.get("/schema/openapi.json")).json()
        problem = (await door.http.get("/nowhere")).json()
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for method in operations:
            responses = operations[method]["responses"]
            assert list(responses["default"]["content"]) == ["application/problem+json"], path
            assert "400" not in responses, f"{path} promises the framework's own form of an error"
    assert set(document["components"]["schemas"]["Problem"]["required"]) <= set(problem)
