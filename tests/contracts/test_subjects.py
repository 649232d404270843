"""Each message goes to exactly one stream, and to those of its consumers that want it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_messages import LETTER, Sample
from sample_parts import AT, JOB_ID

from contracts import streams, subjects
from contracts.commands import CancelJob, JobCancelled, RunStage
from contracts.dead_letters import DeadLetter
from contracts.events import STEP_EVENTS, TERMINAL_EVENTS, Cancelled, Event, event_type
from contracts.ids import JobId, new_job_id
from contracts.stages import StageId

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("src", "libs", "services") for path in sorted((ROOT / folder).rglob("*"))]
SUBJECT = re.compile(r"\bblog\.(cmd|stage|result|events|dead|control)\b")


def matches(wanted: str, subject: str) -> bool:
    """Whether a filter takes a subject, by NATS's rules: ``*`` is one token, ``>`` one or more at the end."""
    pattern, tokens = wanted.split("."), subject.split(".")
    if pattern[-1] == ">":
        return len(tokens) >= len(pattern) and all(map(token_matches, pattern[:-1], tokens))
    return len(tokens) == len(pattern) and all(map(token_matches, pattern, tokens))


def token_matches(wanted: str, token: str) -> bool:
    return wanted in {"*", token}


@pytest.mark.parametrize(
    ("wanted", "subject", "taken"),
    [
        ("a.*.c", "a.b.c", True),
        ("a.*.c", "a.b.d", False),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.b", "a.b", True),
    ],
)
def test_the_rules_of_wildcards(wanted: str, subject: str, taken: bool) -> None:
    assert matches(wanted, subject) is taken


def streams_of(subject: str) -> list[str]:
    return [stream.name for stream in streams.ALL for each in stream.subjects if matches(each, subject)]


def consumers_of(subject: str) -> list[str]:
    return [
        consumer.durable
        for stream in streams.ALL
        for consumer in stream.consumers
        for each in consumer.filters
        if matches(each, subject)
    ]


def expected(sample: Sample) -> tuple[list[str], list[str]]:
    kind = sample.name.split("_")[0]
    if isinstance(sample.value, JobCancelled):
        return [], []
    if isinstance(sample.value, RunStage):
        return ["BLOG_STAGES"], [f"worker_{sample.value.stage}"]
    if isinstance(sample.value, DeadLetter):
        return ["BLOG_DEAD_LETTERS"], ["orchestrator"]
    if kind == "event":
        return ["BLOG_EVENTS"], _readers_of_events(event_type(sample.value))
    return [{"command": "BLOG_COMMANDS", "stage": "BLOG_RESULTS"}[kind]], ["orchestrator"]


def _readers_of_events(name: str) -> list[str]:
    if name in TERMINAL_EVENTS:
        return ["notifier"]
    return ["notifier_steps"] if name in STEP_EVENTS else []


def test_every_event_but_progress_is_an_end_or_a_step() -> None:
    names = {str(kind.__struct_config__.tag) for kind in get_args(Event)}
    assert names == {*TERMINAL_EVENTS, *STEP_EVENTS, "stage_progress"}


def test_questions_to_the_notifier_are_stored_by_no_stream() -> None:
    for subject in (subjects.REPLAY_DELIVERIES, subjects.TRY_WEBHOOK):
        assert streams_of(subject) == []


def test_a_message_has_one_stream_and_its_consumers(sent: Sample) -> None:
    assert sent.subject is not None
    assert (streams_of(sent.subject), consumers_of(sent.subject)) == expected(sent)


@pytest.mark.parametrize("stage", StageId)
def test_each_stage_has_commands_of_its_own(stage: StageId) -> None:
    command = subjects.stage(stage, JOB_ID)
    assert matches(subjects.stage_filter(stage), command)
    assert matches(subjects.job_stages(JOB_ID), command)
    assert streams_of(command) == ["BLOG_STAGES"]
    assert consumers_of(command) == [streams.stage_durable(stage)]
    assert streams_of(subjects.result(JOB_ID, stage)) == ["BLOG_RESULTS"]


def test_one_job_s_stage_commands_are_no_other_job_s() -> None:
    assert not matches(subjects.job_stages(new_job_id()), subjects.stage(StageId.DRAFT, JOB_ID))


def test_cancellations_are_heard_by_all_and_stored_by_none() -> None:
    subject = subjects.cancelled(JOB_ID)
    assert matches(subjects.CANCELLED, subject)
    assert streams_of(subject) == []


def test_event_filters_take_one_type() -> None:
    event = Cancelled(job_id=JOB_ID, seq=1, at=AT, tenant="default")
    assert matches(subjects.event_filter("cancelled"), subjects.event(event))
    assert not matches(subjects.event_filter("failed"), subjects.event(event))


def built(token: str) -> Iterator[str]:
    """Every subject that a job's identifier goes into. Raises ValueError for what is no token."""
    job_id = JobId(token)
    yield subjects.command(CancelJob(job_id=job_id, tenant="default", requested_at=AT))
    yield subjects.stage(StageId.DRAFT, job_id)
    yield subjects.job_stages(job_id)
    yield subjects.result(job_id, StageId.DRAFT)
    yield subjects.event(Cancelled(job_id=job_id, seq=1, at=AT, tenant="default"))
    yield subjects.cancelled(job_id)
    yield subjects.event_filter(token)


BUILDERS = len(list(built(JOB_ID)))


@pytest.mark.parametrize(
    "token", ["", ".", "a.b", "*", ">", "a>", "a b", "a\t", "a\n", "\r", "\0", "\u00a0", "\u2028"]
)
def test_an_identifier_that_is_no_token_gets_into_no_subject(token: str) -> None:
    builders = [
        lambda: subjects.command(CancelJob(job_id=JobId(token), tenant="default", requested_at=AT)),
        lambda: subjects.stage(StageId.DRAFT, JobId(token)),
        lambda: subjects.job_stages(JobId(token)),
        lambda: subjects.result(JobId(token), StageId.DRAFT),
        lambda: subjects.event(Cancelled(job_id=JobId(token), seq=1, at=AT, tenant="default")),
        lambda: subjects.cancelled(JobId(token)),
        lambda: subjects.event_filter(token),
    ]
    assert len(builders) == BUILDERS
    for build in builders:
        with pytest.raises(ValueError, match="cannot be part of a subject"):
            build()


def test_a_stream_s_name_that_is_no_token_gets_into_no_subject() -> None:
    with pytest.raises(ValueError, match="cannot be part of a subject"):
        subjects.dead_letter(msgspec.structs.replace(LETTER, stream="BLOG.STAGES"))


@given(token=st.text(max_size=40))
def test_whatever_the_identifier_a_subject_keeps_its_form(token: str) -> None:
    try:
        made = list(built(token))
    except ValueError:
        return
    for subject in made:
        tokens = subject.split(".")
        assert len(tokens) == 4
        assert all(tokens)
        assert tokens.count("*") == (subject in {made[2], made[6]})
        assert not re.search(r"[\s>]", subject)


def texts(path: Path) -> Iterator[str]:
    """Yield the strings of a Python file, also the pieces of f-strings, or the whole text of another."""
    if path.suffix != ".py":
        yield path.read_text()
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_subjects_are_written_in_one_file() -> None:
    files = [path for path in SOURCES if path.suffix in {".py", ".sql", ".toml", ".j2"}]
    found = {path.name for path in files for text in texts(path) if SUBJECT.search(text)}
    assert found == {"subjects.py"}


def test_functions_build_every_subject_of_the_file() -> None:
    """Outside its functions the file has the streams' filters only."""
    constants = {
        value for name, value in vars(subjects).items() if isinstance(value, str) and SUBJECT.search(value)
    }
    taken = {each for stream in streams.ALL for each in stream.subjects} | {subjects.CANCELLED}
    assert constants - {subjects.__doc__} == taken
