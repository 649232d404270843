"""The public API against a model: submit, repeat, cancel, retry and power cuts in any order.

The model knows only what the API promises. It says which states a job may be in now, and which one it must reach
once nothing holds it up.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings

from blog_writer.sample_site import pages

SLOTS = 2
SETTLE_SECONDS = 60.0
TERMINAL = {"completed", "failed", "cancelled"}
FATES = {"held": set(), "readable": {"completed"}, "missing": {"failed"}}
"""How a site answers, and where that may lead a job that nobody cancels."""
PATHS = ("/", "/about", "/faq", "/guides/energy-efficiency", "/guides/insulation")


class Step(NamedTuple):
    """What a client does next. Not every part says something in every step."""

    what: str
    which: int
    site: str
    priority: int


STEPS = st.builds(
    Step,
    what=st.sampled_from(
        ["submit", "submit", "submit_again", "answer", "cancel", "retry", "retry", "power_cut"]
    ),
    which=st.integers(0, 7),
    site=st.sampled_from(sorted(FATES)),
    priority=st.sampled_from([1, 2, 3]),
)


@dataclass
class ModelJob:
    """What is known of one job from outside."""

    tag: str
    key: str
    body: dict[str, Any]
    ended: str | None = None
    """The terminal state that was promised or seen."""
    run: int = 1
    seen: int = 0
    """The last seq that was read."""

    def may_be(self, site: str) -> set[str]:
        return {self.ended} if self.ended else {"pending", "running", *FATES[site]}


class GatedSite:
    """One small company site per tag; each may hold its readers up, miss, or answer."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, str] = {}

    async def __call__(self, scope: dict[str, Any], _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        tag, _, path = scope["path"].lstrip("/").partition("/")
        while self.answers.get(tag) == "held":
            await asyncio.sleep(0.02)
        page = pages(f"{self.url}/{tag}").get(f"/{path}") if f"/{path}" in PATHS else None
        found = page is not None and self.answers.get(tag) == "readable"
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200 if found else 404, "headers": headers})
        await send({"type": "http.response.body", "body": page.body if page is not None and found else b""})

    def release(self) -> None:
        for tag, answer in self.answers.items():
            self.answers[tag] = "readable" if answer == "held" else answer


@pytest.fixture
def gated_site() -> Iterator[GatedSite]:
    site = GatedSite()
    server = uvicorn.Server(uvicorn.Config(site, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    site.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield site
    site.release()
    server.should_exit = True
    thread.join(10)


class PublicApi:
    """Random clients of one running system."""

    def __init__(self, system: Any, site: GatedSite) -> None:
        self.system = system
        self.site = site
        self.batch = f"model-{uuid.uuid4()}"
        self.model: dict[str, ModelJob] = {}
        self.power_cuts = 0

    def take(self, step: Step) -> None:
        """Do one step of a program; what it says of a job goes to one of those that are there."""
        if step.what == "submit" or not self.model:
            self.submit(step.site, step.priority)
        elif step.what == "power_cut":
            self.power_cut()
        else:
            job_id = list(self.model)[step.which % len(self.model)]
            actions: dict[str, Callable[[], None]] = {
                "submit_again": lambda: self.submit_again(job_id),
                "answer": lambda: self.let_the_site_answer(job_id, step.site),
                "cancel": lambda: self.cancel(job_id),
                "retry": lambda: self.retry(job_id, step.site),
            }
            actions[step.what]()
        self.every_job_is_where_it_may_be()

    def answer_of(self, job_id: str) -> str:
        return self.site.answers[self.model[job_id].tag]

    # What clients do.

    def submit(self, site: str, priority: int) -> None:
        tag = uuid.uuid4().hex[:8]
        self.site.answers[tag] = site
        body = {
            "primary_keyword": "energy efficiency",
            "company_url": f"{self.site.url}/{tag}/",
            "priority": priority,
            "batch_id": self.batch,
        }
        answer = self.system.http.post("/write-async", json=body, headers={"idempotency-key": tag})
        assert answer.status_code == 202, answer.text
        job_id = str(answer.json()["job_id"])
        self.model[job_id] = ModelJob(tag, tag, body)
        assert self.system.status(job_id)["status"] in self.model[job_id].may_be(site)

    def submit_again(self, job_id: str) -> None:
        job = self.model[job_id]
        key = {"idempotency-key": job.key}
        same = self.system.http.post("/write-async", json=job.body, headers=key)
        assert (same.status_code, same.json()["job_id"]) == (202, job_id)
        other = self.system.http.post("/write-async", json={**job.body, "tone": "dry"}, headers=key)
        assert other.status_code == 422

    def let_the_site_answer(self, job_id: str, site: str) -> None:
        if self.answer_of(job_id) == "held" and site != "held":
            self.site.answers[self.model[job_id].tag] = site

    def cancel(self, job_id: str) -> None:
        job = self.model[job_id]
        answer = self.system.http.post(f"/jobs/{job_id}/cancel")
        if job.ended or answer.status_code == 409:
            assert answer.status_code == 409, answer.text
            job.ended = job.ended or answer.json()["status_of_job"]
            assert job.ended in {"cancelled", *FATES[self.answer_of(job_id)]}
        else:
            assert answer.status_code in {200, 202}, answer.text
            job.ended = "cancelled"
            if (
                answer.status_code == 202
            ):  # accepted, but not committed within 5 s: the job may have ended before
                ended = self.system.wait_for(job_id, *TERMINAL, seconds=SETTLE_SECONDS)["status"]
                assert ended in {"cancelled", *FATES[self.answer_of(job_id)]}
                job.ended = ended
        assert self.system.status(job_id)["status"] == job.ended

    def retry(self, job_id: str, site: str) -> None:
        job = self.model[job_id]
        if self.system.status(job_id)["status"] == "failed":
            self.site.answers[job.tag] = site
            assert self.system.http.post(f"/jobs/{job_id}/retry").status_code == 202
            job.ended = None
            job.run += 1
            self.system.wait_for(job_id, "pending", "running", *FATES[site], seconds=SETTLE_SECONDS)
        elif self.answer_of(job_id) != "missing":  # a job that is about to fail may be retried in time
            assert self.system.http.post(f"/jobs/{job_id}/retry").status_code == 409

    def power_cut(self) -> None:
        """One for each program: a start takes seconds."""
        if self.power_cuts:
            return
        self.power_cuts += 1
        self.system.kill()
        self.system.start()

    # What must hold.

    def every_job_is_where_it_may_be(self) -> None:
        listed = self.system.http.get("/jobs", params={"batch_id": self.batch, "limit": 100}).json()
        assert {line["job_id"] for line in listed["jobs"]} == set(self.model)
        for line in listed["jobs"]:
            self.check(line["job_id"], line["status"])

    def check(self, job_id: str, status: str) -> None:
        job = self.model[job_id]
        assert status in job.may_be(self.answer_of(job_id)), (job, self.answer_of(job_id))
        job.ended = status if status in TERMINAL else None
        events = self.system.events(job_id)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert len(events) >= job.seen, "an event that was read is gone"
        job.seen = len(events)
        runs = [event["run"] for event in events if event["type"] == "submitted"]
        assert runs == list(range(1, len(runs) + 1))
        assert len(runs) <= job.run
        ends = [event["type"] for event in events if event["type"] in TERMINAL]
        assert len(ends) <= job.run
        assert all(end == "failed" for end in ends[:-1])

    def come_to_rest(self) -> None:
        """Once nothing holds a job up, it ends as the model says."""
        self.site.release()
        for job_id, job in self.model.items():
            status = self.system.wait_for(job_id, *TERMINAL, seconds=SETTLE_SECONDS)
            assert status["status"] in ({job.ended} if job.ended else FATES[self.answer_of(job_id)])
            types = [event["type"] for event in self.system.events(job_id)]
            assert types[-1] == status["status"]
            assert types.count("submitted") == job.run
        if self.model:
            assert self.most_at_once() <= SLOTS

    def most_at_once(self) -> int:
        """Return how many jobs of this run held a slot at the same time."""
        moments = []
        for job_id in self.model:
            holds = 0
            for event in self.system.events(job_id):
                before, holds = (
                    holds,
                    int(holds if event["type"] not in {"started", *TERMINAL} else event["type"] == "started"),
                )
                moments.append((event["at"], holds - before))
        steps = [step for _, step in sorted(moments)]
        return max(itertools.accumulate(steps), default=0)


@pytest.mark.timeout(300)
def test_the_public_api_behaves_as_its_model(own_system: Any, gated_site: GatedSite) -> None:
    """Programs are drawn before they run: the system's timing decides nothing that hypothesis draws."""
    own_system.environment["BLOG_WRITER_MAX_CONCURRENT"] = str(SLOTS)
    own_system.start()

    @settings(
        max_examples=4,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEPS, min_size=8, max_size=12))
    def behaves(program: list[Step]) -> None:
        api = PublicApi(own_system, gated_site)
        for step in program:
            api.take(step)
        api.come_to_rest()

    behaves()
