"""Commands that no worker can run, put aside as dead letters; the orchestrator fails their stages."""

from __future__ import annotations

from nats.aio.msg import Msg

from chassis import logs
from chassis.broker import Outgoing, Publisher, delivered
from chassis.clock import Clock
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.dead_letters import DeadLetterCode, dead_letter
from contracts.stages import PIPELINE_VERSION
from stage_workers.claims import Claim

log = logs.get_logger(__name__)

SERVICE = "stage-workers"
LATER_VERSION_DELIVERIES = 120
"""Deliveries of a command of a later pipeline, five seconds apart, for which a worker hands it back to those of its
release: ten minutes, in which a deploy should bring one."""
PATIENCE = {
    DeadLetterCode.UNKNOWN_VERSION: LATER_VERSION_DELIVERIES,
    DeadLetterCode.WORKER_LOST: streams.STAGE_MAX_DELIVERIES,
}
"""Deliveries after which a command that is not to be run here is put aside."""


def hopeless(command: RunStage, lost: int) -> tuple[DeadLetterCode, str] | None:
    """Return why a command is not to be run here, None when it is; ``lost`` workers took it and never reported."""
    if command.pipeline_version > PIPELINE_VERSION:
        reason = f"made for pipeline version {command.pipeline_version}; this worker knows {PIPELINE_VERSION}"
        return DeadLetterCode.UNKNOWN_VERSION, reason
    if lost >= streams.STAGE_MAX_DELIVERIES:
        return DeadLetterCode.WORKER_LOST, f"{lost} workers took this stage and none reported"
    return None


class Aside:
    """Where commands go that nobody can run."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    async def put(self, message: Msg, code: DeadLetterCode, reason: str) -> None:
        """Report a message and have it never delivered again; it comes again when the report is not confirmed."""
        letter = dead_letter(
            delivered(message), code, reason, SERVICE, self._clock.now(), self._publisher.limit
        )
        report = Outgoing(subjects.dead_letter(letter), codec.encode(letter), letter.message_id)
        log.error("message_put_aside", subject=message.subject, code=code.value, reason=reason)
        claim = Claim(message)
        if await self._publisher.publish_all([report]):
            await claim.reject()
        else:
            await claim.hand_back_later()
