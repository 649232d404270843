"""A job's account with its workers: what its calls have cost and may still cost. Pure; amounts are millionths of a US
dollar.

The ledger in Postgres is the record. This account answers a question that the ledger is too far away for: may this
call be made, while other stages of the job make theirs?
"""

from __future__ import annotations

import msgspec

from contracts.spending import Allowance


class Account(msgspec.Struct, frozen=True):
    """Of one job."""

    spent: int = 0
    """What has been settled."""
    reserved: dict[str, int] = {}
    """What calls without an outcome may cost at most, by call. A call that was cut off stays here: it may have cost it."""

    @property
    def total(self) -> int:
        """What counts against the job's limit."""
        return self.spent + sum(self.reserved.values())


def opened(found: Account | None, allowance: Allowance) -> Account:
    """Return the account to go on with: never less than what the ledger knows to be spent, all of it if it was lost."""
    if found is None:
        return Account(allowance.settled_micros + allowance.open_micros)
    missing = max(0, allowance.settled_micros - found.total)
    return msgspec.structs.replace(found, spent=found.spent + missing)


def reserved(account: Account, call_id: str, amount: int, limit: int) -> Account | None:
    """Return the account with so much set aside for a call; None when that would exceed the limit."""
    if call_id in account.reserved:
        return account
    if account.total + amount > limit:
        return None
    return msgspec.structs.replace(account, reserved={**account.reserved, call_id: amount})


def settled(account: Account, call_id: str, cost: int) -> Account:
    """Return the account with a call's cost in place of what was set aside for it; twice is once."""
    if call_id not in account.reserved:
        return account
    others = {each: amount for each, amount in account.reserved.items() if each != call_id}
    return Account(account.spent + cost, others)
