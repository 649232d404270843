"""Each service as a process of its own: it starts, says that it is ready, stops when told, and says why it cannot."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from blog_writer.embedded.child import free_port
from blog_writer.embedded.nats import NatsServer

SECRET = "whsec_" + "a" * 40
SERVICES = ("gateway", "orchestrator", "stage_workers", "notifier")
WITH_DATABASE = ("gateway", "orchestrator", "notifier")
STARTS_WITHOUT_NATS = "gateway"
PORT_VARIABLES = {"gateway": "BLOG_WRITER_PORT"}
"""Where a service answers /ready, if not at its operations port."""
NOWHERE = "127.0.0.1:1"


class Service:
    """One service process, with what it wrote."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("BLOG_WRITER_") and key not in {"DATABASE_URL", "NATS_URL"}
        }
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", name], env={**clean, **environment}, stdout=output, stderr=output
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def ended(self, seconds: float = 20) -> int:
        """Wait for the end and return the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return pytest.fail(f"it still runs after {seconds} s:\n{self.output}")

    def wait_for(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                pytest.fail(f"it ended with {self.process.returncode}:\n{self.output}")
            if answer := condition():
                return answer
            time.sleep(0.05)
        return pytest.fail(f"not within {seconds} s:\n{self.output}")


Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a service; it is killed at the end if it still runs."""

    @contextmanager
    def started(name: str, environment: Mapping[str, str]) -> Iterator[Service]:
        service = Service(name, environment, tmp_path / f"{name}.log")
        try:
            yield service
        finally:
            service.process.kill()
            service.process.wait()

    return started


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """A database as ``blog-writer migrate`` leaves it."""
    subprocess.run(
        [sys.executable, "-m", "blog_writer", "migrate"],
        env={**os.environ, "DATABASE_URL": database_url},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return database_url


def settings(tmp_path: Path, name: str, database_url: str, nats_url: str) -> dict[str, str]:
    """Return an environment with which the service starts, and answers /ready at a free port."""
    given = {
        "DATABASE_URL": database_url,
        "NATS_URL": nats_url,
        "BLOG_WRITER_ARTICLE_STORE": f"file://{tmp_path}/articles",
        "BLOG_WRITER_WEBHOOK_SECRET": SECRET,
        PORT_VARIABLES.get(name, "BLOG_WRITER_OPERATIONS_PORT"): str(free_port()),
    }
    if name not in WITH_DATABASE:
        del given["DATABASE_URL"]
    return given


def answer(environment: Mapping[str, str], path: str) -> httpx.Response | None:
    port = environment.get("BLOG_WRITER_PORT") or environment["BLOG_WRITER_OPERATIONS_PORT"]
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False)
    except httpx.TransportError:
        return None


def is_ready(environment: Mapping[str, str]) -> bool:
    response = answer(environment, "/ready")
    return response is not None and response.status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", SERVICES)
def test_it_becomes_ready_and_stops_cleanly(
    name: str, number: signal.Signals, migrated_url: str, nats_url: str, tmp_path: Path, start: Start
) -> None:
    environment = settings(tmp_path, name, migrated_url, nats_url)
    with start(name, environment) as service:
        service.wait_for(lambda: is_ready(environment))
        assert answer(environment, "/health").status_code == 200
        asked = time.monotonic()
        service.process.send_signal(number)
        assert service.ended() == 0, service.output
        assert time.monotonic() - asked < 10
        assert "Traceback" not in service.output


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_unready_while_the_broker_is_away_and_ready_when_it_is_back(
    name: str, migrated_url: str, nats_server: NatsServer, tmp_path: Path, start: Start
) -> None:
    nats_server._wanted_port = nats_server.port
    environment = settings(tmp_path, name, migrated_url, nats_server.url)
    with start(name, environment) as service:
        service.wait_for(lambda: is_ready(environment))
        nats_server.stop()
        if name != STARTS_WITHOUT_NATS:
            service.wait_for(lambda: not is_ready(environment))
        assert answer(environment, "/health").status_code == 200
        nats_server.start()
        nats_server.wait()
        service.wait_for(lambda: is_ready(environment))


@pytest.mark.parametrize("name", SERVICES)
def test_a_missing_setting_is_named(name: str, tmp_path: Path, start: Start) -> None:
    environment = settings(tmp_path, name, "postgresql://x", "nats://x")
    for variable in ("NATS_URL", "DATABASE_URL") if name in WITH_DATABASE else ("NATS_URL",):
        without = {key: value for key, value in environment.items() if key != variable}
        with start(name, without) as service:
            assert service.ended() == 2
            assert service.output == f"settings: {variable} is not set\n"


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("gateway", "BLOG_WRITER_PORT", "http"),
        ("gateway", "BLOG_WRITER_LOG_LEVEL", "loud"),
        ("orchestrator", "BLOG_WRITER_MAX_CONCURRENT", "0"),
        ("orchestrator", "BLOG_WRITER_OPERATIONS_PORT", "70000"),
        ("notifier", "BLOG_WRITER_WEBHOOK_SECRET", "too-short"),
        ("notifier", "BLOG_WRITER_WEBHOOK_RETRY_SECONDS", "5,soon"),
        ("notifier", "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS", "localhost"),
        ("stage_workers", "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS", "10.0.0.0/8,127.0.0.1/8"),
        ("stage_workers", "BLOG_WRITER_STAGES", "research,reserch"),
        ("stage_workers", "BLOG_WRITER_STAGE_SLOTS", "none"),
        ("stage_workers", "BLOG_WRITER_ARTICLE_STORE", "ftp://somewhere"),
        ("stage_workers", "BLOG_WRITER_ARTICLE_STORE", "file:///proc/nothing/can/be/made/here"),
        ("stage_workers", "BLOG_WRITER_LANGUAGE_MODEL", "gpt"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(
    name: str, variable: str, value: str, tmp_path: Path, start: Start
) -> None:
    environment = {**settings(tmp_path, name, f"postgresql://{NOWHERE}/x", NOWHERE), variable: value}
    with start(name, environment) as service:
        assert service.ended() == 2, service.output
        line = service.output
        assert line.startswith(f"settings: {variable}")
        assert line.count("\n") == 1
        if variable == "BLOG_WRITER_STAGES":
            assert ": reserch is not allowed" in line


def failed_line(service: Service) -> str:
    """Return the only line of a service that could not start."""
    assert service.ended(40) == 1, service.output
    lines = service.output.splitlines()
    assert len(lines) == 1, service.output
    return lines[0]


@pytest.mark.parametrize("name", WITH_DATABASE)
def test_a_database_that_is_not_set_up_is_said_in_one_line(
    name: str, database_url: str, nats_url: str, tmp_path: Path, start: Start
) -> None:
    with start(name, settings(tmp_path, name, database_url, nats_url)) as service:
        line = failed_line(service)
    assert "blog-writer migrate" in line
    assert "DATABASE_URL" in line


@pytest.mark.parametrize("name", WITH_DATABASE)
def test_a_database_that_does_not_answer_is_said_in_one_line(
    name: str, nats_url: str, tmp_path: Path, start: Start
) -> None:
    environment = settings(tmp_path, name, f"postgresql://nobody:hidden-word@{NOWHERE}/none", nats_url)
    with start(name, environment) as service:
        line = failed_line(service)
    assert re.search(r"DATABASE_URL: the server does not answer", line)
    assert "hidden-word" not in line


@pytest.mark.parametrize("name", [name for name in SERVICES if name != STARTS_WITHOUT_NATS])
def test_a_broker_that_does_not_answer_is_said_in_one_line(
    name: str, migrated_url: str, tmp_path: Path, start: Start
) -> None:
    with start(name, settings(tmp_path, name, migrated_url, f"nats://me:hidden-word@{NOWHERE}")) as service:
        line = failed_line(service)
    assert re.search(r"NATS_URL: the server does not answer", line)
    assert "hidden-word" not in line


def test_the_gateway_starts_without_a_broker(migrated_url: str, tmp_path: Path, start: Start) -> None:
    environment = settings(tmp_path, "gateway", migrated_url, f"nats://{NOWHERE}")
    with start("gateway", environment) as service:
        service.wait_for(lambda: answer(environment, "/health"))
        service.process.send_signal(signal.SIGTERM)
        assert service.ended() == 0, service.output


@pytest.mark.parametrize("name", SERVICES)
def test_a_port_that_is_taken_is_said_in_one_line(
    name: str, migrated_url: str, nats_url: str, tmp_path: Path, start: Start
) -> None:
    environment = settings(tmp_path, name, migrated_url, nats_url)
    port = environment.get("BLOG_WRITER_PORT") or environment["BLOG_WRITER_OPERATIONS_PORT"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        with start(name, environment) as service:
            assert service.ended() == 1, service.output
            assert "Traceback" not in service.output
            assert f":{port}" in service.output.splitlines()[-1]
