"""Procrastinate's task: a step is a job row; its end and the next step are committed before that one runs.

Tasks have no fan-in, so the thirteen steps run in a chain.
"""

from __future__ import annotations

import os

from bench.peers.load import STEPS
from procrastinate import App, PsycopgConnector

CHANNEL = "article_done"

app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"], min_size=4, max_size=20))


@app.task(name="step")
async def step(article: str, number: int) -> None:
    """Hand on, or tell the client that the last step is done."""
    if number + 1 < STEPS:
        await step.defer_async(article=article, number=number + 1)
    else:
        await app.connector.execute_query_async(
            "SELECT pg_notify(%(channel)s, %(article)s)", channel=CHANNEL, article=article
        )
