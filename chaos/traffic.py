"""The client outside: submits steadily, with a key each, until it has an answer; cancels some, retries some."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from typing import Any, NamedTuple

import httpx

from chaos.records import Accepted, Answer, Journal, Steered, now

PATIENCE_SECONDS = 8.0
AGAIN_SECONDS = (0.2, 0.8)
CALLBACK_SHARE = 0.9
TWICE_SHARE = 0.1
CANCEL_SHARE = 0.06
RETRY_SHARE = 0.6
BAIT_EVERY = 10
"""Of so many jobs one names a canary, in one of three places by turns."""
SITE = "https://example.com"


class Outside(NamedTuple):
    """Where webhooks may go, and where nothing may go."""

    callbacks: list[str]
    baits: list[str]


class Client:
    """Talks to the gateway, and writes down every word of it."""

    def __init__(self, url: str, outside: Outside, journal: Journal, rng: random.Random) -> None:
        self._url = url
        self._outside = outside
        self._journal = journal
        self._rng = rng
        self._http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._looked_at: set[str] = set()
        self.submitted = 0
        self.holding = False
        """Set while the system has enough to do: what is to be shown is not how much it can do."""

    async def submit_steadily(self, per_second: float) -> None:
        """Start a submission again and again, until cancelled."""
        while True:
            if not self.holding:
                self._start(self._job())
            await asyncio.sleep(self._rng.uniform(0.5, 1.5) / per_second)

    async def retry_failed(self) -> None:
        """Look for failed jobs and retry some of them, each at most once, until cancelled."""
        while True:
            await asyncio.sleep(2)
            answer = await self._exchange("GET", "/jobs?status=failed&limit=100")
            if answer is None or not answer.is_success:
                continue
            for job in answer.json()["jobs"]:
                if job["job_id"] not in self._looked_at:
                    self._looked_at.add(job["job_id"])
                    if self._rng.random() < RETRY_SHARE:
                        self._start(self._steer("retry", job["job_id"]))

    async def finish(self, seconds: float) -> int:
        """Let what was begun come to an end; return how many submissions did not."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = len(self._tasks)
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
        return left

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _job(self) -> None:
        self.submitted += 1
        key = str(uuid.UUID(int=self._rng.getrandbits(128)))
        callback = self._rng.choice(self._outside.callbacks) if self._rng.random() < CALLBACK_SHARE else None
        body = {
            "primary_keyword": f"chaos {self.submitted}",
            "company_url": SITE,
            "priority": self._rng.choice((1, 2, 2, 3)),
            **({"callback_url": callback} if callback else {}),
        }
        bait = self._bait(body)
        copies = 2 if self._rng.random() < TWICE_SHARE else 1
        cancel = self._rng.uniform(0.2, 4) if self._rng.random() < CANCEL_SHARE else None
        job_ids = await asyncio.gather(*(self._accepted(key, body, bait) for _ in range(copies)))
        if cancel is not None:
            await asyncio.sleep(cancel)
            await self._steer("cancel", job_ids[0])

    def _bait(self, body: dict[str, Any]) -> str:
        """Put a canary into some requests; return the field that has it."""
        number, rest = divmod(self.submitted, BAIT_EVERY)
        if rest:
            return ""
        url = self._outside.baits[number // 3 % len(self._outside.baits)]
        field = ("callback_url", "company_url", "source_urls")[number % 3]
        if field == "callback_url":  # any other is refused at the door
            url = next(each for each in self._outside.baits if "localhost" in each)
        body[field] = [url] if field == "source_urls" else url
        return field

    async def _accepted(self, key: str, body: dict[str, Any], bait: str) -> str:
        while True:
            answer = await self._exchange("POST", "/write-async", json=body, headers={"Idempotency-Key": key})
            if answer is not None and answer.status_code == httpx.codes.ACCEPTED:
                job_id = str(answer.json()["job_id"])
                self._journal.write(
                    Accepted(at=now(), key=key, job_id=job_id, callback="callback_url" in body, bait=bait)
                )
                return job_id
            await asyncio.sleep(random.uniform(*AGAIN_SECONDS))

    async def _steer(self, action: str, job_id: str) -> None:
        while True:
            answer = await self._exchange("POST", f"/jobs/{job_id}/{action}")
            if answer is not None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                self._journal.write(
                    Steered(at=now(), action=action, job_id=job_id, status=answer.status_code)
                )
                return
            await asyncio.sleep(random.uniform(*AGAIN_SECONDS))

    async def _exchange(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        sent, started = now(), time.monotonic()
        try:
            answer = await self._http.request(method, self._url + path, **options)
        except httpx.TransportError as error:
            self._note(method, path, sent, started, reason=type(error).__name__)
            return None
        self._note(
            method,
            path,
            sent,
            started,
            status=answer.status_code,
            retry_after=answer.headers.get("retry-after"),
        )
        return answer

    def _note(self, method: str, path: str, sent: float, started: float, **facts: Any) -> None:
        self._journal.write(
            Answer(
                at=sent,
                method=method,
                path=path.partition("?")[0],
                seconds=time.monotonic() - started,
                **{"status": 0, **facts},
            )
        )
