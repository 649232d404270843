"""What follows a commit: publish, stop workers, count, log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from chassis import logs
from chassis.broker import Publisher
from contracts import codec, streams, subjects
from contracts.commands import JobCancelled
from contracts.events import (
    Cancelled,
    Completed,
    Event,
    Failed,
    QualityRejected,
    StageCompleted,
    StageRetrying,
    Started,
    Submitted,
)
from contracts.ids import JobId
from contracts.stages import StageId
from orchestrator import metrics
from orchestrator.fold import Happening, Refused, Verdict
from orchestrator.job import Deferred, Emit, Ignored, Transition
from orchestrator.store import Advanced, JobStore, may_pass
from orchestrator.writes import of_kind

log = logs.get_logger(__name__)


class Advancer:
    """Applies inputs through the store and does what a commit leaves to do."""

    def __init__(self, store: JobStore, client: Client) -> None:
        self.store = store
        self.slots_changed = asyncio.Event()
        """Set when a job became pending or ended: admission has something to decide."""
        self._client = client
        self._js: JetStreamContext = client.jetstream()
        self._publisher = Publisher(self._js, streams.ALL)

    async def apply(self, batch: Sequence[Happening]) -> list[Verdict]:
        """Commit a batch, then see to its consequences; return a verdict for each input.

        When it cannot be applied for a reason other than the database's state, each input is applied on its own, so
        that only the culprit is refused.
        """
        if not batch:
            return []
        try:
            advanced = await self.store.advance(batch)
        except Exception as error:
            if may_pass(error):
                raise
            if len(batch) == 1:
                log.exception("input_refused", job_id=batch[0][0], input=type(batch[0][1]).__name__)
                return [Refused(f"{type(error).__name__}: {error}")]
            return [verdict for one in batch for verdict in await self.apply([one])]
        for (job_id, happened), verdict in zip(batch, advanced.verdicts, strict=True):
            if isinstance(verdict, Ignored):
                log.debug(
                    "input_ignored", job_id=job_id, input=type(happened).__name__, reason=verdict.reason
                )
            elif isinstance(verdict, Deferred):
                log.info(
                    "input_deferred", job_id=job_id, input=type(happened).__name__, reason=verdict.reason
                )
        await self._follow(advanced)
        return advanced.verdicts

    async def admit(self, slots: int, per_tenant: int | None = None) -> int:
        """Fill the free slots; return how many jobs were admitted. One that cannot be fails, and holds up no other."""
        try:
            advanced = [await self.store.admit(slots, per_tenant)]
        except Exception as error:
            if may_pass(error):
                raise
            log.exception("admission_failed")
            advanced = []
        if not advanced or not all(isinstance(verdict, Transition) for verdict in advanced[0].verdicts):
            advanced += await self.store.admit_singly(slots, per_tenant)
        for one in advanced:
            await self._follow(one)
        return sum(job.state == "running" for one in advanced for job in one.jobs.values())

    async def relay(self) -> int:
        """Send what a crash or a broken link left in the outbox."""
        return await self.store.outbox.relay(self.store.pool, self._publisher)

    async def _follow(self, advanced: Advanced) -> None:
        if any(job.finished or job.state == "pending" for job in advanced.jobs.values()):
            self.slots_changed.set()
        for _, emit in of_kind(advanced.effects, Emit):
            tell(emit.event)
        await asyncio.gather(
            self.store.outbox.send(self.store.pool, self._publisher, advanced.messages),
            *(self._stop(job_id) for job_id in advanced.stopped),
        )

    async def _stop(self, job_id: JobId) -> None:
        """Tell workers to stop, and take undelivered commands out of the stream. Best effort: the row decides."""
        try:
            await self._client.publish(subjects.cancelled(job_id), codec.encode(JobCancelled(job_id=job_id)))
            await self._js.purge_stream(streams.STAGES.name, subject=subjects.job_stages(job_id))
        except NatsError as error:
            log.warning("stop_not_announced", job_id=job_id, reason=str(error) or repr(error))


def tell(event: Event) -> None:
    """Log and count a public event."""
    match event:
        case Submitted():
            metrics.SUBMITTED.inc()
            log.info(
                "job_submitted", job_id=event.job_id, keyword=event.primary_keyword, priority=event.priority
            )
        case Started():
            log.info("job_started", job_id=event.job_id, run=event.run)
        case StageCompleted():
            metrics.STAGE_SECONDS.labels(event.name).observe(event.duration_seconds)
            metrics.QUALITY_ROUNDS.inc(event.stage is StageId.QUALITY)
            log.info("stage_completed", job_id=event.job_id, stage=event.name, seconds=event.duration_seconds)
        case StageRetrying():
            log.warning(
                "stage_retrying", job_id=event.job_id, stage=event.name, code=event.code, reason=event.reason
            )
        case QualityRejected():
            metrics.QUALITY_REJECTIONS.inc()
            metrics.REGENERATION_ROUNDS.inc(event.next_round is not None)
            log.info("quality_rejected", job_id=event.job_id, round=event.round, score=event.score)
        case Completed() | Failed() | Cancelled():
            _tell_end(event)


def _tell_end(event: Completed | Failed | Cancelled) -> None:
    match event:
        case Completed():
            metrics.COMPLETED.inc()
            metrics.AEO_SCORE.observe(event.quality_score)
            metrics.GATE_PASSED.labels(str(event.quality_passed).lower()).inc()
            log.info(
                "job_completed",
                job_id=event.job_id,
                duration_seconds=event.duration_seconds,
                aeo_score=event.quality_score,
                word_count=event.word_count,
                quality_passed=event.quality_passed,
            )
        case Failed():
            metrics.FAILED.inc()
            log.warning("job_failed", job_id=event.job_id, error=event.error, error_code=event.error_code)
        case Cancelled():
            metrics.CANCELLED.inc()
            log.info("job_cancelled", job_id=event.job_id)
