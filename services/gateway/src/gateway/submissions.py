"""Taking jobs in."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import asyncpg
import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, JSONBody

from chassis import logs
from chassis.broker import Publisher
from chassis.clock import Clock
from chassis.database import within
from chassis.grouping import Grouped
from chassis.outbox import Numbered
from contracts import codec
from contracts.commands import CancelJob, RetryJob, SubmitJob
from contracts.ids import JobId, new_job_id
from contracts.jobs import ArticleRequest
from contracts.payloads import REQUEST_LIMIT
from gateway.callbacks import CallbackRules
from gateway.errors import Refusal
from gateway.idempotency import checked_key, fingerprint
from gateway.presenters import accepted
from gateway.schemas import Accepted, BatchAccepted, BatchRequest, WriteRequest
from gateway.store import PATIENCE_SECONDS, Claim, Outcome, Store, Submission
from gateway.waiting import Waiting

log = logs.get_logger(__name__)

LARGEST_GROUP = 64
"""Requests committed in one transaction, at most."""

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key", description="Makes a repeated submission return the first one's answer."
    ),
]


class Sender:
    """Publishes what was committed, without making anyone wait; the relay sends what does not go through."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._publisher: Publisher | None = None
        self._groups = Grouped(self._publish, LARGEST_GROUP)
        self._tasks: set[asyncio.Task[Any]] = set()

    def attach(self, publisher: Publisher) -> None:
        """Begin to publish: NATS answers."""
        self._publisher = publisher

    def send(self, messages: Sequence[Numbered]) -> None:
        """Publish in the background."""
        if self._publisher is None or not messages:
            return
        task = asyncio.create_task(self._groups.do(messages))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, group: Sequence[Sequence[Numbered]]) -> list[None]:
        """Publish what was committed meanwhile: together it costs little more than one message."""
        messages = [message for one in group for message in one]
        assert self._publisher is not None  # noqa: S101  nothing is sent before it is there
        try:
            await self._store.outbox.send(self._store.pool, self._publisher, messages)
        except Exception as error:  # noqa: BLE001  the rows are still there for the relay
            log.warning("publish_postponed", messages=len(messages), reason=str(error) or repr(error))
        return [None] * len(group)

    async def relay(self) -> None:
        """Send what still lies in the outbox."""
        if self._publisher is not None:
            await self._store.outbox.relay(self._store.pool, self._publisher)

    async def command(self, command: CancelJob | RetryJob, run: int) -> None:
        """Commit a command on a job that is in its run ``run``, and publish it."""
        self.send(await self._store.command(command, f"command/{uuid.uuid4()}", run))


class Intake:
    """Accepts requests: one commit for all that come at the same time, then their messages."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        clock: Clock,
        callbacks: CallbackRules | None = None,
        max_cost_usd: float | None = None,
    ) -> None:
        """Give jobs that name no limit of their own ``max_cost_usd``."""
        self._store = store
        self._sender = sender
        self._clock = clock
        self._callbacks = callbacks or CallbackRules()
        self._max_cost_usd = max_cost_usd
        self._groups = Grouped(self._commit, LARGEST_GROUP)

    def check(self, request: ArticleRequest, prefix: str = "") -> None:
        """Raise Refusal for a request that could not travel, or whose webhook could never be delivered."""
        refuse_unfit(request, prefix)
        self._callbacks.check(request.callback_url, f"{prefix}callback_url")

    async def accept(
        self,
        tenant: str,
        requests: Sequence[ArticleRequest],
        answer: Accepted | BatchAccepted,
        ids: Sequence[JobId],
        claim: Claim | None,
    ) -> tuple[bytes, bool]:
        """Commit jobs under the given identifiers; return the answer's JSON and whether it is a repetition's.

        Raises Refusal when the key was used for another request.
        """
        now = self._clock.now()
        jobs = tuple(
            SubmitJob(job_id=job_id, tenant=tenant, request=self._limited(request), submitted_at=now)
            for job_id, request in zip(ids, requests, strict=True)
        )
        submission = Submission(tenant, jobs, claim)
        outcome = await within(PATIENCE_SECONDS, self._groups.do(submission))
        if isinstance(outcome, Exception):
            raise outcome
        for job in jobs if outcome is None else ():
            log.info("job_accepted", job_id=job.job_id, keyword=job.request.primary_keyword)
        return outcome or codec.encode(answer), outcome is not None

    def _limited(self, request: ArticleRequest) -> ArticleRequest:
        if request.max_cost_usd is not None or self._max_cost_usd is None:
            return request
        return msgspec.structs.replace(request, max_cost_usd=self._max_cost_usd)

    async def _commit(self, group: Sequence[Submission]) -> list[Outcome]:
        """Commit a group; when the database refuses its data, one by one, so that only the culprit is refused."""
        try:
            messages, outcomes = await self._store.accept(group)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(group) == 1:
                return [error]
            return [outcome for one in group for outcome in await self._commit([one])]
        self._sender.send(messages)
        return outcomes

    async def accept_one(self, tenant: str, request: WriteRequest, key: str | None) -> tuple[bytes, bool]:
        """Accept one job."""
        self.check(request)
        job_id = new_job_id()
        answer = accepted(job_id, request.batch_id)
        return await self.accept(tenant, [request], answer, [job_id], _claim(key, request, answer))


def _claim(key: str | None, request: object, answer: object) -> Claim | None:
    checked = checked_key(key)
    return None if checked is None else Claim(checked, fingerprint(request), codec.encode(answer))


def refuse_unfit(request: ArticleRequest, prefix: str = "") -> None:
    """Raise Refusal for a request that could not travel as it was understood, whatever its body looked like.

    The body's limit is not enough: ``1e15`` is written as ``1000000000000000.0``, and then commands would not fit.
    """
    size = len(codec.encode(request))
    if size > REQUEST_LIMIT:
        where = prefix.rstrip(".") or "the request"
        detail = (
            f"{where} takes {size} bytes with its numbers written out; at most {REQUEST_LIMIT} are possible"
        )
        raise Refusal(413, "body_too_large", detail)
    refuse_nul(request, prefix)


def refuse_nul(request: ArticleRequest, prefix: str) -> None:
    """Raise Refusal that names the first field with a NUL character in it: Postgres cannot store one."""
    for name, value in msgspec.to_builtins(request).items():
        if "\\u0000" in codec.encode(value).decode():
            field = prefix + name
            raise Refusal(422, "invalid_field", f"{field} must not contain a NUL character", field)


def _answer(body: bytes, replayed: bool, location: str) -> Response[bytes]:
    headers = {"Location": location, **({"Idempotency-Replayed": "true"} if replayed else {})}
    return Response(body, status_code=202, media_type="application/json", headers=headers)


@post(
    "/write-async",
    status_code=202,
    responses={202: ResponseSpec(Accepted)},
    tags=["jobs"],
    summary="Submit a job",
)
async def write_async(
    data: JSONBody[WriteRequest],
    intake: NamedDependency[Intake],
    tenant: NamedDependency[str],
    idempotency_key: IdempotencyKey = None,
) -> Response[bytes]:
    """Accept an article and answer at once.

    The job is stored when this answers; it then runs whatever happens to this process. Follow it at ``polling_url``.
    """
    body, replayed = await intake.accept_one(tenant, data, idempotency_key)
    return _answer(body, replayed, codec.decode(body, Accepted).polling_url)


@post(
    "/write-batch",
    status_code=202,
    responses={202: ResponseSpec(BatchAccepted)},
    tags=["jobs"],
    summary="Submit several jobs",
)
async def write_batch(
    data: JSONBody[BatchRequest],
    intake: NamedDependency[Intake],
    tenant: NamedDependency[str],
    idempotency_key: IdempotencyKey = None,
) -> Response[bytes]:
    """Accept up to 100 articles, all or none. Follow them at ``polling_url``."""
    batch_id = data.batch_id or f"batch_{uuid.uuid4().hex[:12]}"
    requests = [msgspec.structs.replace(job, batch_id=job.batch_id or batch_id) for job in data.jobs]
    for number, request in enumerate(requests):
        intake.check(request, f"jobs[{number}].")
    ids = [new_job_id() for _ in requests]
    answer = BatchAccepted(
        batch_id=batch_id,
        total=len(ids),
        polling_url=f"/batches/{batch_id}",
        jobs=tuple(accepted(job_id, job.batch_id) for job_id, job in zip(ids, requests, strict=True)),
    )
    body, replayed = await intake.accept(tenant, requests, answer, ids, _claim(idempotency_key, data, answer))
    return _answer(body, replayed, codec.decode(body, BatchAccepted).polling_url)


@post(
    "/write",
    status_code=200,
    responses={200: ResponseSpec(dict[str, Any], description="The article")},
    tags=["jobs"],
    summary="Submit a job and wait for its article",
)
async def write(
    data: JSONBody[WriteRequest],
    intake: NamedDependency[Intake],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    idempotency_key: IdempotencyKey = None,
) -> Response[bytes]:
    """Return the article itself once it is done, which takes minutes.

    The job goes on when the client leaves; its identifier is in the ``Location`` header of the answer, and in problems.
    """
    body, _ = await intake.accept_one(tenant, data, idempotency_key)
    job_id = codec.decode(body, Accepted).job_id
    result = await waiting.article(tenant, job_id)
    headers = {"Location": f"/jobs/{job_id}/status"}
    return Response(result.encode(), status_code=200, media_type="application/json", headers=headers)
