"""Named crash points: one place, one passage, nothing when nobody asked."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from chassis import crashpoints
from chassis.crashpoints import CrashPoint, arm, crash_point
from chassis.errors import SettingsError


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(crashpoints.os, "kill", lambda pid, number: killed.append((pid, number)))
    yield killed
    arm({})


def test_a_process_dies_as_by_kill_9_at_the_armed_place_only(deaths: list[tuple[int, int]]) -> None:
    arm({"BLOG_WRITER_CRASH_POINT": "after_commit_before_publish"})
    crash_point(CrashPoint.AFTER_PUBLISH_BEFORE_MARK)
    assert deaths == []
    crash_point(CrashPoint.AFTER_COMMIT_BEFORE_PUBLISH)
    assert deaths == [(os.getpid(), signal.SIGKILL)]


def test_the_passage_may_be_chosen(deaths: list[tuple[int, int]]) -> None:
    arm({"BLOG_WRITER_CRASH_POINT": "after_post_before_record:3"})
    for _ in range(2):
        crash_point(CrashPoint.AFTER_POST_BEFORE_RECORD)
    assert deaths == []
    crash_point(CrashPoint.AFTER_POST_BEFORE_RECORD)
    assert len(deaths) == 1


def test_unset_nothing_dies(deaths: list[tuple[int, int]]) -> None:
    arm({})
    for place in CrashPoint:
        crash_point(place)
    assert deaths == []


@pytest.mark.parametrize("text", ["nowhere", "after_commit_before_ack:0", "after_commit_before_ack:x", ":2"])
def test_a_place_that_does_not_exist_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"BLOG_WRITER_CRASH_POINT.*after_commit_before_publish"):
        arm({"BLOG_WRITER_CRASH_POINT": text})
