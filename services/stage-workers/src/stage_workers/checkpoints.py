"""What a stage has already paid for: results of calls, kept in a JetStream key-value bucket.

The bucket may be lost, and so may what is stored; that costs repeated calls, never a job.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

import msgspec
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import (
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NoStreamResponseError,
    NotFoundError,
)
from nats.js.kv import KeyValue

from chassis import logs
from chassis.crashpoints import CrashPoint, crash_point
from contracts import codec, streams
from contracts.commands import RunStage
from stage_workers.errors import PortError
from stage_workers.payloads import Payloads

log = logs.get_logger(__name__)

T = TypeVar("T")

TRIES = 4
"""A paid result is worth a few seconds of patience with a broker that restarts."""
FIRST_PAUSE = 0.5


class Bucket:
    """The key-value bucket; made again when it is gone."""

    def __init__(self, js: JetStreamContext, bucket: KeyValue) -> None:
        self._js = js
        self._bucket = bucket

    async def get(self, name: str) -> bytes | None:
        """Return what is kept under a name, None if nothing is. Raises what NATS raises."""
        try:
            return (await self._bucket.get(name)).value
        except KeyNotFoundError:
            return None

    async def entry(self, name: str) -> tuple[bytes, int] | None:
        """Return what is kept under a name with its revision, None if nothing is. Raises what NATS raises."""
        try:
            found = await self._bucket.get(name)
        except KeyNotFoundError:
            return None
        return found.value or b"", found.revision or 0

    async def swap(self, name: str, value: bytes, revision: int) -> bool:
        """Keep a value in place of that revision, 0 for none; False if another one is there. Raises what NATS raises."""
        try:
            await self._bucket.update(name, value, last=revision)
        except KeyWrongLastSequenceError:
            return False
        except NoStreamResponseError:
            self._bucket = await _opened(self._js)
            return False
        return True

    async def put(self, name: str, value: bytes) -> None:
        """Keep a value. Raises what NATS raises."""
        try:
            await self._bucket.put(name, value)
        except NoStreamResponseError:
            self._bucket = await _opened(self._js)
            await self._bucket.put(name, value)


async def open_bucket(js: JetStreamContext) -> Bucket:
    """Open the bucket, making it if it is not there."""
    return Bucket(js, await _opened(js))


async def _opened(js: JetStreamContext) -> KeyValue:
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

    def __init__(
        self,
        bucket: Bucket,
        payloads: Payloads,
        command: RunStage,
        held: Callable[[], bool] = lambda: True,
    ) -> None:
        self._bucket = bucket
        self._held = held
        self._payloads = payloads
        self._prefix = f"{command.job_id}.{command.stage}.{command.round}"
        self._folder = f"{command.job_id}/checkpoints"
        self._calls: dict[str, _SharedCall[Any]] = {}

    async def once(self, key: str, kind: type[T], call: Callable[[], Awaitable[T]]) -> T:
        """Return the recorded result of ``key``, or call and record it; the same key at once is one call."""
        running: _SharedCall[T] | None = self._calls.get(key)
        if running is None or running.over():
            running = self._calls[key] = _SharedCall(self._recorded_or_called(key, kind, call))
        return await running.result()

    async def _recorded_or_called(self, key: str, kind: type[T], call: Callable[[], Awaitable[T]]) -> T:
        name = f"{self._prefix}.{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        recorded = await self._read(name, kind)
        if recorded is not None:
            return recorded[0]
        if not self._held():
            await asyncio.Event().wait()  # until the attempt's cancellation comes here
        result = await call()
        crash_point(CrashPoint.AFTER_PAID_CALL_BEFORE_CHECKPOINT)
        await self._write(name, codec.encode(result))
        return result

    async def _read(self, name: str, kind: type[T]) -> tuple[T] | None:
        """Return what is recorded, in a tuple since it may be None; what cannot be read counts as not recorded."""
        try:
            entry = await self._entry(name)
            if entry is None:
                return None
            data = await self._payloads.load(codec.decode(entry, self._payloads.KIND))
            return (codec.decode(data, kind),)
        except (NatsError, OSError, PortError, msgspec.DecodeError) as error:
            log.warning("checkpoint_unreadable", key=name, reason=str(error) or repr(error))
            return None

    async def _entry(self, name: str) -> bytes | None:
        """Ask for a record as patiently as one is written: without an answer a paid call would be made again."""
        for number in range(TRIES - 1):
            try:
                return await self._bucket.get(name)
            except OSError as error:  # a timeout of NATS is one
                log.warning(
                    "checkpoint_unanswered", key=name, attempt=number + 1, reason=str(error) or repr(error)
                )
                await asyncio.sleep(FIRST_PAUSE * 2**number)
        return await self._bucket.get(name)

    async def _write(self, name: str, data: bytes) -> None:
        for number in range(TRIES):
            if number:
                await asyncio.sleep(FIRST_PAUSE * 2 ** (number - 1))
            try:
                payload = await self._payloads.pack(data, f"{self._folder}/{name}.json")
                await self._bucket.put(name, codec.encode(payload))
            except (NatsError, OSError, PortError) as error:
                log.warning(
                    "checkpoint_unwritten", key=name, attempt=number + 1, reason=str(error) or repr(error)
                )
            else:
                return


class _SharedCall(Generic[T]):
    """A call that several wait for: it ends with the last of them, and not with the first."""

    def __init__(self, call: Coroutine[Any, Any, T]) -> None:
        self._task = asyncio.create_task(call)
        self._waiting = 0

    def over(self) -> bool:
        """Whether it has ended, or is being ended."""
        return self._task.done() or self._task.cancelling() > 0

    async def result(self) -> T:
        """Wait for it. Raises what the call raises."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if not self._waiting and not self._task.done():
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
