"""Restate's service: every step is a journal entry that the server has on disk before the next step starts.

Steps 5 to 10 run side by side, as in blog-writer's pipeline.
"""

from __future__ import annotations

import restate

article = restate.Service("article")


async def step() -> int:
    return 1


@article.handler()
async def write(ctx: restate.Context) -> int:
    for number in range(4):
        await ctx.run_typed(f"step {number}", step)
    await restate.gather(*(ctx.run_typed(f"step {number}", step) for number in range(4, 10)))
    for number in range(10, 13):
        await ctx.run_typed(f"step {number}", step)
    return 13


app = restate.app([article])
