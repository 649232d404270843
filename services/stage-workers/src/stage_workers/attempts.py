"""One attempt at one stage: from the command's bytes to an outcome, whatever happens inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.js.kv import KeyValue

from chassis import logs
from chassis.clock import Clock
from contracts import codec, results
from contracts.commands import RunStage
from contracts.payloads import FINDINGS_LIMIT, INLINE_LIMIT, RESULT_LIMIT
from contracts.stages import STAGES, StageId
from stage_workers.checkpoints import Checkpoints
from stage_workers.context import Ports, RunningContext
from stage_workers.errors import FetchFailed, Permanent, PortError
from stage_workers.outcome import Done, Fail, Retry
from stage_workers.payloads import Payloads
from stage_workers.registry import StageFunction

log = logs.get_logger(__name__)


class Attempts:
    """Runs stages with their ports."""

    def __init__(
        self,
        registry: Mapping[StageId, StageFunction],
        ports: Ports,
        payloads: Payloads,
        bucket: KeyValue,
        client: Client,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._ports = ports
        self._payloads = payloads
        self._bucket = bucket
        self._client = client
        self._clock = clock

    async def run(self, command: RunStage) -> results.Outcome:
        """Run a stage and return what to report. Only cancellation gets out as an exception."""
        try:
            stage_input = await self._input(command)
        except msgspec.ValidationError as error:
            return results.StageFail(code="invalid_stage_input", reason=str(error))
        except PortError as error:
            return _from_port(error)
        checkpoints = Checkpoints(self._bucket, self._payloads, command)
        context = RunningContext(command, self._ports, checkpoints, self._client, self._clock)
        try:
            fate = await self._registry[command.stage](stage_input, context)
            return await self._reported(command, fate)
        except PortError as error:
            return _from_port(error)
        except Exception as error:
            log.exception("stage_crashed", stage=command.stage.field)
            return results.StageRetry(reason=f"{type(error).__name__}: {error}"[:2000], code="internal_error")

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
                    reason=fate.reason, code=fate.code, after_seconds=fate.after_seconds
                )
            case Fail():
                return results.StageFail(code=fate.code, reason=fate.reason)
        raise TypeError(f"the {command.stage.field} stage returned a {type(fate).__name__}")

    async def _done(self, command: RunStage, fate: Done[Any]) -> results.Outcome:
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


def _from_port(error: PortError) -> results.Outcome:
    """Return the outcome for a port's error that the stage let through."""
    permanent = isinstance(error, Permanent) or (isinstance(error, FetchFailed) and not error.transient)
    if permanent:
        return results.StageFail(code=error.code, reason=error.reason)
    return results.StageRetry(reason=error.reason, code=error.code, after_seconds=error.after_seconds)
