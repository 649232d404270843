"""From a client's cancel to the stop of the job's stage in the worker, and to its event, against a plain request there."""

from __future__ import annotations

import asyncio
import time

import msgspec
from nats.aio.msg import Msg

from bench.accept import BODY
from bench.hanging import BEGUN, ECHO, STOPPED
from bench.measure import Line, Measured, latencies, side_by_side
from bench.peers.posting import Poster
from bench.processes import Servers, http_server, process, servers
from contracts import subjects

TIMES = 30
SECONDS = 30.0
"""In which a job begins, and stops; far more than it takes."""


class Canceller:
    """Submits jobs that hang, cancels them, and hears what becomes of them."""

    def __init__(self, s: Servers, port: int) -> None:
        self._servers = s
        self._http = Poster(port)
        self._heard: dict[str, asyncio.Future[float]] = {}

    async def listen(self) -> None:
        """Hear of begun and stopped stages, and of cancelled jobs."""
        client = self._servers.client
        await client.subscribe(BEGUN, cb=self._on_stage)
        await client.subscribe(STOPPED, cb=self._on_stage)
        await client.subscribe(subjects.event_filter("cancelled"), cb=self._on_event)
        await client.flush()

    async def _on_stage(self, message: Msg) -> None:
        self._hear(f"{message.subject} {message.data.decode()}")

    async def _on_event(self, message: Msg) -> None:
        self._hear(f"cancelled {message.subject.split('.')[2]}")

    def _hear(self, name: str) -> None:
        heard = self._when(name)
        if not heard.done():
            heard.set_result(time.perf_counter())

    def _when(self, name: str) -> asyncio.Future[float]:
        return self._heard.setdefault(name, asyncio.get_running_loop().create_future())

    async def cancel_one(self) -> tuple[float, float, float]:
        """Return the seconds from a cancel to the stop of the stage, to the event, and to the answer."""
        async with asyncio.timeout(SECONDS):
            job = str(msgspec.json.decode(await self._http.post("/write-async", BODY.encode()))["job_id"])
            await self._when(f"{BEGUN} {job}")
            start = time.perf_counter()
            await self._http.post(f"/jobs/{job}/cancel", b"")
            answered = time.perf_counter()
            stopped, told = await self._when(f"{STOPPED} {job}"), await self._when(f"cancelled {job}")
            self._heard.clear()
            return stopped - start, told - start, answered - start


async def measure(rounds: int) -> list[Line]:
    """Return the row."""
    async with (
        servers() as s,
        http_server(s, "gateway") as port,
        process(s.folder, "orchestrator", s.environment),
        process(s.folder, "bench.hanging", s.environment),
    ):
        canceller = Canceller(s, port)
        await canceller.listen()
        await canceller.cancel_one()

        async def ours() -> Measured:
            stopped, told, answered = zip(*[await canceller.cancel_one() for _ in range(TIMES)], strict=True)
            return {
                **latencies(stopped, "to stopped stage"),
                **latencies(told, "to event"),
                **latencies(answered, "to answer"),
            }

        async def plain() -> Measured:
            seconds = []
            for _ in range(TIMES):
                start = time.perf_counter()
                await s.client.request(ECHO, b"x" * 100, timeout=SECONDS)
                seconds.append(time.perf_counter() - start)
            names = ("to stopped stage", "to event", "to answer")
            return {metric: ms for name in names for metric, ms in latencies(seconds, name).items()}

        return await side_by_side("cancel", ours, {"plain NATS request": plain}, rounds)
