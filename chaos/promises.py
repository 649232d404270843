"""What clients and receivers of webhooks are promised, judged over evidence alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from chaos.blame import could_repeat_webhook
from chaos.evidence import TERMINAL, Evidence, by_job
from chaos.records import Receipt

TOLERANCE_SECONDS = 300
ANSWER_SECONDS = 3.5
"""What a client may wait for a submission: the gateway's own limit is 2 s; the rest is for a busy machine."""


def every_end_is_told(evidence: Evidence) -> list[str]:
    """I4: each terminal event reaches its sink or is given up in the open; repetitions have their crash."""
    callbacks = {job.job_id for job in evidence.jobs if job.callback}
    status = {(d.job_id, d.seq): d.status for d in evidence.deliveries}
    receipts: defaultdict[tuple[str, int], list[Receipt]] = defaultdict(list)
    for receipt in evidence.receipts:
        receipts[receipt.job_id, receipt.seq].append(receipt)
    broken = []
    for event in evidence.events:
        key = (event.job_id, event.seq)
        if event.type in TERMINAL and event.job_id in callbacks:
            broken += _told(evidence, key, status.get(key, "missing"), receipts.get(key, []))
    strangers = receipts.keys() - {(e.job_id, e.seq) for e in evidence.events if e.type in TERMINAL}
    return broken + [f"a webhook for {key}, which is no end of a job" for key in sorted(strangers)]


def _told(evidence: Evidence, key: tuple[str, int], status: str, got: list[Receipt]) -> list[str]:
    taken = sorted((r for r in got if 200 <= r.status < 300), key=lambda receipt: receipt.at)
    broken = []
    if status not in {"delivered", "exhausted", "held", "discarded"}:
        broken.append(f"the webhook of {key} is {status}")
    if status == "delivered" and not taken:
        broken.append(f"the webhook of {key} is delivered, and no sink took it")
    if len({receipt.message_id for receipt in got}) > 1:
        broken.append(f"the webhook of {key} changed its id")
    for earlier, later in pairwise(taken):
        if not could_repeat_webhook(evidence, earlier.at, later.at):
            broken.append(
                f"the webhook of {key} was repeated at {later.at:.1f} without a fault that explains it"
            )
    return broken


def repeated_webhooks(evidence: Evidence) -> int:
    """Return how many webhooks sinks took more than once, every further time counted."""
    taken = Counter((r.job_id, r.seq) for r in evidence.receipts if 200 <= r.status < 300)
    return sum(taken.values()) - len(taken)


def every_signature_verifies(evidence: Evidence) -> list[str]:
    """I8: the specification's own library takes every webhook, and its time is right within 5 minutes."""
    broken = [f"{r.message_id} at {r.sink}: {r.problem}" for r in evidence.receipts if r.problem]
    late = [r for r in evidence.receipts if abs(r.at - r.timestamp) > TOLERANCE_SECONDS]
    return broken + [f"{r.message_id}: its time is {r.timestamp - r.at:+.0f} s off" for r in late]


def nobody_is_led_astray(evidence: Evidence) -> list[str]:
    """I9: no connection to a canary; a webhook that was to go there ended as refused, and no such site was read."""
    broken = [f"{touched.canary} was connected to at {touched.at:.1f}" for touched in evidence.touched]
    baits = {accepted.job_id: accepted.bait for accepted in evidence.accepted if accepted.bait}
    for delivery in evidence.deliveries:
        to_canary = baits.get(delivery.job_id) == "callback_url"
        if to_canary and (delivery.status, delivery.reason) != ("exhausted", "ssrf_blocked"):
            broken.append(
                f"the webhook of {delivery.job_id} to a canary is {delivery.status}, {delivery.reason}"
            )
    broken += [
        f"{job.job_id} is completed, and its company's site is a canary"
        for job in evidence.jobs
        if job.state == "completed" and baits.get(job.job_id) == "company_url"
    ]
    return broken


def submissions_are_answered_soon(evidence: Evidence) -> list[str]:
    """A1: a gateway that runs accepts or says 503 with Retry-After, within its time."""
    hurt = [(f.at - 1, f.ended + 8) for f in evidence.faults if f.target in {"gateway", "services"}]
    broken = []
    for answer in evidence.answers:
        if answer.method != "POST" or answer.path != "/write-async":
            continue
        if any(start <= answer.at + answer.seconds and answer.at <= end for start, end in hurt):
            continue
        if answer.seconds > ANSWER_SECONDS:
            broken.append(f"{answer.status or answer.reason} at {answer.at:.1f} took {answer.seconds:.1f} s")
        elif answer.status not in {0, 202, 503} or (answer.status == 503 and not answer.retry_after):
            broken.append(f"a submission at {answer.at:.1f} was answered {answer.status}")
    return broken


def steering_is_done(evidence: Evidence) -> list[str]:
    """A2: a cancel that was answered 200 shows in the job's story, and an accepted retry starts another run."""
    stories = by_job(evidence.events)
    broken = []
    for word in evidence.steered:
        types = Counter(event.type for event in stories.get(word.job_id, []))
        if word.action == "cancel" and word.status == 200 and not types["cancelled"]:
            broken.append(f"{word.job_id} was cancelled and is not")
        if word.action == "retry" and word.status == 202 and types["submitted"] < 2:
            broken.append(f"{word.job_id} was to be retried and was not")
    return broken
