"""Starting, looping and stopping."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Coroutine, Iterator

import msgspec
import pytest
import structlog

from chassis import lifecycle, logs
from chassis.errors import ChassisError, SettingsError


class Settings(msgspec.Struct, frozen=True):
    count: int = 1


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """``main`` sets logging up for the whole process; take that back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_service_cleanly(number: signal.Signals) -> None:
    async def run(settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
        assert settings.count == 5
        ready.set()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()

    assert lifecycle.main(run, Settings, {"BLOG_WRITER_COUNT": "5"}) == 0


def test_a_crash_is_logged_with_its_traceback_and_ends_with_1(capfd: pytest.CaptureFixture[str]) -> None:
    async def run(_settings: Settings, _ready: asyncio.Event, _stop: asyncio.Event) -> None:
        raise ZeroDivisionError("by surprise")

    assert lifecycle.main(run, Settings, {}) == 1
    shown = capfd.readouterr().err
    assert "service_crashed" in shown
    assert "Traceback" in shown
    assert "by surprise" in shown


def test_a_known_failure_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    async def run(_settings: Settings, _ready: asyncio.Event, _stop: asyncio.Event) -> None:
        raise ChassisError("the server is away")

    assert lifecycle.main(run, Settings, {}) == 1
    shown = capfd.readouterr().err
    assert "the server is away" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("variable", ["BLOG_WRITER_COUNT", "BLOG_WRITER_LOG_LEVEL"])
def test_a_wrong_setting_ends_with_2_before_anything_runs(
    variable: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async def run(_settings: Settings, _ready: asyncio.Event, _stop: asyncio.Event) -> None:
        raise AssertionError("must not run")

    assert lifecycle.main(run, Settings, {variable: "loud"}) == 2
    assert f"settings: {variable}: 'loud' is not allowed" in capfd.readouterr().err


def test_a_known_failure_of_one_loop_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    async def fail() -> None:
        raise ChassisError("the address is taken")

    async def run(_settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
        ready.set()
        await lifecycle.until(stop, fail(), asyncio.sleep(60))

    assert lifecycle.main(run, Settings, {}) == 1
    shown = capfd.readouterr().err
    assert "the address is taken" in shown
    assert "Traceback" not in shown


def test_a_setting_that_a_service_finds_wrong_ends_with_2(capfd: pytest.CaptureFixture[str]) -> None:
    async def run(_settings: Settings, _ready: asyncio.Event, _stop: asyncio.Event) -> None:
        raise SettingsError("BLOG_WRITER_COUNT: 5 is not allowed here")

    assert lifecycle.main(run, Settings, {}) == 2
    assert capfd.readouterr().err == "settings: BLOG_WRITER_COUNT: 5 is not allowed here\n"


def test_a_service_that_is_still_starting_is_stopped_too() -> None:
    ended = []

    async def run(_settings: Settings, _ready: asyncio.Event, _stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cleaned up")
            raise

    assert lifecycle.main(run, Settings, {}) == 0
    assert ended == ["cleaned up"]


@pytest.mark.parametrize("obstacle", ["task", "thread"])
def test_nothing_that_is_left_running_holds_up_the_end_of_the_process(obstacle: str) -> None:
    code = textwrap.dedent(f"""
        import asyncio, msgspec, threading
        from chassis import lifecycle

        class Settings(msgspec.Struct):
            pass

        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        async def run(settings, ready, stop):
            if {obstacle!r} == "task":
                run.kept = asyncio.create_task(stubborn())
            else:
                run.kept = asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
            await asyncio.sleep(0)

        lifecycle.EXIT_SECONDS = 0.5
        raise SystemExit(lifecycle.main(run, Settings, {{}}))
    """)
    ended = subprocess.run([sys.executable, "-c", code], timeout=20, capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"exit_forced" in ended.stderr


async def test_until_cancels_and_awaits_its_loops() -> None:
    stop, ended = asyncio.Event(), []

    async def loop(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    asyncio.get_running_loop().call_later(0.01, stop.set)
    await lifecycle.until(stop, loop("a"), loop("b"))
    assert sorted(ended) == ["a", "b"]


async def test_the_crash_of_one_loop_ends_the_others_and_is_raised() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def crashing() -> None:
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError):
        await lifecycle.until(asyncio.Event(), endless(), crashing())
    assert ended.is_set()


async def test_a_crash_leaves_the_other_loops_the_time_to_clean_up() -> None:
    cleaned = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(1)

    async def crashing() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError):
        await lifecycle.until(asyncio.Event(), endless(), crashing())
    assert cleaned == [1]


@pytest.mark.parametrize("crash", [False, True])
async def test_a_loop_whose_cancellation_was_swallowed_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch, *, crash: bool
) -> None:
    monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_SECONDS", 0.05)
    stop, swallowed = asyncio.Event(), []

    async def swallowing() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(1)
                if len(swallowed) == 2:
                    raise

    async def ending() -> None:
        await asyncio.sleep(0)
        if crash:
            raise ZeroDivisionError
        stop.set()

    async with asyncio.timeout(5):
        if crash:
            with pytest.RaisesGroup(ZeroDivisionError):
                await lifecycle.until(stop, swallowing(), ending())
        else:
            await lifecycle.until(stop, swallowing(), ending())
    assert len(swallowed) == 2


async def test_every_outlasts_an_outage_of_a_whole_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "FIRST_BACKOFF", 1e-9)
    monkeypatch.setattr(lifecycle, "LONGEST_BACKOFF", 1e-6)
    monkeypatch.setattr(lifecycle.log, "exception", lambda *_args, **_facts: None)
    calls, done = 0, asyncio.Event()

    async def action() -> None:
        nonlocal calls
        calls += 1
        if calls < 1200:
            raise ZeroDivisionError
        done.set()

    await _while_looping(lifecycle.every(60, action, name="test"), done)
    assert calls == 1200


async def test_every_goes_on_after_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "FIRST_BACKOFF", 0.001)
    calls, done = 0, asyncio.Event()

    async def action() -> None:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise ZeroDivisionError
        done.set()

    await _while_looping(lifecycle.every(60, action, name="test"), done)
    assert calls == 4


async def test_every_is_woken_before_its_time() -> None:
    wake, done, calls = asyncio.Event(), asyncio.Event(), 0

    async def action() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            done.set()
        else:
            asyncio.get_running_loop().call_soon(wake.set)

    await _while_looping(lifecycle.every(60, action, name="test", wake=wake), done)
    assert calls == 3


async def test_a_wake_during_the_action_is_not_lost() -> None:
    wake, done, calls = asyncio.Event(), asyncio.Event(), 0

    async def action() -> None:
        nonlocal calls
        calls += 1
        wake.set()
        if calls == 2:
            wake.clear()
            done.set()

    await _while_looping(lifecycle.every(60, action, name="test", wake=wake), done)
    assert calls == 2


async def _while_looping(loop: Coroutine[object, object, None], done: asyncio.Event) -> None:
    task = asyncio.ensure_future(loop)
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_log_lines_are_json_with_what_is_bound(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=True)
    logs.configure(json=True)
    with structlog.contextvars.bound_contextvars(request="r1"):
        logs.get_logger("here").info("it_happened", count=2)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    entry = msgspec.json.decode(lines[0])
    assert {
        "event": "it_happened",
        "count": 2,
        "request": "r1",
        "level": "info",
        "logger": "here",
    }.items() <= (entry.items())
