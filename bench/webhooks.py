"""``python -m bench.webhooks``: how much failing and hanging endpoints cost the healthy ones.

10,000 endpoints get 100 webhooks a second for a minute, twice: once all are healthy, once every tenth fails and every
hundredth hangs. Time counts from the event to the request at the receiver. Everything is on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import quantiles

from nats.js import JetStreamContext

from bench.machine import facts
from bench.processes import Servers, process, servers
from contracts import codec, subjects
from contracts.events import Cancelled
from contracts.ids import JobId, new_job_id
from contracts.streams import EVENTS

ENDPOINTS, HOSTS, PER_SECOND = 10_000, 100, 100
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  made up
DRAIN_SECONDS = 60.0

JOBS = """
INSERT INTO jobs.jobs (job_id, tenant, state, priority, primary_keyword, company_url, language, country, callback_url,
    created_at, queued_at, finished_at, run, round, seq, stages_completed, progress_percent, doc, request)
SELECT id, 'default', 'cancelled', 2, 'k', 'http://c', 'en', 'US', url, now(), now(), now(), 1, 0, 5, 0, 0, '{}', '{}'
FROM unnest($1::uuid[], $2::text[]) AS n (id, url)
"""


class Receiver:
    """Takes, refuses or keeps hanging, by the number of the endpoint; notes when a healthy one was reached."""

    def __init__(self, *, faults: bool) -> None:
        self.reached: dict[str, float] = {}
        self.others = 0
        self._faults = faults
        self._held: list[asyncio.StreamWriter] = []
        self.port = 0

    def kind(self, number: int) -> str:
        """Return ``healthy``, ``failing`` (every tenth) or ``hanging`` (every hundredth)."""
        if number % 100 == 1:
            return "hanging"
        return "failing" if number % 10 == 0 else "healthy"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen at as many loopback addresses as there are hosts."""
        listeners = []
        for number in range(HOSTS):
            listener = await asyncio.start_server(self._serve, f"127.0.1.{number + 1}", self.port)
            self.port = listener.sockets[0].getsockname()[1]
            listeners.append(listener)
        yield
        for listener in listeners:
            listener.close()
        for writer in self._held:
            writer.close()

    def url(self, number: int) -> str:
        """Return an endpoint; each host has some of every kind."""
        return f"http://127.0.1.{number // (ENDPOINTS // HOSTS) + 1}:{self.port}/{number}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        now = time.time()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        kind = self.kind(int(head.split(" ", 2)[1][1:]))
        if kind == "healthy":
            job_id = head.partition("webhook-id: msg_")[2][:36]
            self.reached.setdefault(job_id, now)
        else:
            self.others += 1
        if kind == "hanging" and self._faults:
            self._held.append(writer)
            return
        status = "500 Oops" if kind == "failing" and self._faults else "204 No Content"
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
        writer.close()


async def run(seconds: int, seed: int, *, faults: bool) -> list[float]:
    """Return how long each webhook to a healthy endpoint took to arrive, in seconds."""
    receiver = Receiver(faults=faults)
    async with servers() as our, receiver.listening():
        jobs = await _jobs(our, receiver, seconds * PER_SECOND, seed)
        environment = {
            **our.environment,
            "BLOG_WRITER_WEBHOOK_SECRET": SECRET,
            "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS": "127.0.1.0/24",
            "BLOG_WRITER_LOG_LEVEL": "error",
        }
        async with process(our.folder, "notifier", environment):
            js = our.client.jetstream()
            await _asking(js)
            told = await _tell(js, [job_id for job_id, _ in jobs])
            healthy = {job_id for job_id, number in jobs if receiver.kind(number) == "healthy"}
            await _drained(receiver, healthy)
    return [receiver.reached[job_id] - told[job_id] for job_id in healthy]


async def _jobs(our: Servers, receiver: Receiver, count: int, seed: int) -> list[tuple[JobId, int]]:
    """Write jobs that have ended, each with an endpoint chosen by the seed."""
    chosen = random.Random(seed)  # noqa: S311  a load, no secret
    jobs = [(new_job_id(), chosen.randrange(ENDPOINTS)) for _ in range(count)]
    urls = [receiver.url(number) for _, number in jobs]
    await our.pool.execute(JOBS, [job_id for job_id, _ in jobs], urls)
    return jobs


async def _asking(js: JetStreamContext) -> None:
    """Return once the notifier asks for events."""
    async with asyncio.timeout(30):
        while not (await js.consumer_info(EVENTS.name, "notifier")).num_waiting:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.05)


async def _tell(js: JetStreamContext, jobs: Sequence[JobId]) -> dict[JobId, float]:
    """Publish the ends of jobs at an even pace; return when each was published."""
    told, start, publishing = {}, time.monotonic(), set()
    for number, job_id in enumerate(jobs):
        await asyncio.sleep(max(0.0, start + number / PER_SECOND - time.monotonic()))
        told[job_id] = time.time()
        event = Cancelled(
            job_id=job_id, seq=5, at=datetime.fromtimestamp(told[job_id], UTC), tenant="default"
        )
        task = asyncio.create_task(js.publish(subjects.event(event), codec.encode(event)))
        publishing.add(task)
        task.add_done_callback(publishing.discard)
    await asyncio.gather(*publishing)
    return told


async def _drained(receiver: Receiver, healthy: set[JobId]) -> None:
    print(f"{len(healthy - receiver.reached.keys())} of {len(healthy)} are still to come", flush=True)
    async with asyncio.timeout(DRAIN_SECONDS):
        while not healthy <= receiver.reached.keys():  # noqa: ASYNC110  thousands of small steps
            await asyncio.sleep(0.1)


def summary(name: str, waits: Sequence[float]) -> str:
    """Return a line of percentiles in milliseconds."""
    cuts = [cut * 1000 for cut in quantiles(waits, n=1000)]
    return f"{name}: {len(waits)} webhooks, p50 {cuts[499]:.0f} ms, p99 {cuts[989]:.0f} ms, p99.9 {cuts[998]:.0f} ms"


async def _main(seconds: int, seed: int) -> None:
    print("\n".join(f"{name}: {fact}" for name, fact in facts().items()))
    print(f"{ENDPOINTS} endpoints, {PER_SECOND} webhooks a second for {seconds} s, seed {seed}")
    p99 = []
    for name, faults in (("all healthy", False), ("10 % fail, 1 % hang", True)):
        waits = await run(seconds, seed, faults=faults)
        print(summary(name, waits), flush=True)
        p99.append(quantiles(waits, n=100)[98])
    print(f"p99 with faults / without: {p99[1] / p99[0]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.webhooks", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_main(given.seconds, given.seed))
