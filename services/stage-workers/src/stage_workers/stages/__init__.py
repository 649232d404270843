"""The stages, one file each. No stage knows another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from contracts.stages import StageId
from stage_workers.ports import StageContext

StageFunction = Callable[[Any, StageContext], Awaitable[Any]]
"""``async def run(inp, ctx) -> Done | Retry | Fail``, with the input type of contracts.stages."""
REGISTRY: dict[StageId, StageFunction] = {}
