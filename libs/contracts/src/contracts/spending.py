"""Paid calls on their way to the ledger, and what a stage may spend. Amounts are millionths of a US dollar."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contracts.ids import SentJobId
from contracts.stages import StageId

Micros = Annotated[int, Meta(ge=0, le=2**53)]
Kind = Literal["model", "search", "image"]


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knew of a job's money when a stage's command was made."""

    max_micros: Micros | None = None
    """The most that the job may cost; None for no limit."""
    settled_micros: Micros = 0
    """What its finished calls cost."""
    open_micros: Micros = 0
    """What calls without an outcome may cost, at most."""


class PaidCall(msgspec.Struct, frozen=True, kw_only=True, tag="paid_call"):
    """A call that costs money: told once before it is made, as ``open``, and again when its outcome is known."""

    call_id: Annotated[str, Meta(min_length=1, max_length=100)]
    """Of this one call; one that is repeated has another."""
    job_id: SentJobId
    stage: StageId
    run: int
    round: int
    attempt: int
    kind: Kind
    key: Annotated[str, Meta(max_length=100)]
    """The same for calls that ask the same."""
    name: Annotated[str, Meta(max_length=400)]
    """For people: the query, the picture's title, the model's task."""
    provider: Annotated[str, Meta(max_length=200)]
    state: Literal["open", "done", "refused"]
    """``refused``: the provider did nothing that it charges for."""
    at: datetime
    """When it came to this state, by the worker's clock."""
    reserved_micros: Micros | None = None
    """What it may cost, at most; None when its price is not set."""
    cost_micros: Micros | None = None
    """What it cost, once it is known."""
    input_tokens: Micros = 0
    output_tokens: Micros = 0
