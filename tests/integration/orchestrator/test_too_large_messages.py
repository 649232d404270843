"""On a server that takes only small messages, what does not fit ends with a reason and holds up nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blog_writer.embedded import nats
from chassis.broker import Outgoing, ensure_stream
from contracts import codec, streams, subjects
from contracts.dead_letters import DeadLetter, too_large
from orchestrator.dead_letters import DeadLetters, consequence
from orchestrator.messages import attempt_of

LIMIT = 32 * 1024


@pytest.fixture
def nats_url(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The address of a fresh broker that takes messages of at most 32 KiB."""
    monkeypatch.setattr(nats, "_CONFIGURATION", nats._CONFIGURATION + f"max_payload: {LIMIT}\n")
    url: str = request.getfixturevalue("nats_server").url
    return url


async def test_a_stage_command_that_does_not_fit_fails_its_job_with_the_reason(bench: Any) -> None:
    """The submission just fits; the command that carries the same request says more."""
    await ensure_stream(bench.js, streams.COMMANDS)
    room = LIMIT - len(codec.encode(bench.submission(client_info={"x": ""})))
    large = bench.submission(client_info={"x": "y" * (room - 10)})
    async with bench.orchestrator(), bench.workers():
        await bench.send(large)
        job = await bench.until(large.job_id, "failed")
        await bench.until(await bench.submit(), "completed")
        await bench.until_empty("SELECT count(*) FROM jobs.outbox")
        (row,) = await DeadLetters(bench.pool).latest(10)
    assert (job["error_code"], job["error_stage"]) == ("too_large", "stage_00")
    assert str(LIMIT) in job["error"]
    assert (row["code"], row["stream"], row["truncated"]) == ("too_large", "BLOG_STAGES", True)


@pytest.mark.parametrize("limit", [8 * 1024, LIMIT, 1024 * 1024])
def test_the_report_of_a_message_that_does_not_fit_does(limit: int, submission: Callable[..., Any]) -> None:
    job_id, submit = submission()
    message = Outgoing(subjects.command(submit), b"\xff" * 2 * limit, f"{job_id}/stage_00/1/1/1/again")
    letter = too_large(message, "BLOG_STAGES", limit, "orchestrator", submit.submitted_at)
    report = Outgoing(subjects.dead_letter(letter), codec.encode(letter), letter.message_id)
    assert report.size() <= limit
    found = consequence(codec.decode(report.payload, DeadLetter))
    assert found is not None
    assert found[0] == job_id
    assert (found[1].stage, found[1].attempt, found[1].outcome.code) == ("stage_00", 1, "too_large")


@pytest.mark.parametrize("text", ["", "redrive/1/x", "a/stage_99/1/1/1", "a/stage_00/x/1/1"])
def test_other_ids_name_no_attempt(text: str) -> None:
    assert attempt_of(text) is None
