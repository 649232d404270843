"""What a power cut, a restart and a cancellation leave behind."""

from __future__ import annotations

import collections
import os
import signal
import time
from typing import Any

import pytest


def wait_until(condition: Any, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def finished_stages(events: list[dict[str, Any]]) -> set[str]:
    return {event["stage"] for event in events if event["type"] == "stage_completed"}


def start_and_shut(system: Any, door: Any) -> tuple[str, set[str]]:
    """Submit a job, let some stages finish, then shut the site so that the next one hangs mid-stage."""
    job_id = system.submit(primary_keyword="energy efficiency", company_url=door.url)
    wait_until(lambda: "stage_01" in finished_stages(system.events(job_id)), 60, "the brief is done")
    door.shut.set()
    return job_id, finished_stages(system.events(job_id))


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_restart_goes_on_from_the_last_finished_stage(own_system: Any, door: Any, how: str) -> None:
    own_system.start()
    door.delay = 0.1
    job_id, before = start_and_shut(own_system, door)
    status = own_system.status(job_id)
    assert status["status"] == "running"

    getattr(own_system, how)()
    door.shut.clear()
    door.delay = 0
    own_system.start()

    finished = own_system.wait_for(job_id, "completed", "failed")
    assert finished["status"] == "completed", finished
    events = own_system.events(job_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    starts = collections.Counter((e["stage"], e["round"]) for e in events if e["type"] == "stage_started")
    completions = collections.Counter(
        (e["stage"], e["round"]) for e in events if e["type"] == "stage_completed"
    )
    assert {stage for stage, _ in completions} >= before
    assert all(starts[stage, 1] == 1 for stage in before), "a finished stage was started again"
    assert set(completions.values()) == {1}


def test_ctrl_c_stops_the_services_before_the_servers_that_they_need(own_system: Any, door: Any) -> None:
    """A terminal signals the whole process group."""
    own_system.start()
    start_and_shut(own_system, door)
    os.killpg(own_system.process.pid, signal.SIGINT)
    assert own_system.process.wait(30) == 0
    log = own_system.log_text()
    assert "service_stopped" in log
    assert "Traceback" not in log
    assert "loop_failed" not in log


def test_an_embedded_server_that_dies_is_started_again(own_system: Any, door: Any) -> None:
    own_system.start()
    job_id, _ = start_and_shut(own_system, door)
    for path in own_system.data_dir.rglob("*.pid"):
        os.kill(int(path.read_text().split()[0]), signal.SIGKILL)
    door.shut.clear()

    def completed() -> bool:
        answer = own_system.http.get(f"/jobs/{job_id}/status")
        return bool(answer.status_code == 200 and answer.json()["status"] == "completed")

    wait_until(completed, 60, "the job ends on servers that were started again")
    assert own_system.whole_log().count("server_restarted") >= 2


def test_cancelling_stops_the_running_stage_within_a_second(system: Any, door: Any) -> None:
    door.delay = 0.05
    job_id, _ = start_and_shut(system, door)
    wait_until(lambda: system.status(job_id)["current_stage"] == "stage_02", 10, "research runs")
    time.sleep(0.3)  # let requests reach the shut door, so that there is something to interrupt
    asked = time.monotonic()
    answer = system.http.post(f"/jobs/{job_id}/cancel")
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert system.status(job_id)["status"] == "cancelled"
    seen = len(door.requests)
    door.shut.clear()
    time.sleep(1.0)
    assert time.monotonic() - asked < 5
    assert len(door.requests) == seen, "the cancelled stage went on reading pages"
    assert [e["type"] for e in system.events(job_id)][-1] == "cancelled"
    assert system.http.post(f"/jobs/{job_id}/cancel").status_code == 409
