"""Makes the paid calls of one attempt: sets money aside, tells the ledger, calls, settles, and tells the ledger again.

The account lies in the workers' bucket, and every change to it is a compare-and-swap: stages of one job that run side
by side never set the same money aside. The ledger is told through the stream of results, before the call and after it;
a worker that dies between the two leaves an intent without an outcome there, which is how it is known that a call that
is made again may have been paid for before.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import msgspec
from nats.errors import Error as NatsError

from chassis import logs
from chassis.broker import Outgoing, Publisher
from chassis.clock import Clock
from contracts import codec, subjects
from contracts.commands import RunStage
from contracts.spending import Kind, PaidCall
from stage_workers.checkpoints import FIRST_PAUSE, TRIES, Bucket
from stage_workers.errors import PortError, Unpaid
from stage_workers.spending.account import Account, opened, reserved, settled

log = logs.get_logger(__name__)

T = TypeVar("T")

COLLISIONS = 200
"""Tries at a change that others were faster with; each time one of them has got on."""
LONGEST_NAME = 200
_REFUSED = frozenset(("rate_limited", "unavailable", "key", "request", "unknown"))


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is to be made."""

    kind: Kind
    key: str
    name: str
    provider: str
    micros: int | None
    """What it may cost, at most; None when its price is not set."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to."""

    micros: int | None
    input_tokens: int = 0
    output_tokens: int = 0


class Purse:
    """What one attempt pays from."""

    def __init__(
        self,
        bucket: Bucket,
        publisher: Publisher,
        command: RunStage,
        clock: Clock,
        held: Callable[[], bool] = lambda: True,
    ) -> None:
        self._bucket = bucket
        self._publisher = publisher
        self._command = command
        self._clock = clock
        self._held = held
        self._name = f"{command.job_id}.account"
        self._changing = asyncio.Lock()
        self._known: Account | None = None
        """The account as it was last seen: what to go on with should the bucket be lost."""

    @property
    def limited(self) -> bool:
        """Whether the job has a limit."""
        return self._command.allowance is not None and self._command.allowance.max_micros is not None

    async def pay(self, asked: Asked, call: Callable[[], Awaitable[T]], cost: Callable[[T], Cost]) -> T:
        """Return what ``call`` returns. Raises what it raises, and Unpaid when it may not be made.

        A call that is cancelled, or fails so that nobody can say whether it was charged for, stays reserved.
        """
        if not self._held():
            await asyncio.Event().wait()  # until the attempt's cancellation comes here
        intent = self._intent(asked)
        await self._reserve(intent)
        await self._announce(intent)
        if not self._held():
            await self._settle(intent, "refused", Cost(micros=0))
            await asyncio.Event().wait()  # as above
        try:
            result = await call()
        except PortError as error:
            if costs_nothing(error):
                await self._settle(intent, "refused", Cost(micros=0))
            raise
        await self._settle(intent, "done", cost(result))
        return result

    def _intent(self, asked: Asked) -> PaidCall:
        command = self._command
        return PaidCall(
            call_id=uuid.uuid4().hex,
            job_id=command.job_id,
            stage=command.stage,
            run=command.run,
            round=command.round,
            attempt=command.attempt,
            kind=asked.kind,
            key=asked.key,
            name=asked.name[:LONGEST_NAME],
            provider=asked.provider[:LONGEST_NAME],
            state="open",
            at=self._clock.now(),
            reserved_micros=asked.micros,
        )

    async def _reserve(self, intent: PaidCall) -> None:
        allowance = self._command.allowance
        if allowance is None or allowance.max_micros is None:
            return
        limit, amount = allowance.max_micros, intent.reserved_micros or 0
        account = await self._changed(lambda found: reserved(found, intent.call_id, amount, limit))
        if account is None:
            raise Unpaid("budget_exceeded", _exceeded(intent, self._known, limit))

    async def _announce(self, intent: PaidCall) -> None:
        """Tell the ledger of a call that will be made. Without a limit the call is made all the same."""
        try:
            await self._tell(intent, TRIES)
        except Unpaid as error:
            if self.limited:
                await self._book(intent, 0)
                raise
            log.warning("paid_call_untold", call_id=intent.call_id, reason=error.reason)

    async def _book(self, intent: PaidCall, micros: int) -> None:
        """Put a call's cost in place of what was set aside for it, if the account can be reached."""
        if not self.limited:
            return
        try:
            await self._changed(lambda found: settled(found, intent.call_id, micros))
        except Unpaid as error:
            log.warning("paid_call_unsettled", call_id=intent.call_id, reason=error.reason)

    async def _settle(self, intent: PaidCall, state: str, cost: Cost) -> None:
        """Tell the outcome. A result that was paid for is not given up because the books are out of reach."""
        outcome = msgspec.structs.replace(
            intent,
            state=state,
            at=self._clock.now(),
            cost_micros=cost.micros,
            input_tokens=cost.input_tokens,
            output_tokens=cost.output_tokens,
        )
        await self._book(
            intent, cost.micros or 0
        )  # first: what the ledger settled would stay set aside for ever
        try:
            await self._tell(outcome, TRIES)
        except Unpaid as error:
            log.warning("paid_call_unsettled", call_id=intent.call_id, reason=error.reason)

    async def _tell(self, call: PaidCall, tries: int) -> None:
        if self._command.allowance is None:
            return
        subject = subjects.result(call.job_id, call.stage)
        message = Outgoing(subject, codec.encode(call), f"{call.call_id}/{call.state}")
        for number in range(tries):
            if number:
                await asyncio.sleep(FIRST_PAUSE * 2 ** (number - 1))
            if await self._publisher.publish_all([message]):
                return
        raise Unpaid("ledger_unavailable", "the ledger could not be told of a paid call", passes=True)

    async def _changed(self, change: Callable[[Account], Account | None]) -> Account | None:
        """Apply a change to the account, whoever else changes it; return None when the change is refused."""
        async with self._changing:
            for number in range(TRIES):
                if number:
                    await asyncio.sleep(FIRST_PAUSE * 2 ** (number - 1))
                try:
                    return await self._swapped(change)
                except (NatsError, OSError) as error:
                    reason = str(error) or repr(error)
                    log.warning("account_unanswered", attempt=number + 1, reason=reason)
        raise Unpaid("ledger_unavailable", f"the job's account cannot be reached: {reason}", passes=True)

    async def _swapped(self, change: Callable[[Account], Account | None]) -> Account | None:
        for number in range(COLLISIONS):
            account, revision = await self._read()
            wanted = change(account)
            if wanted is None or (wanted is account and revision):
                self._known = account
                return wanted
            if await self._bucket.swap(self._name, codec.encode(wanted), revision):
                self._known = wanted
                return wanted
            await asyncio.sleep(0.001 * min(number, 20))
        raise Unpaid("ledger_unavailable", "the job's account is too busy", passes=True)

    async def _read(self) -> tuple[Account, int]:
        """Return the account and its revision, 0 when it has to be made."""
        assert self._command.allowance is not None  # noqa: S101  the callers have looked
        entry = await self._bucket.entry(self._name)
        if entry is None:
            return self._known or opened(None, self._command.allowance), 0
        value, revision = entry
        return opened(codec.decode(value, Account), self._command.allowance), revision


def costs_nothing(error: PortError) -> bool:
    """Whether a provider that failed like this charges for nothing: it refused, or was never reached."""
    if isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
        return True
    return error.code.partition("_")[2] in _REFUSED


def _exceeded(intent: PaidCall, account: Account | None, limit: int) -> str:
    spent = account.total if account is not None else 0
    asked = intent.reserved_micros or 0
    return (
        f"a {intent.kind} call ({intent.name}) may cost {_usd(asked)}, which does not fit into max_cost_usd: "
        f"{_usd(spent)} of {_usd(limit)} are spent or set aside"
    )


def _usd(micros: int) -> str:
    return f"{micros / 1_000_000:.6f} USD"
