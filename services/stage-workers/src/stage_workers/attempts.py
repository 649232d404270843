"""One attempt at one stage: from the command's bytes to an outcome, whatever happens inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from nats.aio.client import Client

from chassis import logs
from chassis.broker import Publisher
from chassis.clock import Clock
from contracts import codec, results
from contracts.commands import RunStage
from contracts.payloads import FINDINGS_LIMIT, INLINE_LIMIT, RESULT_LIMIT
from contracts.stages import STAGES, StageId
from stage_workers.checkpoints import Bucket, Checkpoints
from stage_workers.context import Ports, RunningContext
from stage_workers.errors import FetchFailed, Permanent, PortError, Unpaid
from stage_workers.outcome import Done, Fail, Retry
from stage_workers.payloads import Payloads
from stage_workers.registry import StageFunction
from stage_workers.spending.metered import metered
from stage_workers.spending.purse import Purse
from stage_workers.spending.tariff import Tariff

log = logs.get_logger(__name__)

E = TypeVar("E", bound=BaseException)

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
        tariff: Tariff | None = None,
    ) -> None:
        self._registry = registry
        self._ports = ports
        self._payloads = payloads
        self._bucket = bucket
        self._client = client
        self._clock = clock
        self._tariff = tariff or Tariff()

    async def run(self, command: RunStage, held: Callable[[], bool] = lambda: True) -> results.Outcome:
        """Run a stage and return what to report. Only cancellation gets out as an exception.

        ``held`` says whether the command is still this worker's; when not, it also has the attempt cancelled.
        """
        if (unpriced := _unpriced(command, self._tariff)) is not None:
            return unpriced
        try:
            stage_input = await self._input(command)
        except msgspec.ValidationError as error:
            return results.StageFail(code="invalid_stage_input", reason=str(error)[:REASON_LIMIT])
        except Exception as error:  # noqa: BLE001  becomes the attempt's outcome
            return _failed(error)
        checkpoints = Checkpoints(self._bucket, self._payloads, command, held)
        ports = self._paid_ports(command, held)
        context = RunningContext(command, ports, checkpoints, self._client, self._clock)
        try:
            fate = await self._registry[command.stage](stage_input, context)
            return await self._reported(command, fate)
        except Exception as error:  # noqa: BLE001  as above
            return _failed(error)

    def _paid_ports(self, command: RunStage, held: Callable[[], bool]) -> Ports:
        if not self._tariff.costs:
            return self._ports
        publisher = Publisher(self._client.jetstream())
        return metered(self._ports, Purse(self._bucket, publisher, command, self._clock, held), self._tariff)

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


def _unpriced(command: RunStage, tariff: Tariff) -> results.StageFail | None:
    """Refuse to spend by a limit that nobody could keep, since a price is not known."""
    missing = tariff.missing()
    if command.allowance is None or command.allowance.max_micros is None or not missing:
        return None
    reason = f"max_cost_usd needs prices, and the worker has no {', '.join(missing)}: set 0 for what is free"
    return results.StageFail(code="price_missing", reason=reason)


def _failed(error: Exception) -> results.Outcome:
    """Return the outcome for what a stage let through: a port's word counts, anything else is a fault of ours."""
    unpaid = _of_kind(error, Unpaid)
    if unpaid is not None:
        return _not_paid(unpaid)
    problem = _port_error(error)
    if problem is None:
        log.error("stage_crashed", exc_info=error)
        reason = f"{type(error).__name__}: {error}"[:REASON_LIMIT]
        return results.StageRetry(reason=reason, code="internal_error")
    reason = problem.reason[:REASON_LIMIT]
    if isinstance(problem, Permanent) or (isinstance(problem, FetchFailed) and not problem.transient):
        return results.StageFail(code=problem.code, reason=reason)
    return results.StageRetry(reason=reason, code=problem.code, after_seconds=problem.after_seconds)


def _of_kind(error: BaseException, kind: type[E]) -> E | None:
    """Return the first error of a kind, also when it comes out of a task group together with others."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := _of_kind(each, kind))), None)
    return error if isinstance(error, kind) else None


def _not_paid(error: Unpaid) -> results.Outcome:
    reason = error.reason[:REASON_LIMIT]
    if error.passes:
        return results.StageRetry(reason=reason, code=error.code)
    return results.StageFail(code=error.code, reason=reason)


def _port_error(error: Exception) -> PortError | None:
    """Return the port's error, also when it comes out of a task group that nothing else failed in."""
    while isinstance(error, ExceptionGroup) and error.split(PortError)[1] is None:
        error = error.exceptions[0]
    return error if isinstance(error, PortError) else None
