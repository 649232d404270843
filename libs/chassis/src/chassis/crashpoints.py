"""Named places where a process can be made to die, so that tests can show what a crash right there leaves behind.

``BLOG_WRITER_CRASH_POINT=after_commit_before_publish`` kills the process, as kill -9 would, the first time it passes
that place; ``…:3`` the third time. Unset, a place costs one look-up.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from enum import Enum

from chassis.errors import SettingsError

VARIABLE = "BLOG_WRITER_CRASH_POINT"


class CrashPoint(Enum):
    """Between two effects that cannot be made one."""

    AFTER_COMMIT_BEFORE_PUBLISH = "after_commit_before_publish"
    """Rows say what is to be sent, and nothing is sent."""
    AFTER_PUBLISH_BEFORE_MARK = "after_publish_before_mark"
    """The stream has the messages, and the outbox still lists them."""
    AFTER_PAID_CALL_BEFORE_CHECKPOINT = "after_paid_call_before_checkpoint"
    """The call has cost its money, and what it brought is kept nowhere."""
    AFTER_COMMIT_BEFORE_ACK = "after_commit_before_ack"
    """The rows have changed, and the broker will deliver the cause again."""
    AFTER_POST_BEFORE_RECORD = "after_post_before_record"
    """The receiver has the request, and nothing says so."""


_passes: dict[CrashPoint, int] = {}
"""Passages that are left until the process dies."""


def arm(environment: Mapping[str, str]) -> None:
    """Arm the place that the environment names, or none. Raises SettingsError for a place that does not exist."""
    _passes.clear()
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return
    name, _, count = text.partition(":")
    places = {place.value: place for place in CrashPoint}
    if name not in places or not (count or "1").isdigit() or int(count or "1") < 1:
        raise SettingsError(
            f"{VARIABLE}: {text!r} is not allowed: use {', '.join(places)}, with ':n' for passage n"
        )
    _passes[places[name]] = int(count or "1")


def crash_point(place: CrashPoint) -> None:
    """Die here if this place is armed and its passage has come."""
    left = _passes.get(place)
    if left is None:
        return
    _passes[place] = left - 1
    if left <= 1:
        os.kill(os.getpid(), signal.SIGKILL)
