"""Rows through PostgREST, the HTTP interface that Supabase gives to a Postgres table.

The key opens the whole database, so it is sent through the guard, and in the clear to networks that the operator lists only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import httpx
import msgspec

from chassis import egress
from chassis.clock import SystemClock
from stage_workers.adapters import retry_after
from stage_workers.article_row import ArticleRow
from stage_workers.errors import Permanent, PortError, Transient

SECONDS = 20.0
"""For writing one row, connecting included."""
CONFLICT = "job_id"
"""The column whose row is written again; the table must hold it to be unique."""
_MOST_BYTES = 64 * 1024
_REASON = 500
_PASSING = frozenset({408, 425, 429})
_UNAUTHORIZED = frozenset({401, 403})


class _Problem(msgspec.Struct):
    """PostgREST's errors: ``code`` is its own (PGRST…) or Postgres's."""

    message: str = ""
    code: str | None = None
    hint: str | None = None


class PostgrestTable:
    """The ArticleTable behind one project's address."""

    def __init__(
        self,
        project_url: str,
        key: str,
        table: str,
        allowed: tuple[egress.Network, ...],
        seconds: float = SECONDS,
    ) -> None:
        self._url = f"{project_url.rstrip('/')}/rest/v1/{table}"
        self._key = key
        self._seconds = seconds
        self._clock = SystemClock()
        self._client = egress.new_client(
            egress.Rules(frozenset({httpx.URL(project_url).port or 443}), allowed),
            plain=egress.Rules(frozenset(), allowed),
            timeout=httpx.Timeout(None),  # a row has one deadline, in put
            limits=httpx.Limits(max_keepalive_connections=4),
            headers={
                "apikey": key,
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                "Prefer": "resolution=merge-duplicates,return=minimal",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def put(self, row: ArticleRow) -> None:
        """See ArticleTable. Codes: ``article_table_unavailable``; ``article_table_key``, ``article_table_refused``,
        ``article_table_blocked_address``."""
        try:
            async with asyncio.timeout(self._seconds):
                status, headers, body = await self._posted(msgspec.json.encode(row))
        except (TimeoutError, httpx.TimeoutException) as error:
            reason = f"the article table did not answer within {self._seconds:g} s"
            raise Transient("article_table_unavailable", reason) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._lost(error) from error
        if not httpx.codes.is_success(status):
            raise self._refusal(status, headers, body)

    async def _posted(self, content: bytes) -> tuple[int, Mapping[str, str], str]:
        parameters = {"on_conflict": CONFLICT}
        async with self._client.stream("POST", self._url, params=parameters, content=content) as response:
            data = bytearray()
            async for part in response.aiter_bytes():
                data += part
                if len(data) > _MOST_BYTES:
                    break
            return response.status_code, response.headers, data.decode(errors="replace")

    def _refusal(self, status: int, headers: Mapping[str, str], body: str) -> PortError:
        reason = self._said(f"answered {status}: {_told(body)}")
        if status >= 500 or status in _PASSING:  # noqa: PLR2004  server errors
            return Transient(
                "article_table_unavailable", reason, retry_after.seconds(headers, self._clock.now())
            )
        if status in _UNAUTHORIZED:
            return Permanent("article_table_key", reason)
        return Permanent("article_table_refused", reason)

    def _lost(self, error: Exception) -> PortError:
        reason = self._said(f"cannot be reached: {str(error) or type(error).__name__}")
        if any(isinstance(cause, egress.AddressBlocked | httpx.InvalidURL) for cause in _causes(error)):
            return Permanent("article_table_blocked_address", reason)
        return Transient("article_table_unavailable", reason)

    def _said(self, text: str) -> str:
        return f"the article table {text.replace(self._key, '***')}"[:_REASON]


def _told(body: str) -> str:
    """Return what an error says in a line; values of the row, which PostgREST has in ``details``, are left out."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return " ".join(body.split())
    return " ".join(part for part in (problem.code, problem.message, problem.hint) if part)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
