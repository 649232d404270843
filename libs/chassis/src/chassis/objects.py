"""Stored objects: a local folder, an S3-compatible bucket, or memory, through one library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, MemoryStore, S3Store
from obstore.store import ObjectStore as Backend

from chassis.errors import InvalidKey, ObjectMissing, SettingsError, StoreRefused, StoreUnavailable


class ObjectStore:
    """Bytes by key. Keys are relative paths with ``/``. Raises StoreUnavailable when the store does not do what it is
    asked for, StoreRefused when that is because it does not know us."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @classmethod
    def open(cls, url: str, variable: str = "address") -> ObjectStore:
        """Open ``file:///folder`` (made if missing), ``s3://bucket/prefix`` (settings from AWS_* variables; an endpoint
        may be plain http) or ``memory://``. Raises SettingsError that names ``variable`` for anything else."""
        scheme, host, path, _, _ = urlsplit(url)
        if scheme == "file" and not host and path.startswith("/"):
            return cls(LocalStore(_made(Path(unquote(path)), variable)))
        if scheme == "s3" and host:
            # The library's own limits: 5 s for connecting, 30 s for one request.
            s3 = S3Store.from_url(url, client_options={"allow_http": True}, retry_config={"max_retries": 2})
            return cls(s3)
        if scheme == "memory":
            return cls(MemoryStore())
        raise SettingsError(
            f"{variable}: {url!r} is not allowed: use file:///folder, s3://bucket/prefix or memory://"
        )

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes, replacing what was there. The local folder does not keep the content type."""
        attributes = None if isinstance(self._backend, LocalStore) else {"Content-Type": content_type}
        with _answering(key):
            await obstore.put_async(self._backend, _checked(key), data, attributes=attributes)

    async def get(self, key: str) -> bytes:
        """Return the bytes. Raises ObjectMissing."""
        with _answering(key):
            answer = await obstore.get_async(self._backend, _checked(key))
            return bytes(await answer.bytes_async())

    async def delete_prefix(self, prefix: str) -> int:
        """Delete everything under a prefix; return how many objects that were."""
        with _answering(prefix):
            keys = [
                entry["path"]
                async for page in obstore.list(self._backend, _checked(prefix))
                for entry in page
            ]
            if keys:
                await obstore.delete_async(self._backend, keys)
        return len(keys)


def _made(folder: Path, variable: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{variable}: {folder} cannot be made: {error.strerror}") from error
    return folder


@contextmanager
def _answering(key: str) -> Iterator[None]:
    """Translate the backends' errors."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise ObjectMissing(f"nothing is stored under {key}") from error
    except (BaseError, OSError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
        kind = StoreRefused if refused else StoreUnavailable
        raise kind(f"the object store failed at {key}: {reason}") from error


def _checked(key: str) -> str:
    parts = key.split("/")
    if not key or any(part in {"", ".", ".."} for part in parts) or "\\" in key or not key.isprintable():
        raise InvalidKey(f"{key!r} is no key: relative and printable, without empty parts, '.' or '..'")
    return key
