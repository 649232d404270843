"""What a stage has already paid for: results of calls, kept in a JetStream key-value bucket.

The bucket may be lost; that costs repeated calls, never a job.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from chassis import logs
from chassis.crashpoints import CrashPoint, crash_point
from contracts import codec, streams
from contracts.commands import RunStage
from stage_workers.payloads import Payloads

log = logs.get_logger(__name__)

T = TypeVar("T")

WRITE_TRIES = 4
"""A paid result is worth a few seconds of patience with a broker that restarts."""


async def open_bucket(js: JetStreamContext) -> KeyValue:
    """Open the bucket, making it if it is not there."""
    try:
        return await js.key_value(streams.CHECKPOINTS_BUCKET)
    except NotFoundError:
        config = KeyValueConfig(
            bucket=streams.CHECKPOINTS_BUCKET,
            ttl=streams.CHECKPOINTS_TTL_SECONDS,
            storage=StorageType.FILE,
            history=1,
        )
        return await js.create_key_value(config)


class Checkpoints:
    """The checkpoints of one running stage."""

    def __init__(self, bucket: KeyValue, payloads: Payloads, command: RunStage) -> None:
        self._bucket = bucket
        self._payloads = payloads
        self._prefix = f"{command.job_id}.{command.stage}.{command.round}"
        self._folder = f"{command.job_id}/checkpoints"
        self._calls: dict[str, asyncio.Future[Any]] = {}

    async def once(self, key: str, kind: type[T], call: Callable[[], Awaitable[T]]) -> T:
        """Return the recorded result of ``key``, or call and record it; the same key at once is one call."""
        running = self._calls.get(key)
        if running is None:
            running = asyncio.ensure_future(self._recorded_or_called(key, kind, call))
            self._calls[key] = running
            running.add_done_callback(lambda _: self._calls.pop(key, None))
        result: T = await running
        return result

    async def _recorded_or_called(self, key: str, kind: type[T], call: Callable[[], Awaitable[T]]) -> T:
        name = f"{self._prefix}.{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        recorded = await self._read(name)
        if recorded is not None:
            return codec.decode(recorded, kind)
        result = await call()
        crash_point(CrashPoint.AFTER_PAID_CALL_BEFORE_CHECKPOINT)
        await self._write(name, codec.encode(result))
        return result

    async def _read(self, name: str) -> bytes | None:
        try:
            entry = await self._bucket.get(name)
            return await self._payloads.load(codec.decode(entry.value or b"", self._payloads.KIND))
        except KeyNotFoundError:
            return None
        except (NatsError, OSError, msgspec.DecodeError) as error:
            log.warning("checkpoint_unreadable", key=name, reason=str(error) or repr(error))
            return None

    async def _write(self, name: str, data: bytes) -> None:
        payload = await self._payloads.pack(data, f"{self._folder}/{name}.json")
        for number in range(WRITE_TRIES):
            try:
                await self._bucket.put(name, codec.encode(payload))
            except (NatsError, OSError) as error:
                log.warning(
                    "checkpoint_unwritten", key=name, attempt=number + 1, reason=str(error) or repr(error)
                )
                await asyncio.sleep(0.5 * 2**number)
            else:
                return
