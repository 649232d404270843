"""``blog-writer doctor``: looks at what runs and says, line by line, what is well and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import asyncpg
import httpx
import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from blog_writer.errors import CommandError
from blog_writer.settings import Running
from chassis.broker import connect as connect_nats
from chassis.database import connect as connect_postgres
from contracts import streams
from contracts.jobs import TERMINAL_STATES
from orchestrator.orphans import find_orphans


class Check(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    ok: bool
    detail: str


class Addresses(msgspec.Struct, frozen=True):
    """Where to look."""

    gateway: str
    database: str
    nats: str


def addresses(running: Running | None, environment: Mapping[str, str], url: str | None) -> Addresses:
    """Return where the system is: as the environment says, else as the running all-in-one wrote down.

    Raises CommandError that names what is missing.
    """
    known = {
        "BLOG_WRITER_URL": url or (running.url if running else "http://127.0.0.1:8000"),
        "DATABASE_URL": environment.get("DATABASE_URL") or (running.database_url if running else ""),
        "NATS_URL": environment.get("NATS_URL") or (running.nats_url if running else ""),
    }
    missing = [name for name, value in known.items() if not value]
    if missing:
        raise CommandError(f"{' and '.join(missing)} not set, and no system runs from this data folder")
    return Addresses(*known.values())


async def examine(running: Running | None, environment: Mapping[str, str], url: str | None) -> list[Check]:
    """Return all checks in the order a person would make them. What depends on a dead server is left out."""
    where = addresses(running, environment, url)
    checks = [await _guarded("gateway", lambda: _gateway(where.gateway))]
    async with _servers(where, checks) as (pool, client):
        if pool is not None:
            checks += [
                await _guarded("jobs", lambda: _jobs(pool)),
                await _guarded("outbox", lambda: _outbox(pool)),
            ]
        if client is not None:
            checks += [await _stream(client.jetstream(), stream) for stream in streams.ALL]
        if pool is not None and client is not None:
            checks.append(await _guarded("orphans", lambda: _orphans(pool, client.jetstream())))
    return checks


async def _guarded(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    """Turn what ``look`` raises into a bad check: the other checks go on."""
    try:
        return Check(name, ok=True, detail=await look())
    except Exception as error:  # noqa: BLE001  whatever is wrong is the answer
        return Check(name, ok=False, detail=str(error) or type(error).__name__)


@asynccontextmanager
async def _servers(
    where: Addresses, checks: list[Check]
) -> AsyncIterator[tuple[asyncpg.Pool | None, Client | None]]:
    pool, client = None, None

    async def postgres() -> str:
        nonlocal pool
        pool = await connect_postgres(where.database, name="doctor", max_size=2)
        return str(await pool.fetchval("SELECT split_part(version(), ' on ', 1)"))

    async def broker() -> str:
        nonlocal client
        client = await connect_nats(where.nats, "doctor")
        return f"nats-server {client.connected_server_version}"

    checks += [await _guarded("postgres", postgres), await _guarded("nats", broker)]
    try:
        yield pool, client
    finally:
        if client is not None:
            await client.close()
        if pool is not None:
            await pool.close()


async def _gateway(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        answer = await http.get(f"{url}/ready")
    if answer.is_error:
        raise CommandError(f"{url}/ready answered {answer.status_code}: {answer.text[:200]}")
    return f"ready at {url}"


async def _jobs(pool: asyncpg.Pool) -> str:
    rows = await pool.fetch("SELECT state, count(*) AS jobs FROM api.jobs GROUP BY state ORDER BY state")
    counts = ", ".join(f"{row['jobs']} {row['state']}" for row in rows)
    return counts or "none yet"


async def _outbox(pool: asyncpg.Pool) -> str:
    rows = await pool.fetch(
        "SELECT count(*) AS messages, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float AS age"
        " FROM (SELECT created_at FROM jobs.outbox UNION ALL SELECT created_at FROM gateway.outbox) AS unsent"
    )
    row = rows[0]
    if row["age"] > _OLD_OUTBOX_SECONDS:
        raise CommandError(f"{row['messages']} messages wait to be sent, the oldest for {row['age']:.0f} s")
    return f"{row['messages']} messages wait to be sent"


_OLD_OUTBOX_SECONDS = 30


async def _stream(js: JetStreamContext, stream: streams.Stream) -> Check:
    try:
        info = await js.stream_info(stream.name)
        found = {consumer.name: consumer for consumer in await js.consumers_info(stream.name)}
    except NotFoundError:
        return Check(
            stream.name,
            ok=False,
            detail="the stream is missing; the orchestrator makes it again when it runs",
        )
    missing = [consumer.durable for consumer in stream.consumers if consumer.durable not in found]
    if missing:
        return Check(stream.name, ok=False, detail=f"consumers are missing: {', '.join(missing)}")
    unserved = [name for name, consumer in found.items() if _unserved(consumer)]
    if unserved:
        return Check(
            stream.name, ok=False, detail=f"messages wait and nobody asks for them: {', '.join(unserved)}"
        )
    return Check(stream.name, ok=True, detail=f"{info.state.messages} messages, {len(found)} consumers")


def _unserved(consumer: ConsumerInfo) -> bool:
    """Whether messages wait at a consumer that no process pulls from or works for."""
    return bool(consumer.num_pending and not consumer.num_waiting and not consumer.num_ack_pending)


async def _orphans(pool: asyncpg.Pool, js: JetStreamContext) -> str:
    orphans = await find_orphans(pool, js)
    if orphans:
        raise CommandError(f"{len(orphans)} started stages are in no stream: {orphans}")
    states = ", ".join(sorted(TERMINAL_STATES))
    return f"every started stage of every job that is not {states} is in flight"
