"""The account never promises more than the limit, in whatever order stages reserve and settle."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts.spending import Allowance
from stage_workers.chat import Usage
from stage_workers.spending.account import Account, opened, reserved, settled
from stage_workers.spending.tariff import Tariff

LIMIT = 1000


class Bucket:
    """What workers share: a value with a revision, swapped only by whoever has seen the latest one."""

    def __init__(self) -> None:
        self.account, self.revision = Account(), 0

    def swap(self, wanted: Account, revision: int) -> bool:
        if revision != self.revision:
            return False
        self.account, self.revision = wanted, revision + 1
        return True


class Worker:
    """One that reads at one time and writes at another: what others did meanwhile makes it begin anew."""

    def __init__(self, bucket: Bucket, number: int, calls: list[tuple[int, int]]) -> None:
        self.bucket = bucket
        self.todo = [
            (f"{number}.{place}", most, cost % (most + 1)) for place, (most, cost) in enumerate(calls)
        ]
        self.open: list[tuple[str, int]] = []
        self.seen: tuple[Account, int] | None = None
        self.paid = 0
        self.refused = 0

    def step(self) -> None:
        if self.seen is None:
            self.seen = self.bucket.account, self.bucket.revision
            return
        account, revision = self.seen
        self.seen = None
        if self.open:
            call_id, cost = self.open[0]
            if self.bucket.swap(settled(account, call_id, cost), revision):
                self.open.pop()
        elif self.todo:
            call_id, most, cost = self.todo[0]
            wanted = reserved(account, call_id, most, LIMIT)
            if wanted is None:
                self.refused += 1
                self.todo.pop(0)
            elif self.bucket.swap(wanted, revision):
                self.todo.pop(0)
                self.open.append((call_id, cost))
                self.paid += cost


calls = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600)), max_size=6)


@given(work=st.lists(calls, min_size=1, max_size=4), order=st.lists(st.integers(0, 3), max_size=120))
def test_no_interleaving_spends_more_than_the_limit(
    work: list[list[tuple[int, int]]], order: list[int]
) -> None:
    bucket = Bucket()
    workers = [Worker(bucket, number, each) for number, each in enumerate(work)]
    for number in order:
        workers[number % len(workers)].step()
        assert sum(each.paid for each in workers) <= bucket.account.total <= LIMIT
    open_calls = {call_id for each in workers for call_id, _ in each.open}
    assert set(bucket.account.reserved) == open_calls
    settled_cost = sum(each.paid - sum(cost for _, cost in each.open) for each in workers)
    assert bucket.account.spent == settled_cost


@given(amounts=st.lists(st.integers(0, LIMIT), max_size=20))
def test_what_fits_is_set_aside_and_what_does_not_changes_nothing(amounts: list[int]) -> None:
    account = Account()
    for number, amount in enumerate(amounts):
        wanted = reserved(account, str(number), amount, LIMIT)
        assert (wanted is None) == (account.total + amount > LIMIT)
        account = wanted or account


def test_setting_aside_and_settling_again_is_doing_it_once() -> None:
    once = reserved(Account(), "a", 700, LIMIT)
    assert once is not None
    assert reserved(once, "a", 700, LIMIT) is once
    after = settled(once, "a", 20)
    assert after == Account(20)
    assert settled(after, "a", 20) == after


def test_a_lost_account_begins_with_all_that_the_ledger_knows_and_a_found_one_is_raised_by_what_is_settled() -> (
    None
):
    ledger = Allowance(max_micros=LIMIT, settled_micros=300, open_micros=50)
    assert opened(None, ledger).total == 350
    assert opened(Account(100, {"a": 100}), ledger).total == 300
    ahead = Account(290, {"a": 100})
    assert opened(ahead, ledger) == ahead


PRICED = Tariff(model=True, search=True, images=True, input_tokens=0.3, output_tokens=2.5, search_price=0.005)


def test_costs_are_exact_and_rounded_up_to_a_millionth() -> None:
    assert PRICED.answer(Usage(input_tokens=1_000_000, output_tokens=1_000_000)) == 2_800_000
    assert PRICED.answer(Usage(input_tokens=10)) == 3
    assert PRICED.answer(Usage(input_tokens=1)) == 1
    assert PRICED.one_search() == 5000
    used = [Usage(input_tokens=number) for number in range(0, 1000, 7)]
    costs = [PRICED.answer(each) or 0 for each in used]
    assert all(one <= other for one, other in pairwise(costs))


def test_a_price_that_is_not_set_is_named_and_makes_the_cost_unknown() -> None:
    assert PRICED.missing() == ("BLOG_WRITER_PRICE_IMAGE",)
    assert PRICED.one_image() is None
    assert Tariff().missing() == ()
    assert Tariff(model=True, output_tokens=1.0).answer(Usage(output_tokens=9)) is None
    free = Tariff(model=True, search=True, input_tokens=0, output_tokens=0, search_price=0)
    assert (free.missing(), free.one_search()) == ((), 0)
