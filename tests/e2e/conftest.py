"""The whole system as its users start it: ``blog-writer up`` as a process of its own, reached over HTTP."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from blog_writer.sample_site import serve_sample_site
from blog_writer.settings import Running, read_running

START_SECONDS = 60.0


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the first true answer of ``condition``; fail with ``what`` after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.05)
    return pytest.fail(f"not within {seconds} s: {what}")


class System:
    """One ``blog-writer up`` on a data folder; may be killed and started again."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BLOG_WRITER_")},
            "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8,::1/128",  # where tests have their sites and sinks
            **environment,
        }
        self._log = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client()

    @property
    def running(self) -> Running:
        running = read_running(self.data_dir)
        assert running is not None
        return running

    @property
    def url(self) -> str:
        return self.running.url

    def start(self) -> System:
        command = [sys.executable, "-m", "blog_writer", "up", "--port", "0", "--data-dir", str(self.data_dir)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._ready, START_SECONDS, f"the system starts; its log is\n{self.log_text()}")
        self.http.close()
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        return self

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"the system ended with {self.process.returncode}:\n{self.log_text()}")
        running = read_running(self.data_dir)
        return running is not None and running.pid == self.process.pid

    def log_text(self) -> str:
        return self._log.read_text()[-8000:] if self._log.exists() else ""

    def whole_log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """Kill -9 the whole process group, as a power cut would."""
        assert self.process is not None
        servers = [int(path.read_text().split()[0]) for path in self.data_dir.rglob("*.pid")]
        assert len(servers) >= 2, "the embedded servers are not where they write their process ids"
        for process in servers:
            os.kill(process, signal.SIGKILL)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """End it as Ctrl-C does; return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.http.close()
        return self.process.wait(60)

    def submit(self, **request: Any) -> str:
        answer = self.http.post("/write-async", json=request)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def status(self, job_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/jobs/{job_id}/status").raise_for_status().json())

    def events(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.http.get(f"/jobs/{job_id}/events").raise_for_status().json()["events"])

    def wait_for(self, job_id: str, *states: str, seconds: float = 90) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            status = self.status(job_id)
            return status if status["status"] in states else None

        return dict(wait_until(reached, seconds, f"job {job_id} is {states}: {self.status(job_id)}"))


@contextmanager
def served_site() -> Iterator[str]:
    """Serve the bundled sample site from a thread of its own; yield its address."""
    started, stop = threading.Event(), threading.Event()
    address: list[str] = []

    async def serve() -> None:
        async with serve_sample_site() as url:
            address.append(url)
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10)
    try:
        yield address[0]
    finally:
        stop.set()
        thread.join(10)


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    with served_site() as url:
        yield url


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system for all tests that leave it as they found it."""
    shared = System(
        tmp_path_factory.mktemp("system") / "data", BLOG_WRITER_WEBHOOK_RETRY_SECONDS="0,1,1,1,1"
    ).start()
    yield shared
    assert shared.stop() == 0, shared.log_text()


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[System]:
    """A system that the test may kill."""
    own = System(tmp_path / "data", BLOG_WRITER_DRAIN_SECONDS="1")
    yield own
    if own.process is not None:
        own.stop()


@pytest.fixture
def wait() -> Callable[..., Any]:
    """Waits for a condition."""
    return wait_until


@pytest.fixture(scope="module")
def new_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., System]]:
    """Starts systems with settings of their own, which last as long as the test's file."""
    started: list[System] = []

    def start(**environment: str) -> System:
        started.append(System(tmp_path_factory.mktemp("own") / "data", **environment))
        return started[-1].start()

    yield start
    for own in started:
        own.stop()


@pytest.fixture
def door(site: str) -> Iterator[Any]:
    """The sample site behind a door that the test may slow down or shut."""
    path = Path(__file__).with_name("slow_site.py")
    specification = importlib.util.spec_from_file_location("slow_site", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    with module.slow_site(site) as slow:
        yield slow
