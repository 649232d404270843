"""The API in front of a real orchestrator: accept, look, steer, follow."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

import asyncpg
import msgspec
import pytest

from blog_writer.client import Client
from chassis.broker import connect
from chassis.pull import pull
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.payloads import Inline
from contracts.results import StageDone, StageFail, StageResult, Summary, Verdict
from contracts.stages import StageId

RESULT = {
    "success": True,
    "headline": "All about energy",
    "html_content": "<article>html</article>",
    "markdown_content": "# All about energy",
    "aeo_score": 87.5,
}


class Workers:
    """Scripted workers: every stage succeeds at once, but for those that are told to wait or fail."""

    def __init__(self, door: Any) -> None:
        self.door = door
        self.hold = asyncio.Event()
        self.hold.set()
        self.fail_at: StageId | None = None

    async def __aenter__(self) -> Self:
        self.client = await connect(self.door.nats_url, "workers")
        self.js = self.client.jetstream()
        names = [streams.stage_durable(stage) for stage in StageId]
        self.tasks = [
            asyncio.create_task(pull(self.js, "BLOG_STAGES", name, lambda: 16, self.handle)) for name in names
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.client.close()

    async def handle(self, messages: list[Any]) -> None:
        for message in messages:
            command = codec.decode(message.data, RunStage)
            if command.stage is StageId.RESEARCH:
                await self.hold.wait()
            now = command.deadline_at
            result = StageResult(
                job_id=command.job_id, stage=command.stage, run=command.run, round=command.round,
                attempt=command.attempt, outcome=self.outcome(command), started_at=now, finished_at=now,
            )  # fmt: skip
            await self.js.publish(subjects.result(command.job_id, command.stage), codec.encode(result))
            await message.ack()

    def outcome(self, command: RunStage) -> Any:
        if command.stage is self.fail_at:
            return StageFail(code="no_sources", reason="nothing was found")
        output = Inline(msgspec.Raw(json.dumps(RESULT).encode()))
        verdict = Verdict(passed=True, score=87.5) if command.stage is StageId.QUALITY else None
        summary = Summary(headline="All about energy", slug="energy", word_count=900, aeo_score=87.5)
        return StageDone(
            output=output, verdict=verdict, summary=summary if command.stage is StageId.PUBLISH else None
        )


def parse_stream(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line[5:]) for line in lines if line.startswith("data:")]


async def read_stream(
    door: Any, job_id: str, last: int | None = None, stop_at: str = "", lines: list[str] | None = None
) -> list[dict[str, Any]]:
    lines = [] if lines is None else lines
    headers = {"accept": "text/event-stream"} | ({} if last is None else {"last-event-id": str(last)})
    async with door.http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            lines.append(line)
            if stop_at and stop_at in line:
                break
    return parse_stream(lines)


async def test_a_job_from_submission_to_article(door: Any) -> None:
    async with door.gateway(), door.orchestrator(), Workers(door):
        answer = await door.http.post(
            "/write-async", json={"primary_keyword": "energy", "company_url": "https://example.com"}
        )
        assert answer.status_code == 202
        accepted = answer.json()
        job_id = accepted["job_id"]
        assert accepted["success"] is True
        assert accepted["status"] == "pending"
        assert accepted["polling_url"] == answer.headers["location"] == f"/jobs/{job_id}/status"
        assert accepted["estimated_duration_minutes"] == "5-30 (quality takes time)"
        status = await door.until(job_id, "completed")
        assert status["result"] == RESULT
        assert status["quality_score"] == 87.5
        assert (status["progress_percent"], status["stages_completed"], status["total_stages"]) == (
            100,
            13,
            13,
        )
        assert isinstance(status["duration_seconds"], int)
        assert status["created_at"].endswith("Z")
        assert "current_stage" not in status
        html = await door.http.get(f"/jobs/{job_id}/article")
        assert (html.text, html.headers["content-type"]) == (
            "<article>html</article>",
            "text/html; charset=utf-8",
        )
        markdown = await door.http.get(f"/jobs/{job_id}/article", headers={"accept": "text/markdown"})
        assert markdown.text == "# All about energy"
        as_json = await door.http.get(f"/jobs/{job_id}/article", headers={"accept": "application/json"})
        assert as_json.json() == RESULT
        assert (await door.http.post(f"/jobs/{job_id}/cancel")).json()["code"] == "job_finished"
        assert (await door.http.post(f"/jobs/{job_id}/retry")).json()["code"] == "job_not_failed"


async def test_a_job_is_visible_everywhere_before_the_orchestrator_has_it(door: Any) -> None:
    async with door.gateway():
        job_id = await door.submit(batch_id="b1", priority=1)
        status = (await door.http.get(f"/jobs/{job_id}/status")).json()
        assert (status["status"], status["progress_percent"], status["priority"]) == ("pending", 0, 1)
        page = (await door.http.get("/jobs?status=pending")).json()
        assert [job["job_id"] for job in page["jobs"]] == [job_id]
        assert (page["total"], page["has_more"]) == (1, False)
        assert (await door.http.get("/batches/b1")).json()["status_counts"]["pending"] == 1
        assert (await door.http.get(f"/jobs/{job_id}/events")).json() == {"events": [], "next_after": 0}
        assert (await door.http.get(f"/jobs/{job_id}/article")).json()["code"] == "not_completed"
        stats = (await door.http.get("/jobs/stats")).json()
        assert stats["status_counts"] == {
            "pending": 1,
            "running": 0,
            "completed": 0,
            "failed": 0,
            "cancelled": 0,
        }
        assert stats["database_path"] == "jobs.db"


async def test_jobs_are_accepted_without_nats_and_run_later(door: Any, dead_port: int) -> None:
    async with door.gateway(nats_url=f"nats://127.0.0.1:{dead_port}"):
        job_id = await door.submit()
        assert (await door.http.get("/ready")).json()["status"] == "degraded"
    async with door.orchestrator(), door.gateway(), Workers(door):
        await door.until(job_id, "completed")


async def test_a_command_that_the_broker_lost_is_sent_again(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.LOST_AFTER_SECONDS", 0.1)
    async with door.orchestrator():
        pass
    client = await connect(door.nats_url, "test")
    async with door.gateway():
        job_id = await door.submit()
        async with asyncio.timeout(10):
            while await door.pool.fetchval("SELECT count(*) FROM gateway.outbox"):
                await asyncio.sleep(0.05)
    await client.jetstream().purge_stream("BLOG_COMMANDS")
    await client.close()
    async with door.orchestrator(), door.gateway():
        await door.until(job_id, "running")


@pytest.mark.parametrize("action", ["cancel", "retry"])
async def test_a_cancel_or_retry_that_the_broker_lost_is_sent_again(
    door: Any, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr("gateway.store.LOST_AFTER_SECONDS", 0.1)
    async with door.gateway():
        async with door.orchestrator(), Workers(door) as workers:
            workers.hold.clear()
            workers.fail_at = StageId.COMPANY if action == "retry" else None
            job_id = await door.submit()
            await door.until(job_id, "failed" if action == "retry" else "running")
        answer = await door.http.post(f"/jobs/{job_id}/{action}")
        assert answer.status_code == 202
        client = await connect(door.nats_url, "test")
        async with asyncio.timeout(10):
            while await door.pool.fetchval("SELECT count(*) FROM gateway.outbox"):
                await asyncio.sleep(0.05)
        await client.jetstream().purge_stream("BLOG_COMMANDS")
        await client.close()
        async with door.orchestrator():
            await door.until(job_id, "running" if action == "retry" else "cancelled", seconds=30)
            async with asyncio.timeout(10):
                while await door.pool.fetchval("SELECT count(*) FROM gateway.commands"):
                    await asyncio.sleep(0.05)


async def test_idempotency_keys_make_one_job_of_twenty_submissions(door: Any) -> None:
    body = {"primary_keyword": "energy", "company_url": "https://example.com"}
    headers = {"idempotency-key": "order-17"}
    async with door.gateway():
        answers = await asyncio.gather(
            *(door.http.post("/write-async", json=body, headers=headers) for _ in range(20))
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.text for answer in answers}) == 1
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
        other = await door.http.post("/write-async", json={**body, "priority": 1}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        bad = await door.http.post("/write-async", json=body, headers={"idempotency-key": "x" * 300})
        assert (bad.status_code, bad.json()["code"]) == (400, "invalid_idempotency_key")
        assert (await door.http.get("/jobs")).json()["total"] == 1


async def test_cancel_answers_after_the_commit(door: Any) -> None:
    async with door.gateway(), door.orchestrator(), Workers(door) as workers:
        workers.hold.clear()
        job_id = await door.submit()
        await door.until(job_id, "running")
        answer = await door.http.post(f"/jobs/{job_id}/cancel")
        assert answer.status_code == 200
        assert answer.json() == {"success": True, "job_id": job_id, "message": "Job cancelled successfully"}
        assert (await door.http.get(f"/jobs/{job_id}/status")).json()["status"] == "cancelled"


async def test_cancel_without_an_orchestrator_is_accepted_and_done_later(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.jobs.CANCEL_SECONDS", 0.3)
    async with door.gateway():
        job_id = await door.submit()
        assert (await door.http.post(f"/jobs/{job_id}/cancel")).status_code == 202
    async with door.orchestrator(), door.gateway():
        await door.until(job_id, "cancelled")


async def test_a_failed_job_shows_why_and_can_be_retried(door: Any) -> None:
    async with door.gateway(), door.orchestrator(), Workers(door) as workers:
        workers.fail_at = StageId.DRAFT
        job_id = await door.submit()
        failed = await door.until(job_id, "failed")
        assert (failed["error_code"], failed["error_stage"], failed["error"]) == (
            "no_sources", "stage_03", "nothing was found",
        )  # fmt: skip
        errors = (await door.http.get("/jobs/errors")).json()
        assert errors["counts"] == {"no_sources": 1}
        assert errors["jobs"][0]["job_id"] == job_id
        sync = await door.http.post(
            "/write", json={"primary_keyword": "energy", "company_url": "https://example.com"}
        )
        assert (sync.status_code, sync.json()["code"]) == (502, "no_sources")
        workers.fail_at = None
        commands = await workers.client.subscribe(f"blog.cmd.retry.{job_id}")
        assert (await door.http.post(f"/jobs/{job_id}/retry")).status_code == 202
        await door.until(job_id, "completed")
        assert codec.decode_command((await commands.next_msg(5)).data).run == 1, "the run that failed"


async def test_a_job_has_the_limit_of_its_request_or_the_default_and_a_retry_may_change_it(door: Any) -> None:
    async with door.gateway(max_cost_usd=1.5), door.orchestrator(), Workers(door) as workers:
        workers.fail_at = StageId.DRAFT
        own = await door.submit(max_cost_usd=0.25)
        job_id = await door.submit()
        assert (await door.until(own, "failed"))["max_cost_usd"] == 0.25
        assert (await door.until(job_id, "failed"))["max_cost_usd"] == 1.5
        for body, code, field in (
            ({"max_cost_usd": -1}, "invalid_field", "max_cost_usd"),
            ({"max_cost": 2}, "unknown_field", "max_cost"),
            ([], "invalid_json", None),
        ):
            refused = await door.http.post(f"/jobs/{job_id}/retry", json=body)
            assert (refused.json()["code"], refused.json().get("field")) == (code, field), refused.text
        commands = await workers.client.subscribe("blog.cmd.retry.*")
        for number, body in ((own, {}), (job_id, {"max_cost_usd": 2.5})):
            assert (await door.http.post(f"/jobs/{number}/retry", json=body)).status_code == 202
        limits = [codec.decode_command((await commands.next_msg(30)).data).max_cost_usd for _ in range(2)]
        assert limits == [None, 2.5]
        await door.until(job_id, "running", "failed")
        async with asyncio.timeout(30):
            while (await door.http.get(f"/jobs/{job_id}/status")).json()["max_cost_usd"] != 2.5:
                await asyncio.sleep(0.02)


async def test_the_status_tells_what_a_job_used_and_leaves_it_out_where_nothing_was_paid(door: Any) -> None:
    async with door.gateway(), door.orchestrator(), Workers(door):
        job_id = await door.submit()
        assert "usage" not in await door.until(job_id, "completed")
        used = {"searches": 3, "cost_usd": 0.5, "stages": {"research": {"searches": 3}}}
        await door.pool.execute(
            "INSERT INTO jobs.spending (job_id, usage) VALUES ($1, $2)", job_id, json.dumps(used)
        )
        usage = (await door.http.get(f"/jobs/{job_id}/status")).json()["usage"]
        assert (usage["searches"], usage["cost_usd"], usage["duplicate_spend"]) == (3, 0.5, [])


async def test_write_waits_for_the_article(door: Any) -> None:
    async with door.gateway(), door.orchestrator(), Workers(door):
        answer = await door.http.post(
            "/write", json={"primary_keyword": "energy", "company_url": "https://example.com"}
        )
        assert answer.status_code == 200
        assert answer.json() == RESULT


async def test_a_batch_is_one_answer_and_one_status(door: Any) -> None:
    jobs = [{"primary_keyword": word, "company_url": "https://example.com"} for word in ("a", "b", "c")]
    async with door.gateway(), door.orchestrator(), Workers(door):
        answer = (await door.http.post("/write-batch", json={"jobs": jobs})).json()
        assert answer["total"] == len(answer["jobs"]) == 3
        for job in answer["jobs"]:
            await door.until(job["job_id"], "completed")
        batch = (await door.http.get(answer["polling_url"])).json()
        assert (batch["finished"], batch["progress_percent"]) == (True, 100)
        assert batch["status_counts"]["completed"] == 3
        page = (await door.http.get(f"/jobs?batch_id={answer['batch_id']}&limit=2")).json()
        assert (len(page["jobs"]), page["total"], page["has_more"]) == (2, 3, True)


async def test_the_stream_tells_the_whole_story_and_resumes_where_it_broke(door: Any) -> None:
    async with door.gateway(), door.orchestrator(), Workers(door) as workers:
        workers.hold.clear()
        job_id = await door.submit()
        first = await read_stream(door, job_id, stop_at='"stage":"stage_02"')
        last = first[-1]["seq"]
        rest = asyncio.create_task(read_stream(door, job_id, last))
        workers.hold.set()
        seen = first + await asyncio.wait_for(rest, 20)
        history = (await door.http.get(f"/jobs/{job_id}/events")).json()
        again = await read_stream(door, job_id)
        nothing = await read_stream(door, job_id, history["next_after"])
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["type"] == "completed"
    assert seen == history["events"] == again
    assert nothing == []


async def test_streams_end_when_the_gateway_stops(door: Any) -> None:
    async with door.orchestrator():
        async with door.gateway():
            job_id = await door.submit()
            heard: list[str] = []
            reading = asyncio.create_task(read_stream(door, job_id, lines=heard))
            async with asyncio.timeout(20):
                while "event: started" not in heard:
                    await asyncio.sleep(0.02)
        events = await asyncio.wait_for(reading, 10)
    assert [event["type"] for event in events][:2] == ["submitted", "started"]


async def test_a_quiet_stream_says_so_and_the_client_goes_on(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.waiting.POLL_SECONDS", 0.05)
    monkeypatch.setattr("gateway.waiting.HEARTBEAT_SECONDS", 0.1)
    heard: list[str] = []
    async with door.gateway():
        job_id = await door.submit()
        reading = asyncio.create_task(read_stream(door, job_id, lines=heard))
        client = Client(f"http://127.0.0.1:{door.port}")
        following = asyncio.create_task(asyncio.to_thread(lambda: list(client.events(job_id))))
        async with asyncio.timeout(20):
            while heard.count(": still here") < 20:
                await asyncio.sleep(0.05)
        assert "data:" not in [line.strip() for line in heard]
        async with door.orchestrator(), Workers(door):
            events = await asyncio.wait_for(following, 30)
            await asyncio.wait_for(reading, 30)
    client.close()
    assert [event["type"] for event in events if event["seq"]] == [
        line.removeprefix("event: ") for line in heard if line.startswith("event: ")
    ]
    assert events[-1]["type"] == "completed"


async def test_operations_endpoints_answer(door: Any) -> None:
    async with door.gateway(), door.orchestrator():
        assert (await door.http.get("/health")).json()["status"] == "ok"
        async with asyncio.timeout(10):
            while (await door.http.get("/ready")).json()["status"] != "ready":
                await asyncio.sleep(0.05)
        metrics = (await door.http.get("/metrics")).text
        assert "blog_http_request" in metrics
        assert "blog_jobs_pending" in metrics
        schema = (await door.http.get("/schema/openapi.json")).json()
        assert {"/write-async", "/jobs/{job_id}/status", "/batches/{batch_id}"} <= set(schema["paths"])
        assert (await door.http.get("/schema")).status_code == 200
        assert (await door.http.get("/")).json()["submit"] == "/write-async"


async def test_without_postgres_the_answer_is_try_again(door: Any, postgres_server: Any) -> None:
    async with door.gateway():
        await door.submit()
        name = door.database_url.rpartition("/")[2]
        admin = await asyncpg.connect(postgres_server.url)
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        answer = await door.http.get("/jobs")
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.headers["retry-after"]
        async with asyncio.timeout(10):
            while (await door.http.get("/jobs")).status_code != 200:
                await asyncio.sleep(0.1)
