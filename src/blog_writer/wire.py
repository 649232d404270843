"""What the blocking and the asynchronous client say over HTTP, and what they make of the answers. No IO."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NotRequired, TypedDict

import httpx
import msgspec

from blog_writer.errors import GatewayUnreachable, RequestRefused
from contracts.events import TERMINAL_EVENTS
from contracts.jobs import TERMINAL_STATES, ArticleRequest

Json = dict[str, Any]
Request = ArticleRequest | Mapping[str, Any]
"""What an article is asked for with: the typed request, or its fields."""

TIMEOUT_SECONDS = 30.0
"""For one request; longer than the gateway's heartbeats, so that a dead stream is noticed."""
RECONNECTS = 30
"""Broken streams in a row before a client gives up: about two minutes."""
_LONGEST_PAUSE = 5.0
"""Seconds between two tries, at most."""


class Accepted(TypedDict):
    """A job was accepted."""

    job_id: str
    status: str
    polling_url: str
    events_url: str
    batch_id: str | None


class BatchAccepted(TypedDict):
    """A batch was accepted."""

    batch_id: str
    total: int
    polling_url: str
    jobs: list[Accepted]


class JobStatus(TypedDict):
    """A job as it stands. What does not apply yet is left out."""

    job_id: str
    status: str
    created_at: str
    progress_percent: int
    stages_completed: int
    total_stages: int
    run: int
    current_stage: NotRequired[str]
    quality_score: NotRequired[float]
    error: NotRequired[str]
    error_code: NotRequired[str]
    error_stage: NotRequired[str]
    result: NotRequired[Json]
    """The article, once completed (contracts.articles.ArticleResult)."""


class JobPage(TypedDict):
    """A page of jobs, newest first."""

    jobs: list[Json]
    total: int
    has_more: bool


class Acknowledged(TypedDict):
    """A command on a job was taken."""

    success: bool
    job_id: str
    message: str


class EventPage(TypedDict):
    """A part of a job's story; ask with ``next_after`` for what comes next."""

    events: list[Json]
    next_after: int


class FeedEvent(TypedDict):
    """One event of any job, and the cursor to go on after it."""

    cursor: str
    event: Json


def body(request: Request) -> Any:
    """Return a request as JSON values; what is not given is left out."""
    return msgspec.to_builtins(request) if isinstance(request, ArticleRequest) else dict(request)


def batch_body(requests: Iterable[Request], batch_id: str | None) -> Json:
    """Return a batch as JSON values."""
    return {"jobs": [body(each) for each in requests]} | ({"batch_id": batch_id} if batch_id else {})


def retry_body(max_cost_usd: float | None) -> dict[str, Json]:
    """Return the body of a retry, none when nothing is to be changed."""
    return {} if max_cost_usd is None else {"json": {"max_cost_usd": max_cost_usd}}


def submit_headers(idempotency_key: str | None) -> dict[str, str]:
    """Return the headers of a submission: with a key, sending it twice makes one job."""
    return {"idempotency-key": idempotency_key} if idempotency_key else {}


def stream_headers(last: str) -> dict[str, str]:
    """Return the headers that ask for events after the last one that was seen."""
    return {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})


ARTICLE_KINDS = {"html": "text/html", "markdown": "text/markdown"}


def key_for(gateway: httpx.URL, api_key: str) -> Callable[[httpx.Request], httpx.Request]:
    """Return what adds the key to requests to the gateway alone: files of an article may lie elsewhere."""

    def add(request: httpx.Request) -> httpx.Request:
        if (request.url.scheme, request.url.netloc) == (gateway.scheme, gateway.netloc):
            request.headers["Authorization"] = f"Bearer {api_key}"
        return request

    return add


def options(url: str, api_key: str | None) -> dict[str, Any]:
    """Return how an HTTP client of a gateway is made."""
    auth = key_for(httpx.URL(url), api_key) if api_key else None
    return {"base_url": url, "timeout": TIMEOUT_SECONDS, "trust_env": False, "auth": auth}


def refusal(response: httpx.Response) -> RequestRefused:
    """Return what to raise for an answer that is an error; its body must have been read."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or problem.get("title") or response.reason_phrase
    return RequestRefused(response.status_code, problem.get("code", "unknown"), detail)


@contextmanager
def problems(url: str) -> Iterator[None]:
    """Raise RequestRefused or GatewayUnreachable in place of what an HTTP client of the gateway raises."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise refusal(error.response) from error
    except httpx.TransportError as error:
        raise GatewayUnreachable(url, str(error) or type(error).__name__) from error


def pause(failures: int) -> float:
    """Return seconds to wait before a stream is asked for again."""
    return float(min(0.1 * 2 ** min(failures, 10), _LONGEST_PAUSE))


def until_next_look(job_id: str, asked: int, passed: float, timeout: float | None) -> float:
    """Return seconds to wait before a job's status is asked for again. Raises TimeoutError when time is up."""
    left = _LONGEST_PAUSE if timeout is None else timeout - passed
    if left <= 0:
        raise TimeoutError(f"job {job_id} has not ended within {timeout:g} s")
    return min(left, 0.1 * 1.5 ** min(asked, 8))


def ends(event: Mapping[str, Any]) -> bool:
    """Whether an event is the last one of its job's story, until a retry."""
    return event["type"] in TERMINAL_EVENTS


def ended(status: Mapping[str, Any]) -> bool:
    """Whether a job has ended."""
    return status["status"] in TERMINAL_STATES


class EventLines:
    """Puts server-sent events together, line by line (HTML standard, section 9.2: id and data are all that is used)."""

    def __init__(self, last: str = "") -> None:
        self.last = last
        """The last id, to resume after."""
        self._data: list[str] = []

    def begin(self) -> None:
        """Begin a connection: what the one before left unfinished is dropped."""
        self._data = []

    def take(self, line: str) -> Json | None:
        """Take in a line; return the event that it completes."""
        if not line:
            data, self._data = "\n".join(self._data), []
            event: Json | None = json.loads(data) if data else None
            return event
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            self.last = value
        elif name == "data":
            self._data.append(value)
        return None
