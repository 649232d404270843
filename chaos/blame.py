"""Which faults could have caused a repetition. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.evidence import Evidence
from chaos.records import Call, Fault
from contracts.streams import STAGE_ACK_WAIT_SECONDS

NOTIFIER_TARGETS = {
    "notifier",
    "notifier-postgres",
    "notifier-nats",
    "notifier-sinks",
    "postgres",
    "services",
}
BROKER_TARGETS = {"nats", "workers-nats", "BLOG_STAGES"}
WAKE_SECONDS = 8.0
"""For how long after its end a fault may still cause something: reconnecting, restarting, timing out."""
CALL_SECONDS = 1.0
POST_SECONDS = 4.0


def overlaps(fault: Fault, start: float, end: float) -> bool:
    """Whether a fault, or its aftermath, falls into a time."""
    return fault.at <= end and fault.ended + WAKE_SECONDS >= start


def could_repeat_webhook(evidence: Evidence, first: float, second: float) -> bool:
    """Whether something hit the sending of a webhook between two receipts of it."""
    return any(
        fault.target in NOTIFIER_TARGETS and overlaps(fault, first - POST_SECONDS, second)
        for fault in evidence.faults
    )


def could_repeat_call(evidence: Evidence, calls: Sequence[Call]) -> int:
    """Return how many faults could have repeated a call: those at its workers, at their broker, and copies."""
    start, end = calls[0].at - CALL_SECONDS, calls[-1].at
    workers = {call.worker for call in calls[:-1]} | {"services"}
    faults = [
        fault
        for fault in evidence.faults
        if fault.target in workers | BROKER_TARGETS and overlaps(fault, start, end)
    ]
    subject = f"blog.stage.{calls[0].stage}.{calls[0].job_id}"
    copies = [
        copy
        for copy in evidence.copies
        if copy.subject == subject and start - STAGE_ACK_WAIT_SECONDS <= copy.at <= end
    ]
    return len(faults) + len(copies) + _stood_still(evidence, calls) + _retries(evidence, calls)


def _stood_still(evidence: Evidence, calls: Sequence[Call]) -> int:
    """Return how many workers made a call after a pause in which another took their command.

    They had begun it before: the request was half sent, or the command lay unread in their socket.
    """
    return sum(
        fault.kind == "pause"
        and fault.target == late.worker
        and fault.ended - fault.at >= STAGE_ACK_WAIT_SECONDS
        and fault.at <= calls[0].at <= fault.ended <= late.at <= fault.ended + WAKE_SECONDS
        for late in calls[1:]
        for fault in evidence.faults
    )


def _retries(evidence: Evidence, calls: Sequence[Call]) -> int:
    """Return how often a client retried the job between its calls: its failure had cut the running ones off."""
    return sum(
        event.type == "submitted" and event.seq > 1 and calls[0].at <= event.at <= calls[-1].at
        for event in evidence.events
        if event.job_id == calls[0].job_id
    )


def store_was_deleted(evidence: Evidence, calls: Sequence[Call]) -> bool:
    """Whether the broker lost its store while a repeated call could be recorded there."""
    return any(
        fault.kind == "nats_store_deleted" and overlaps(fault, calls[0].at - CALL_SECONDS, calls[-1].at)
        for fault in evidence.faults
    )
