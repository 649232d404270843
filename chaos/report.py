"""What a run came to, in Markdown."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from chaos.blame import store_was_deleted
from chaos.checker import repeated_calls
from chaos.evidence import Evidence
from chaos.promises import repeated_webhooks

SHOWN = 20
"""Violations of one invariant that are shown."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How it was run."""

    seed: int
    minutes: float
    quiesce_seconds: float


def percentile(values: Sequence[float], share: float) -> str:
    """Return a percentile in seconds, for people."""
    if not values:
        return "-"
    ordered = sorted(values)
    return f"{ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.1f} s"


def recoveries(evidence: Evidence) -> tuple[list[float], list[float]]:
    """Return, for each fault, the seconds from its end to the next completed stage, and to all processes ready."""
    completed = sorted(event.at for event in evidence.events if event.type == "stage_completed")
    ready = sorted(state.at for state in evidence.readiness if not state.unready)
    return _delays(evidence, completed), _delays(evidence, ready)


def _delays(evidence: Evidence, times: Sequence[float]) -> list[float]:
    found = []
    for fault in evidence.faults:
        place = bisect_left(times, fault.ended)
        if place < len(times):
            found.append(times[place] - fault.ended)
    return found


def markdown(run: Run, evidence: Evidence, broken: Mapping[str, Sequence[str]]) -> str:
    """Return the report."""
    verdict = "every invariant holds" if not any(broken.values()) else "INVARIANTS ARE BROKEN"
    return "\n".join(
        [
            "# Chaos",
            "",
            f"Seed {run.seed}, {run.minutes:g} minutes of faults, quiet {run.quiesce_seconds:.0f} s after them: **{verdict}**.",
            f"Run it again with `make chaos CHAOS_SEED={run.seed} CHAOS_MINUTES={run.minutes:g}`.",
            "",
            *_table(("what", "count"), _counts(evidence)),
            "",
            *_table(("invariant", "broken"), [(name, str(len(list_))) for name, list_ in broken.items()]),
            "",
            *_details(broken),
            *_table(("fault", "times", "seconds in all"), _faults(evidence)),
            "",
        ]
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _counts(evidence: Evidence) -> list[tuple[str, str]]:
    states = Counter(job.state for job in evidence.jobs)
    known = {job.job_id for job in evidence.jobs}
    accepted = {accepted.job_id for accepted in evidence.accepted}
    repeated = repeated_calls(evidence)
    deleted = sum(len(calls) - 1 for calls in repeated.values() if store_was_deleted(evidence, calls))
    spent_again = sum(len(calls) - 1 for calls in repeated.values())
    stages, ready = recoveries(evidence)
    ends = {(d.job_id, d.seq) for d in evidence.deliveries if d.status == "delivered"}
    webhooks, sites = refused(evidence)
    return [
        ("faults injected", str(len(evidence.faults))),
        ("ends of processes", str(len(evidence.exits))),
        ("jobs accepted", str(len(accepted))),
        (
            "completed / failed / cancelled",
            " / ".join(str(states[s]) for s in ("completed", "failed", "cancelled")),
        ),
        ("lost", str(len(accepted - known))),
        ("stuck", str(states["pending"] + states["running"])),
        ("webhooks delivered / exhausted", f"{len(ends)} / {_status(evidence, 'exhausted') - webhooks}"),
        ("webhooks / sites refused for their address", f"{webhooks} / {sites}"),
        ("connections that canaries saw", str(len(evidence.touched))),
        ("webhooks delivered more than once", str(repeated_webhooks(evidence))),
        ("paid calls", str(len(evidence.calls))),
        (
            "paid calls repeated: broker's store deleted / other faults",
            f"{deleted} / {spent_again - deleted}",
        ),
        ("from the end of a fault to the next completed stage, p50 / p99", _both(stages)),
        ("from the end of a fault to all processes ready, p50 / p99", _both(ready)),
        ("answer to a submission, pauses of the gateway included, p50 / p99", _both(_submissions(evidence))),
    ]


def refused(evidence: Evidence) -> tuple[int, int]:
    """Return how many webhooks, and how many runs of jobs for their company's site, met the guard of connections."""
    codes = [event.body.get("error_code") for event in evidence.events if event.type == "failed"]
    webhooks = sum(delivery.reason == "ssrf_blocked" for delivery in evidence.deliveries)
    return webhooks, codes.count("company_site_blocked_address")


def _both(values: Sequence[float]) -> str:
    return f"{percentile(values, 0.5)} / {percentile(values, 0.99)}"


def _status(evidence: Evidence, status: str) -> int:
    return sum(delivery.status == status for delivery in evidence.deliveries)


def _submissions(evidence: Evidence) -> list[float]:
    return [a.seconds for a in evidence.answers if a.path == "/write-async" and a.status]


def _faults(evidence: Evidence) -> list[tuple[str, str, str]]:
    times = Counter(fault.kind for fault in evidence.faults)
    seconds: defaultdict[str, float] = defaultdict(float)
    for fault in evidence.faults:
        seconds[fault.kind] += fault.ended - fault.at
    return [(kind, str(times[kind]), f"{seconds[kind]:.0f}") for kind in sorted(times)]


def _details(broken: Mapping[str, Sequence[str]]) -> list[str]:
    lines = []
    for name, violations in broken.items():
        if violations:
            lines += [f"## {name}: {len(violations)}", "", *(f"- {text}" for text in violations[:SHOWN]), ""]
    return lines
