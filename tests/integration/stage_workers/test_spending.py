"""Paid calls on a real broker: never more than the limit, told before and after, and refused when nobody could tell."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from chassis.broker import Publisher
from chassis.clock import SystemClock
from contracts import codec, streams
from contracts.results import StageDone, StageFail
from contracts.spending import Allowance, PaidCall
from contracts.stages import CompanyOutput, StageId
from stage_workers.attempts import Attempts
from stage_workers.chat import Conversation, Reply, Usage, UserTurn
from stage_workers.checkpoints import open_bucket
from stage_workers.context import Ports
from stage_workers.errors import PortError, Transient, Unpaid
from stage_workers.outcome import Done
from stage_workers.payloads import Payloads
from stage_workers.spending import purse as purse_module
from stage_workers.spending.account import Account
from stage_workers.spending.metered import MeteredChat
from stage_workers.spending.purse import Asked, Cost, Purse
from stage_workers.spending.tariff import Tariff

LIMIT = 1000
ASKED = Asked(kind="search", key="k", name="heat pumps", provider="searxng", micros=100)
FIRM = CompanyOutput(name="Firm", url="http://127.0.0.1:1", language="en", country="GB")
SEARCHES = Tariff(search=True, search_price=0.0001)


def allowed(limit: int | None = LIMIT, settled: int = 0) -> Allowance:
    return Allowance(max_micros=limit, settled_micros=settled)


class Till:
    """Purses of one job, as its stages have them."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.command = bench.command(allowance=allowed())

    async def purse(self, allowance: Allowance | None = None, **fields: Any) -> Purse:
        command = self.bench.command(
            job_id=self.command.job_id, allowance=allowance or self.command.allowance
        )
        bucket = await open_bucket(self.bench.js)
        return Purse(bucket, Publisher(self.bench.js), command, SystemClock(), **fields)

    async def account(self) -> Account:
        bucket = await open_bucket(self.bench.js)
        entry = await bucket.entry(f"{self.command.job_id}.account")
        assert entry is not None
        return codec.decode(entry[0], Account)

    async def told(self) -> list[PaidCall]:
        """Return the paid calls in the stream, in order."""
        state = (await self.bench.js.stream_info(streams.RESULTS.name)).state
        numbers = range(state.first_seq, state.last_seq + 1) if state.messages else []
        messages = [await self.bench.js.get_msg(streams.RESULTS.name, number) for number in numbers]
        reports = [codec.decode_report(message.data or b"") for message in messages]
        return [each for each in reports if isinstance(each, PaidCall)]


@pytest.fixture
def till(bench: Any) -> Till:
    return Till(bench)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purse_module, "FIRST_PAUSE", 0.01)


async def nothing() -> None:
    return


def costing(micros: int) -> Any:
    return lambda _: Cost(micros=micros)


async def test_stages_that_pay_at_once_never_set_more_aside_than_the_limit(till: Till) -> None:
    begun, gate = 0, asyncio.Event()

    async def call() -> None:
        nonlocal begun
        begun += 1
        await gate.wait()

    async def stage() -> str:
        purse = await till.purse()
        try:
            await purse.pay(ASKED, call, costing(30))
        except Unpaid as error:
            return error.code
        return "paid"

    stages = [asyncio.create_task(stage()) for _ in range(14)]
    await till.bench.until(lambda: sum(each.done() for each in stages) == 4, 30)
    await till.bench.until(lambda: begun == 10, 30)
    assert (await till.account()).total == LIMIT
    gate.set()
    fates = Counter(await asyncio.gather(*stages))
    assert fates == {"paid": 10, "budget_exceeded": 4}
    assert await till.account() == Account(300)


async def test_a_call_is_told_before_it_is_made_and_with_its_cost_after(till: Till) -> None:
    purse = await till.purse()

    async def call() -> str:
        assert [each.state for each in await till.told()] == ["open"]
        return "found"

    def cost(_: str) -> Cost:
        return Cost(micros=70, input_tokens=9, output_tokens=4)

    assert await purse.pay(ASKED, call, cost) == "found"
    before, after = await till.told()
    assert before.call_id == after.call_id
    assert (before.reserved_micros, before.cost_micros, before.name) == (100, None, "heat pumps")
    assert (after.state, after.cost_micros, after.input_tokens, after.output_tokens) == ("done", 70, 9, 4)


async def test_without_a_limit_calls_are_told_and_no_account_is_kept(till: Till) -> None:
    purse = await till.purse(allowed(None))
    await purse.pay(ASKED, nothing, costing(70))
    assert [each.state for each in await till.told()] == ["open", "done"]
    assert await (await open_bucket(till.bench.js)).entry(f"{till.command.job_id}.account") is None


async def test_for_an_orchestrator_without_a_ledger_nothing_is_told(till: Till) -> None:
    bucket = await open_bucket(till.bench.js)
    purse = Purse(bucket, Publisher(till.bench.js), till.bench.command(), SystemClock())
    await purse.pay(ASKED, nothing, costing(70))
    assert await till.told() == []


async def test_a_call_that_is_cut_off_or_late_stays_set_aside_and_a_refused_one_costs_nothing(
    till: Till,
) -> None:
    purse, begun = await till.purse(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(purse.pay(ASKED, hang, costing(70)))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for code in ("search_timeout", "search_rate_limited"):

        async def fail(code: str = code) -> None:
            raise Transient(code, "no")

        with pytest.raises(Transient):
            await purse.pay(ASKED, fail, costing(70))
    assert sorted((await till.account()).reserved.values()) == [100, 100]
    assert [each.state for each in await till.told()] == ["open", "open", "open", "refused"]


async def test_a_lost_bucket_is_made_again_from_what_was_seen_and_from_the_ledger(till: Till) -> None:
    purse = await till.purse()
    await purse.pay(ASKED, nothing, costing(70))
    await till.bench.js.delete_key_value(streams.CHECKPOINTS_BUCKET)
    await purse.pay(ASKED, nothing, costing(20))
    assert await till.account() == Account(90)
    await till.bench.js.delete_key_value(streams.CHECKPOINTS_BUCKET)
    other = await till.purse(allowed(settled=950))
    with pytest.raises(Unpaid, match=r"0\.000950 USD of 0\.001000 USD"):
        await other.pay(ASKED, nothing, costing(20))


async def test_a_call_that_the_ledger_cannot_be_told_of_is_not_made(till: Till) -> None:
    purse, made = await till.purse(), False

    async def call() -> None:
        nonlocal made
        made = True

    await till.bench.js.delete_stream(streams.RESULTS.name)
    with pytest.raises(Unpaid) as caught:
        await purse.pay(ASKED, call, costing(1))
    assert (caught.value.code, caught.value.passes, made) == ("ledger_unavailable", True, False)
    assert (await till.account()).total == 0, "what was set aside for it is still set aside"


async def test_without_a_limit_a_call_is_made_though_the_ledger_cannot_be_told(till: Till) -> None:
    purse = await till.purse(allowed(None))

    async def call() -> str:
        return "found"

    await till.bench.js.delete_stream(streams.RESULTS.name)
    assert await purse.pay(ASKED, call, costing(1)) == "found"


async def test_what_the_ledger_heard_of_is_not_set_aside_any_more(till: Till) -> None:
    purse = await till.purse()

    async def call() -> None:
        await till.bench.js.delete_stream(streams.RESULTS.name)

    await purse.pay(ASKED, call, costing(70))
    assert await till.account() == Account(70)


@pytest.mark.parametrize("looks", [0, 1], ids=["before", "while the ledger is told"])
async def test_a_worker_whose_command_is_another_s_makes_no_call_and_sets_nothing_aside(
    till: Till, looks: int
) -> None:
    answers = iter([True] * looks)
    purse, made = await till.purse(held=lambda: next(answers, False)), False

    async def call() -> None:
        nonlocal made
        made = True

    task = asyncio.create_task(purse.pay(ASKED, call, costing(1)))
    await till.bench.until(lambda: _has_told(till, ["open", "refused"][: 2 * looks]))
    await till.bench.never(lambda: made or task.done(), 0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if looks:
        assert await till.account() == Account(0)


async def _has_told(till: Till, states: list[str]) -> bool:
    return [each.state for each in await till.told()] == states


class Chat:
    """A ChatModel that notes what it is asked."""

    name = "fake/writer"

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        self.asked: list[Conversation] = []

    async def complete(self, conversation: Conversation) -> Reply:
        self.asked.append(conversation)
        return Reply(text="answer", usage=self.usage)


TOKENS = Tariff(model=True, input_tokens=1.0, output_tokens=10.0, most_output_tokens=50)
QUESTION = Conversation(system="s", turns=(UserTurn(text="q" * 40),))


async def test_a_model_s_answer_is_bounded_by_what_was_set_aside_and_booked_by_its_tokens(till: Till) -> None:
    chat = Chat(Usage(input_tokens=12, output_tokens=7))
    await MeteredChat(chat, await till.purse(), TOKENS).complete(QUESTION)
    assert chat.asked[0].most_tokens == 50
    _, after = await till.told()
    assert (after.cost_micros, after.input_tokens, after.output_tokens) == (82, 12, 7)
    assert (after.reserved_micros or 0) >= 40 + 500


async def test_a_model_that_counts_no_tokens_is_booked_at_the_most_it_can_cost(till: Till) -> None:
    await MeteredChat(Chat(Usage()), await till.purse(), TOKENS).complete(QUESTION)
    _, after = await till.told()
    assert after.cost_micros == after.reserved_micros


async def test_without_a_limit_a_model_s_answer_is_not_bounded(till: Till) -> None:
    chat = Chat(Usage(input_tokens=1))
    await MeteredChat(chat, await till.purse(allowed(None)), TOKENS).complete(QUESTION)
    assert chat.asked[0].most_tokens is None


class Engine:
    """A SearchEngine that finds nothing and counts."""

    name = "searxng"

    def __init__(self) -> None:
        self.asked = 0

    async def search(self, query: str, **_: Any) -> tuple[()]:  # noqa: ARG002
        self.asked += 1
        return ()


class Trial:
    """Attempts at a stage that searches three times, and can do without an answer."""

    def __init__(self, bench: Any, tariff: Tariff, bucket: Any) -> None:
        self.engine = Engine()
        ports = Ports(None, None, self.engine, None, None)
        registry = {StageId.COMPANY: self.stage}
        self.attempts = Attempts(
            registry, ports, Payloads(bench.objects), bucket, bench.client, SystemClock(), tariff
        )

    async def stage(self, inp: Any, ctx: Any) -> Any:  # noqa: ARG002
        for query in ("one", "two", "three"):
            try:
                await ctx.checkpoint(query, tuple[()], lambda query=query: ctx.search.search(
                    query, site="", pages=(), limit=3
                ))  # fmt: skip
            except PortError:
                continue
        return Done(FIRM)


@pytest.fixture
async def trial(bench: Any) -> Any:
    bucket = await open_bucket(bench.js)
    return lambda tariff=SEARCHES: Trial(bench, tariff, bucket)


async def test_a_stage_cannot_go_on_without_what_it_may_not_pay_and_a_higher_limit_repeats_nothing(
    trial: Any, bench: Any
) -> None:
    mine = trial()
    command = bench.command(allowance=allowed(limit=250))
    outcome = await mine.attempts.run(command)
    assert isinstance(outcome, StageFail)
    assert outcome.code == "budget_exceeded"
    assert "three" in outcome.reason
    assert mine.engine.asked == 2
    again = bench.command(job_id=command.job_id, run=2, allowance=allowed(limit=300))
    assert isinstance(await mine.attempts.run(again), StageDone)
    assert mine.engine.asked == 3


async def test_a_limit_without_a_price_is_refused_before_anything_is_spent(trial: Any, bench: Any) -> None:
    mine = trial(Tariff(search=True))
    outcome = await mine.attempts.run(bench.command(allowance=allowed()))
    assert isinstance(outcome, StageFail)
    assert (outcome.code, mine.engine.asked) == ("price_missing", 0)
    assert "BLOG_WRITER_PRICE_SEARCH" in outcome.reason
    assert isinstance(await mine.attempts.run(bench.command(allowance=allowed(None))), StageDone)


async def test_ports_that_cost_nothing_tell_nothing(trial: Any, till: Till, bench: Any) -> None:
    mine = trial(Tariff())
    assert isinstance(await mine.attempts.run(bench.command(allowance=allowed())), StageDone)
    assert mine.engine.asked == 3
    assert await till.told() == []
