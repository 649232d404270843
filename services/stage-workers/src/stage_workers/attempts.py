"""One attempt at one stage: from the command's bytes to an outcome, whatever happens inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from nats.aio.client import Client

from chassis import logs
from chassis.clock import Clock
from contracts import codec, results
from contracts.commands import RunStage
from contracts.payloads import FINDINGS_LIMIT, INLINE_LIMIT, RESULT_LIMIT
from contracts.stages import STAGES, StageId
from stage_workers.checkpoints import Bucket, Checkpoints
from stage_workers.context import Ports, RunningContext
from stage_workers.errors import FetchFailed, Permanent, PortError
from stage_workers.outcome import Done, Fail, Retry
from stage_workers.payloads import Payloads
from stage_workers.registry import StageFunction

log = logs.get_logger(__name__)

REASON_LIMIT = 2000
"""Characters of a reason that are reported; more would help nobody, and might not fit into a message."""


class Attempts:
    """Runs stages with their ports."""

    def __init__(
        self,
        registry: Mapping[StageId, StageFunction],
        ports: Ports,
        payloads: Payloads,
        bucket: Bucket,
        client: Client,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._ports = ports
        self._payloads = payloads
        self._bucket = bucket
        self._client = client
        self._clock = clock

    async def run(self, command: RunStage, held: Callable[[], bool] = lambda: True) -> results.Outcome:
        """Run a stage and return what to report. Only cancellation gets out as an exception.

        ``held`` says whether the command is still this worker's; when not, it also has the attempt cancelled.
        """
        try:
            stage_input = await self._input(command)
        except msgspec.ValidationError as error:
            return results.StageFail(code="invalid_stage_input", reason=str(error)[:REASON_LIMIT])
        except Exception as error:  # noqa: BLE001  becomes the attempt's outcome
            return _failed(error)
        checkpoints = Checkpoints(self._bucket, self._payloads, command, held)
        context = RunningContext(command, self._ports, checkpoints, self._client, self._clock)
        try:
            fate = await self._registry[command.stage](stage_input, context)
            return await self._reported(command, fate)
        except Exception as error:  # noqa: BLE001  as above
            return _failed(error)

    async def _input(self, command: RunStage) -> Any:
        """Put the input together from its fields, wherever they travelled."""
        loaded = {name: await self._payloads.load(payload) for name, payload in command.inputs.items()}
        fields = {name: msgspec.Raw(data) for name, data in loaded.items()}
        return codec.decode(codec.encode(fields), STAGES[command.stage].input)

    async def _reported(self, command: RunStage, fate: Any) -> results.Outcome:
        match fate:
            case Done():
                return await self._done(command, fate)
            case Retry():
                return results.StageRetry(
                    reason=fate.reason[:REASON_LIMIT], code=fate.code, after_seconds=fate.after_seconds
                )
            case Fail():
                return results.StageFail(code=fate.code, reason=fate.reason[:REASON_LIMIT])
        raise TypeError(f"the {command.stage.field} stage returned a {type(fate).__name__}")

    async def _done(self, command: RunStage, fate: Done[Any]) -> results.Outcome:
        expected = STAGES[command.stage].output
        if not isinstance(fate.output, expected):
            raise TypeError(f"the output is a {type(fate.output).__name__}, not a {expected.__name__}")
        data = codec.encode(fate.output)
        last = command.stage is StageId.PUBLISH
        if last and len(data) > RESULT_LIMIT:
            reason = f"the article has {len(data)} bytes as JSON; at most {RESULT_LIMIT} are possible"
            return results.StageFail(code="output_too_large", reason=reason)
        name = f"{command.stage}-{command.run}-{command.round}-{command.attempt}.json"
        limit = RESULT_LIMIT if last else INLINE_LIMIT
        output = await self._payloads.pack(data, f"{command.job_id}/outputs/{name}", limit)
        return results.StageDone(output=output, verdict=_bounded(fate.verdict), summary=fate.summary)


def _bounded(verdict: results.Verdict | None) -> results.Verdict | None:
    """Leave out findings that would not fit into the commands of later rounds; the gate's word stays as it is."""
    if verdict is None:
        return None
    return msgspec.structs.replace(verdict, findings=codec.fitting(verdict.findings, FINDINGS_LIMIT))


def _failed(error: Exception) -> results.Outcome:
    """Return the outcome for what a stage let through: a port's word counts, anything else is a fault of ours."""
    problem = _port_error(error)
    if problem is None:
        log.error("stage_crashed", exc_info=error)
        reason = f"{type(error).__name__}: {error}"[:REASON_LIMIT]
        return results.StageRetry(reason=reason, code="internal_error")
    reason = problem.reason[:REASON_LIMIT]
    if isinstance(problem, Permanent) or (isinstance(problem, FetchFailed) and not problem.transient):
        return results.StageFail(code=problem.code, reason=reason)
    return results.StageRetry(reason=reason, code=problem.code, after_seconds=problem.after_seconds)


def _port_error(error: Exception) -> PortError | None:
    """Return the port's error, also when it comes out of a task group that nothing else failed in."""
    while isinstance(error, ExceptionGroup) and error.split(PortError)[1] is None:
        error = error.exceptions[0]
    return error if isinstance(error, PortError) else None
