"""Every NATS subject, each built by a function.

What goes into a subject is one token of it, or ValueError is raised: an identifier with a dot would end up in another
stream, one with a wildcard would speak for all jobs.
"""

from __future__ import annotations

import re

from contracts.commands import CancelJob, JobCommand, RetryJob, SubmitJob
from contracts.dead_letters import DeadLetter
from contracts.events import JobEvent, event_type
from contracts.ids import JobId
from contracts.stages import StageId

COMMANDS = "blog.cmd.*.*"
STAGES = "blog.stage.*.*"
RESULTS = "blog.result.*.*"
EVENTS = "blog.events.*.*"
DEAD_LETTERS = "blog.dead.*"
CANCELLED = "blog.control.cancelled.*"
"""Core NATS, not stored: cancellations, to all workers."""
REPLAY_DELIVERIES = "blog.ask.notifier.replay"
TRY_WEBHOOK = "blog.ask.notifier.try"
"""Core NATS requests: one notifier answers, or nobody does and the client is told so."""

_COMMAND_NAMES = {SubmitJob: "submit", CancelJob: "cancel", RetryJob: "retry"}

_TOKEN = re.compile(r"[^\s.*>\x00-\x1f\x7f]+")


def _token(text: str) -> str:
    if _TOKEN.fullmatch(text) is None:
        raise ValueError(f"{text!r} cannot be part of a subject")
    return text


def command(message: JobCommand) -> str:
    """``blog.cmd.<submit|cancel|retry>.<job_id>``."""
    return f"blog.cmd.{_COMMAND_NAMES[type(message)]}.{_token(message.job_id)}"


def stage(stage_id: StageId, job_id: JobId) -> str:
    """``blog.stage.<stage_id>.<job_id>``."""
    return f"blog.stage.{stage_id}.{_token(job_id)}"


def stage_filter(stage_id: StageId) -> str:
    """All jobs' commands for one stage."""
    return f"blog.stage.{stage_id}.*"


def job_stages(job_id: JobId) -> str:
    """All stage commands of one job."""
    return f"blog.stage.*.{_token(job_id)}"


def result(job_id: JobId, stage_id: StageId) -> str:
    """``blog.result.<job_id>.<stage_id>``: an attempt's result, and its paid calls before."""
    return f"blog.result.{_token(job_id)}.{stage_id}"


def event(message: JobEvent) -> str:
    """``blog.events.<job_id>.<type>``."""
    return f"blog.events.{_token(message.job_id)}.{event_type(message)}"


def event_filter(type_name: str) -> str:
    """One type of event, of all jobs."""
    return f"blog.events.*.{_token(type_name)}"


def dead_letter(letter: DeadLetter) -> str:
    """``blog.dead.<stream>``: by the stream of the message that was put aside."""
    return f"blog.dead.{_token(letter.stream)}"


def cancelled(job_id: JobId) -> str:
    """``blog.control.cancelled.<job_id>``."""
    return f"blog.control.cancelled.{_token(job_id)}"
