"""The invariants, judged over evidence alone. Each function returns what breaks its invariant, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from chaos.blame import could_repeat_call
from chaos.evidence import TERMINAL, EventFact, Evidence, by_job
from chaos.promises import (
    every_end_is_told,
    every_signature_verifies,
    nobody_is_led_astray,
    steering_is_done,
    submissions_are_answered_soon,
)
from chaos.records import Call
from contracts.jobs import TERMINAL_STATES, JobState
from orchestrator.machine import STATES

Check = Callable[[Evidence], list[str]]

STATE_OF = {"submitted": JobState.PENDING, "started": JobState.RUNNING} | {
    state.value: state for state in TERMINAL_STATES
}
MEGABYTES, FILES, THREADS = 200.0, 60, 25


def every_job_ends_once(evidence: Evidence) -> list[str]:
    """I1: each accepted job is there and reaches exactly one terminal state in each of its runs."""
    known = {job.job_id: job for job in evidence.jobs}
    stories = by_job(evidence.events)
    broken = []
    for job_id in sorted({accepted.job_id for accepted in evidence.accepted}):
        if job_id not in known:
            broken.append(f"{job_id} was accepted and is lost")
        elif known[job_id].state not in TERMINAL:
            broken.append(f"{job_id} is stuck, {known[job_id].state}")
        else:
            broken += _ends(job_id, known[job_id].run, stories.get(job_id, []))
    return broken


def _ends(job_id: str, runs: int, story: list[EventFact]) -> list[str]:
    ends = Counter[int]()
    run = 0
    for event in story:
        run += event.type == "submitted"
        ends[run] += event.type in TERMINAL
    return [f"{job_id} ended {ends[n]} times in run {n}" for n in range(1, runs + 1) if ends[n] != 1]


def one_output_for_each_stage(evidence: Evidence) -> list[str]:
    """I2: one committed completion for each job, stage and round, with its output; attempts strictly increase."""
    done = Counter((a.job_id, a.stage, a.round) for a in evidence.attempts if a.status == "done")
    told = Counter(
        (e.job_id, e.body["stage"], e.body["round"]) for e in evidence.events if e.type == "stage_completed"
    )
    outputs = {(o.job_id, o.stage, o.round) for o in evidence.outputs}
    broken = [f"{key} was completed {n} times" for key, n in (done | told).items() if n != 1]
    broken += [f"{key} was completed without an event" for key in done.keys() - told.keys()]
    broken += [f"{key} was told completed and is not" for key in told.keys() - done.keys()]
    broken += [f"{key} has no output" for key in done.keys() - outputs]
    return broken + _falling_attempts(evidence)


def _falling_attempts(evidence: Evidence) -> list[str]:
    latest: dict[tuple[str, str, int], tuple[int, int]] = {}
    broken = []
    for job_id, story in by_job(evidence.events).items():
        run = 0
        for event in story:
            run += event.type == "submitted"
            if event.type != "stage_started":
                continue
            key = (job_id, event.body["stage"], event.body["round"])
            number = (run, event.body["attempt"])
            if number <= latest.get(key, (0, 0)):
                broken.append(f"{key}: attempt {number} after {latest[key]}")
            latest[key] = number
    return broken


def one_job_for_each_key(evidence: Evidence) -> list[str]:
    """I3: the same key is the same job, another key another, and no job is there that nobody was told of."""
    jobs_of: defaultdict[str, set[str]] = defaultdict(set)
    keys_of: defaultdict[str, set[str]] = defaultdict(set)
    for accepted in evidence.accepted:
        jobs_of[accepted.key].add(accepted.job_id)
        keys_of[accepted.job_id].add(accepted.key)
    broken = [f"key {key} became {len(jobs)} jobs" for key, jobs in jobs_of.items() if len(jobs) > 1]
    broken += [f"{job} answers to {len(keys)} keys" for job, keys in keys_of.items() if len(keys) > 1]
    ghosts = sorted({job.job_id for job in evidence.jobs} - keys_of.keys())
    allowed = evidence.unanswered
    return broken + ([f"{job} is nobody's" for job in ghosts] if len(ghosts) > allowed else [])


def never_more_than_the_cap(evidence: Evidence) -> list[str]:
    """I5: at no instant of the event log more jobs run than there are slots."""
    changes = []
    for story in by_job(evidence.events).values():
        running = False
        for event in story:
            now_running = running if event.type not in STATE_OF else event.type == "started"
            if now_running != running:
                changes.append((event.at, 1 if now_running else -1))
            running = now_running
    count = 0
    for at, change in sorted(changes):
        count += change
        if count > evidence.cap:
            return [f"{count} jobs ran at {at:.3f}, {evidence.cap} are allowed"]
    return []


def every_story_is_a_path(evidence: Evidence) -> list[str]:
    """I6: states follow the machine's table, and a job's events are numbered without a gap."""
    broken = []
    stories = by_job(evidence.events)
    for job in evidence.jobs:
        story = stories.get(job.job_id, [])
        if [event.seq for event in story] != list(range(1, job.seq + 1)):
            broken.append(f"{job.job_id} has a gap in its events")
        state: JobState | None = None
        for event in story:
            after = STATE_OF.get(event.type, state)
            if not _may_follow(state, after):
                broken.append(f"{job.job_id} went from {state} to {after} ({event.type} {event.seq})")
            state = after
        if state != job.state:
            broken.append(f"{job.job_id} is {job.state}, its events say {state}")
    return broken


def _may_follow(before: JobState | None, after: JobState | None) -> bool:
    return before == after or any(after in targets for targets in STATES[before].values())


def nothing_is_left_over(evidence: Evidence) -> list[str]:
    """I7: outboxes and queues are empty, and every started stage is somewhere."""
    return [f"{count} {name}" for name, count in evidence.leftovers.items() if count]


def processes_hold_little(evidence: Evidence) -> list[str]:
    """I10: after the faults, memory, files and threads are within bounds."""
    return [
        f"{s.process} holds {s.megabytes:.0f} MB, {s.files} files, {s.threads} threads"
        for s in evidence.samples
        if s.megabytes > MEGABYTES or s.files > FILES or s.threads > THREADS
    ]


def money_is_spent_once(evidence: Evidence) -> list[str]:
    """I11: a paid call is repeated only by a fault that could hit it, once for each."""
    return [
        f"{key}: called {len(calls)} times, {explained} faults could explain a repetition"
        for key, calls in repeated_calls(evidence).items()
        if (explained := could_repeat_call(evidence, calls)) < len(calls) - 1
    ]


def repeated_calls(evidence: Evidence) -> dict[tuple[str, str, int, str], list[Call]]:
    """Return the paid calls that were made more than once, in their order."""
    calls: defaultdict[tuple[str, str, int, str], list[Call]] = defaultdict(list)
    for call in sorted(evidence.calls, key=lambda call: call.at):
        calls[call.job_id, call.stage, call.round, call.key].append(call)
    return {key: made for key, made in calls.items() if len(made) > 1}


INVARIANTS: dict[str, Check] = {
    "I1 every accepted job ends exactly once": every_job_ends_once,
    "I2 one output for each stage and round": one_output_for_each_stage,
    "I3 one job for each key": one_job_for_each_key,
    "I4 every end is told to its sink": every_end_is_told,
    "I5 never more jobs run than slots": never_more_than_the_cap,
    "I6 histories are paths, without gaps": every_story_is_a_path,
    "I7 nothing is left over": nothing_is_left_over,
    "I8 every signature verifies": every_signature_verifies,
    "I9 nobody is led to a canary": nobody_is_led_astray,
    "I10 processes hold little": processes_hold_little,
    "I11 money is spent once": money_is_spent_once,
    "A1 submissions are answered soon": submissions_are_answered_soon,
    "A2 cancels and retries are done": steering_is_done,
}


def check(evidence: Evidence) -> dict[str, list[str]]:
    """Return what breaks each invariant."""
    return {name: judge(evidence) for name, judge in INVARIANTS.items()}
