"""Celery's task: acknowledged late, its result and the next step's message are in Redis before that one runs."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    broker_connection_retry_on_startup=True,
    result_expires=3600,
)


@app.task(name="step", ignore_result=False)
def step(number: int) -> int:
    """Do nothing, durably."""
    return number + 1
