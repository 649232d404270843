"""A checker that cannot fail proves nothing: for each invariant a history that breaks it, and one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from chaos.checker import INVARIANTS, check
from chaos.evidence import AttemptFact, DeliveryFact, EventFact, Evidence, JobFact, OutputFact
from chaos.records import Accepted, Answer, Call, Copied, Fault, Receipt, Sample, Steered, Touched

T0 = 1_000_000.0
STORY = (
    ("submitted", {}),
    ("started", {}),
    ("stage_started", {"stage": "stage_00", "round": 1, "attempt": 1}),
    ("stage_completed", {"stage": "stage_00", "round": 1, "attempt": 1}),
    ("completed", {}),
)


def events(job_id: str, *story: tuple[str, dict[str, Any]], start: float = T0) -> list[EventFact]:
    return [
        EventFact(job_id=job_id, seq=number, type=name, at=start + number, body=body)
        for number, (name, body) in enumerate(story, 1)
    ]


def good() -> Evidence:
    """One job that went well, and what the outside saw of it."""
    return Evidence(
        cap=1,
        accepted=[Accepted(at=T0, key="k", job_id="a", callback=True)],
        jobs=[JobFact(job_id="a", state="completed", run=1, seq=5, callback=True)],
        events=events("a", *STORY),
        attempts=[AttemptFact(job_id="a", stage="stage_00", run=1, round=1, attempt=1, status="done")],
        outputs=[OutputFact(job_id="a", stage="stage_00", round=1)],
        deliveries=[DeliveryFact(job_id="a", seq=5, status="delivered", attempts=1)],
        receipts=[receipt(T0 + 6)],
        calls=[call(T0 + 3)],
        answers=[answer()],
        samples=[Sample(at=T0, process="gateway", megabytes=80, files=20, threads=3)],
        leftovers={"orphans": 0},
    )


def receipt(at: float, **facts: Any) -> Receipt:
    usual = {"sink": "s", "job_id": "a", "seq": 5, "message_id": "msg_a_5", "problem": "", "status": 204}
    return Receipt(at=at, **{"timestamp": int(at), **usual, **facts})


def call(at: float, worker: str = "worker-1") -> Call:
    return Call(at=at, job_id="a", stage="stage_00", round=1, key="first", worker=worker)


def answer(**facts: Any) -> Answer:
    usual = {"method": "POST", "path": "/write-async", "status": 202, "seconds": 0.1}
    return Answer(at=T0, **{**usual, **facts})


def bait(field: str) -> Accepted:
    return Accepted(at=T0, key="k", job_id="a", callback=True, bait=field)


def but(**facts: Any) -> Evidence:
    return msgspec.structs.replace(good(), **facts)


def fault(target: str, kind: str = "kill", at: float = T0 + 3) -> Fault:
    return Fault(at=at, kind=kind, target=target, ended=at)


def broken(evidence: Evidence) -> set[str]:
    return {name.split()[0] for name, violations in check(evidence).items() if violations}


def test_a_good_history_breaks_nothing() -> None:
    assert broken(good()) == set()


TWO_RUNNING = [
    *events("a", ("submitted", {}), ("started", {}), ("completed", {}), start=T0),
    *events("b", ("submitted", {}), ("started", {}), ("completed", {}), start=T0 + 0.5),
]
TWO_JOBS = [
    JobFact(job_id="a", state="completed", run=1, seq=3, callback=False),
    JobFact(job_id="b", state="completed", run=1, seq=3, callback=False),
]

BAD: dict[str, tuple[str, Callable[[], Evidence]]] = {
    "an accepted job is lost": ("I1", lambda: but(jobs=[])),
    "an accepted job is stuck": (
        "I1",
        lambda: but(jobs=[JobFact(job_id="a", state="running", run=1, seq=5, callback=True)]),
    ),
    "a job ends twice": ("I1", lambda: but(events=events("a", *STORY, ("completed", {})))),
    "a run has no end": (
        "I1",
        lambda: but(jobs=[JobFact(job_id="a", state="completed", run=2, seq=5, callback=True)]),
    ),
    "a stage is completed twice": (
        "I2",
        lambda: but(
            attempts=[
                AttemptFact(job_id="a", stage="stage_00", run=1, round=1, attempt=n, status="done")
                for n in (1, 2)
            ]
        ),
    ),
    "a completed stage has no output": ("I2", lambda: but(outputs=[])),
    "a completion is told that is not": ("I2", lambda: but(attempts=[])),
    "a completion is not told": ("I2", lambda: but(events=events("a", *STORY[:3]))),
    "an attempt comes again": ("I2", lambda: but(events=events("a", *STORY[:3], *STORY[2:]))),
    "one key becomes two jobs": (
        "I3",
        lambda: but(
            accepted=[Accepted(at=T0, key="k", job_id=job_id, callback=True) for job_id in ("a", "b")]
        ),
    ),
    "two keys become one job": (
        "I3",
        lambda: but(accepted=[Accepted(at=T0, key=key, job_id="a", callback=True) for key in ("k", "l")]),
    ),
    "a job is nobody's": ("I3", lambda: but(accepted=[])),
    "a webhook never came": ("I4", lambda: but(receipts=[])),
    "a webhook is still pending": (
        "I4",
        lambda: but(deliveries=[DeliveryFact(job_id="a", seq=5, status="pending", attempts=1)]),
    ),
    "a webhook was never noted": ("I4", lambda: but(deliveries=[])),
    "a webhook changes its id": (
        "I4",
        lambda: but(receipts=[receipt(T0 + 6, status=500), receipt(T0 + 7, message_id="other")]),
    ),
    "a webhook is repeated for no reason": (
        "I4",
        lambda: but(receipts=[receipt(T0 + 6), receipt(T0 + 9)], faults=[fault("worker-1")]),
    ),
    "a webhook tells of no end": ("I4", lambda: but(receipts=[receipt(T0 + 6), receipt(T0 + 6, seq=4)])),
    "more jobs run than slots": ("I5", lambda: but(events=TWO_RUNNING, jobs=TWO_JOBS)),
    "an event is missing": (
        "I6",
        lambda: but(events=[event for event in good().events if event.seq != 3]),
    ),
    "a job completes without a start": (
        "I6",
        lambda: but(
            events=events("a", ("submitted", {}), ("completed", {})),
            jobs=[JobFact(job_id="a", state="completed", run=1, seq=2, callback=True)],
        ),
    ),
    "a state is not what the events say": (
        "I6",
        lambda: but(jobs=[JobFact(job_id="a", state="failed", run=1, seq=5, callback=True)]),
    ),
    "an outbox is not empty": ("I7", lambda: but(leftovers={"messages in jobs.outbox": 1})),
    "a signature is wrong": ("I8", lambda: but(receipts=[receipt(T0 + 6, problem="no match")])),
    "a signature's time is off": ("I8", lambda: but(receipts=[receipt(T0 + 6, timestamp=int(T0 - 600))])),
    "a canary is connected to": ("I9", lambda: but(touched=[Touched(at=T0, canary="127.0.0.2:1")])),
    "a webhook is delivered to a canary": ("I9", lambda: but(accepted=[bait("callback_url")])),
    "a webhook to a canary is given up for another reason": (
        "I9",
        lambda: but(
            accepted=[bait("callback_url")],
            deliveries=[DeliveryFact(job_id="a", seq=5, status="exhausted", attempts=9, reason="connect")],
        ),
    ),
    "a canary's site is written about": ("I9", lambda: but(accepted=[bait("company_url")])),
    "a process holds too much": (
        "I10",
        lambda: but(samples=[Sample(at=T0, process="gateway", megabytes=80, files=2000, threads=3)]),
    ),
    "a call is paid twice for no reason": (
        "I11",
        lambda: but(calls=[call(T0 + 3), call(T0 + 5)], faults=[fault("worker-2"), fault("orchestrator-1")]),
    ),
    "one fault is blamed for two repetitions": (
        "I11",
        lambda: but(calls=[call(T0 + n) for n in (3, 4, 5)], faults=[fault("worker-1")]),
    ),
    "a submission waits": ("A1", lambda: but(answers=[answer(seconds=5.0)])),
    "a submission is refused without a time": ("A1", lambda: but(answers=[answer(status=503)])),
    "a submission meets a bug": ("A1", lambda: but(answers=[answer(status=500)])),
    "a cancel was not done": (
        "A2",
        lambda: but(steered=[Steered(at=T0, action="cancel", job_id="a", status=200)]),
    ),
    "a retry was not done": (
        "A2",
        lambda: but(steered=[Steered(at=T0, action="retry", job_id="a", status=202)]),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_found(name: str) -> None:
    invariant, history = BAD[name]
    assert invariant in broken(history())


def test_there_is_a_bad_history_for_every_invariant() -> None:
    assert {invariant for invariant, _ in BAD.values()} == {name.split()[0] for name in INVARIANTS}


def test_a_worker_s_crash_explains_one_repeated_call() -> None:
    assert broken(but(calls=[call(T0 + 3), call(T0 + 5)], faults=[fault("worker-1")])) == set()


@pytest.mark.parametrize(
    ("at", "seconds", "explained"), [(T0 - 14, 18.0, True), (T0 - 6, 10.0, False), (T0 - 30, 18.0, False)]
)
def test_a_worker_that_stood_still_past_the_ack_wait_explains_its_late_call(
    at: float, seconds: float, explained: bool
) -> None:
    pause = Fault(at=at, kind="pause", target="worker-2", ended=at + seconds)
    calls = [call(T0 + 3), call(T0 + 4.5, "worker-2")]
    assert (broken(but(calls=calls, faults=[pause])) == set()) is explained


def test_a_client_s_retry_explains_a_call_that_its_failure_had_cut_off() -> None:
    story = events("a", STORY[0], STORY[1], ("failed", {}), STORY[0], *STORY[1:])
    retried = but(
        events=story,
        jobs=[JobFact(job_id="a", state="completed", run=2, seq=8, callback=False)],
        receipts=[],
        deliveries=[],
        calls=[call(T0 + 2.5), call(T0 + 6)],
    )
    assert broken(retried) == set()


def test_a_webhook_that_was_refused_for_its_address_is_as_it_should_be() -> None:
    turned_away = DeliveryFact(job_id="a", seq=5, status="exhausted", attempts=1, reason="ssrf_blocked")
    assert broken(but(accepted=[bait("callback_url")], deliveries=[turned_away], receipts=[])) == set()


def test_a_copied_command_explains_a_repeated_call() -> None:
    copies = [Copied(at=T0 + 2.5, subject="blog.stage.stage_00.a")]
    assert broken(but(calls=[call(T0 + 3), call(T0 + 3.1)], copies=copies)) == set()


def test_a_notifier_s_crash_explains_a_repeated_webhook() -> None:
    repeated = [receipt(T0 + 6), receipt(T0 + 9)]
    assert broken(but(receipts=repeated, faults=[fault("notifier", at=T0 + 6)])) == set()


def test_a_slow_answer_of_a_stopped_gateway_is_no_fault_of_its() -> None:
    assert broken(but(answers=[answer(seconds=5.0)], faults=[fault("gateway", "pause", at=T0)])) == set()
