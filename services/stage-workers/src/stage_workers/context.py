"""What a running stage gets: its ports, its checkpoints, and a voice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from chassis import logs
from chassis.clock import Clock
from contracts import codec, subjects
from contracts.commands import RunStage
from contracts.events import StageProgress, cloudevents_headers
from stage_workers.checkpoints import Checkpoints
from stage_workers.ports import (
    ArticleStore,
    ArticleTable,
    ImageModel,
    LanguageModel,
    PageFetcher,
    SearchEngine,
)

log = logs.get_logger(__name__)

T = TypeVar("T")

PROGRESS_SECONDS = 0.2
"""Shortest time between two progress events of a stage; what comes faster is left out."""


class Ports(msgspec.Struct, frozen=True):
    """The adapters that stages work with."""

    model: LanguageModel
    images: ImageModel
    search: SearchEngine
    fetcher: PageFetcher
    store: ArticleStore
    table: ArticleTable | None = None


class RunningContext:
    """The StageContext of one attempt."""

    def __init__(
        self, command: RunStage, ports: Ports, checkpoints: Checkpoints, client: Client, clock: Clock
    ) -> None:
        self._command = command
        self._checkpoints = checkpoints
        self._client = client
        self._clock = clock
        self._spoke = float("-inf")
        self.job_id: str = command.job_id
        self.tenant = command.tenant
        self.round = command.round
        self.attempt = command.attempt
        self.started_at: datetime = clock.now()
        self.model = ports.model
        self.images = ports.images
        self.search = ports.search
        self.fetcher = ports.fetcher
        self.store = ports.store
        self.table = ports.table

    async def checkpoint(self, key: str, kind: type[T], call: Callable[[], Awaitable[T]]) -> T:
        """See StageContext."""
        return await self._checkpoints.once(key, kind, call)

    async def progress(self, message: str, done: int | None = None, total: int | None = None) -> None:
        """See StageContext."""
        now = asyncio.get_running_loop().time()
        last = total is not None and done == total
        if now - self._spoke < PROGRESS_SECONDS and not last:
            return
        self._spoke = now
        command = self._command
        event = StageProgress(
            job_id=command.job_id,
            seq=None,
            at=self._clock.now(),
            tenant=command.tenant,
            stage=command.stage,
            name=command.stage.field,
            round=command.round,
            attempt=command.attempt,
            message=message[:500],
            done=done,
            total=total,
        )
        headers = cloudevents_headers(event, str(uuid.uuid4()))
        try:
            await self._client.publish(subjects.event(event), codec.encode(event), headers=headers)
        except (NatsError, OSError) as error:
            log.debug("progress_lost", reason=str(error) or repr(error))
