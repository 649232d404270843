"""Workers that do nothing, as fast as they can: all stages, batches as they come. ``python -m bench.workers``."""

from __future__ import annotations

import asyncio
import os

import msgspec
from nats.aio.msg import Msg

from chassis.broker import Outgoing, Publisher, connect
from chassis.clock import SystemClock
from chassis.pull import pull
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.payloads import Inline
from contracts.results import StageDone, StageResult, Summary, Verdict
from contracts.stages import StageId

BATCH = 256
OUTPUT = Inline(msgspec.Raw(b"{}"))


def _outcome(stage: StageId) -> StageDone:
    if stage is StageId.QUALITY:
        return StageDone(output=OUTPUT, verdict=Verdict(passed=True, score=90))
    if stage is StageId.PUBLISH:
        summary = Summary(headline="A headline", slug="a-headline", word_count=900, aeo_score=90)
        return StageDone(output=OUTPUT, summary=summary)
    return StageDone(output=OUTPUT)


def _result(data: bytes) -> Outgoing:
    command = codec.decode(data, RunStage)
    now = SystemClock().now()
    result = StageResult(
        job_id=command.job_id,
        stage=command.stage,
        run=command.run,
        round=command.round,
        attempt=command.attempt,
        outcome=_outcome(command.stage),
        started_at=now,
        finished_at=now,
    )
    number = f"{command.job_id}/{command.stage}/{command.run}/{command.round}/{command.attempt}"
    return Outgoing(subjects.result(command.job_id, command.stage), codec.encode(result), number)


async def main() -> None:
    """Work until the process is ended."""
    client = await connect(os.environ["NATS_URL"], "bench-workers")
    js = client.jetstream()
    publisher = Publisher(js, (streams.RESULTS,))

    async def handle(messages: list[Msg]) -> None:
        results = [_result(message.data) for message in messages]
        confirmed = await publisher.publish_all(results)
        if len(confirmed) != len(results):
            raise RuntimeError("results were not confirmed")
        for message in messages:
            await message.ack()

    durables = [streams.stage_durable(stage) for stage in StageId]
    await asyncio.gather(*(pull(js, streams.STAGES.name, name, lambda: BATCH, handle) for name in durables))


if __name__ == "__main__":
    asyncio.run(main())
