"""Every kind of fault: what it does, and how it is undone before it returns. Each returns a note."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import asyncpg
from nats.errors import Error as NatsError

from chaos.copies import repeat_messages
from chaos.edges import Mode
from chaos.outside import Mood
from chaos.plan import Planned
from chaos.system import READY_SECONDS, SERVICES, System
from chassis.broker import connect
from chassis.clock import OFFSET_VARIABLE
from chassis.crashpoints import VARIABLE, CrashPoint

FaultFunction = Callable[[System, Planned], Awaitable[str]]

CRASH_SECONDS = 30.0
EXIT_SECONDS = 20.0
STORM_PAUSE_SECONDS = 0.3


async def kill(system: System, planned: Planned) -> str:
    """Kill -9 a process."""
    process = system.processes[planned.target]
    await process.running()
    exits = process.exits
    process.signal(signal.SIGKILL)
    await process.ended(exits, EXIT_SECONDS)
    return ""


async def pause(system: System, planned: Planned) -> str:
    """Stop a process for a while, and let it go on as if nothing had been."""
    process = system.processes[planned.target]
    process.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(planned.seconds)
    finally:
        process.signal(signal.SIGCONT)
    return ""


async def rolling_restart(system: System, _planned: Planned) -> str:
    """Ask every process to end, one after another, each once the one before is back."""
    for name in SERVICES:
        process = system.processes[name]
        await process.running()
        exits = process.exits
        process.signal(signal.SIGTERM)
        if not await process.ended(exits, EXIT_SECONDS):
            return f"{name} did not end within {EXIT_SECONDS:.0f} s of SIGTERM"
        await _ready(system, name)
    return ""


async def _ready(system: System, name: str) -> None:
    end = asyncio.get_running_loop().time() + READY_SECONDS / 3
    while not await system.processes[name].ready(system.http) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.1)


async def crash(system: System, planned: Planned) -> str:
    """Arm a named crash point in a process and wait until it dies there."""
    process = system.processes[planned.target]
    await process.running()
    exits = process.exits
    process.once = {VARIABLE: planned.detail}
    process.signal(signal.SIGKILL)
    await process.ended(exits, EXIT_SECONDS)
    if await process.ended(exits + 1, CRASH_SECONDS):
        return (
            "" if process.last_code == -signal.SIGKILL else f"not reached: it ended with {process.last_code}"
        )
    process.signal(signal.SIGKILL)
    return f"not reached within {CRASH_SECONDS:.0f} s"


async def clock_jump(system: System, planned: Planned) -> str:
    """Let a process run with a wrong clock."""
    process = system.processes[planned.target]
    process.once = {OFFSET_VARIABLE: planned.detail}
    process.signal(signal.SIGKILL)
    await asyncio.sleep(planned.seconds)
    process.signal(signal.SIGKILL)
    return f"{planned.detail} s"


async def postgres_restart(system: System, planned: Planned) -> str:
    """Stop Postgres without a shutdown, and start it."""
    await system.restart_postgres(signal.SIGQUIT, planned.seconds)
    return ""


async def postgres_storm(system: System, planned: Planned) -> str:
    """End every session of the services, again and again."""
    ended = 0
    connection = await asyncpg.connect(system.postgres.url)
    try:
        for _ in range(int(planned.seconds / STORM_PAUSE_SECONDS)):
            ended += await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name IN ('gateway', 'orchestrator', 'notifier')"
            )
            await asyncio.sleep(STORM_PAUSE_SECONDS)
    finally:
        await connection.close()
    return f"{ended} sessions"


async def nats_kill(system: System, planned: Planned) -> str:
    """Kill -9 NATS and start it on the same store."""
    await system.restart_nats(signal.SIGKILL, planned.seconds)
    return ""


async def nats_pause(system: System, planned: Planned) -> str:
    """Stop NATS for a while without ending its connections."""
    system.nats.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(planned.seconds)
    finally:
        system.nats.send_signal(signal.SIGCONT)
    return ""


async def nats_store_deleted(system: System, planned: Planned) -> str:
    """Stop NATS, delete all it has stored, and start it."""
    await system.restart_nats(signal.SIGKILL, planned.seconds, delete_store=True)
    return ""


async def nats_disk_full(system: System, planned: Planned) -> str:
    """Leave NATS no room to store anything, for a while."""
    system.nats.store_limit = "1K"
    try:
        await system.restart_nats(signal.SIGTERM, 0)
        await asyncio.sleep(planned.seconds)
    finally:
        system.nats.store_limit = ""
        await system.restart_nats(signal.SIGTERM, 0)
    return ""


async def consumer_deleted(system: System, planned: Planned) -> str:
    """Delete a durable consumer."""
    return await _administer(system, lambda js: js.delete_consumer(planned.target, planned.detail))


async def stream_purged(system: System, planned: Planned) -> str:
    """Throw away everything that a stream holds."""
    return await _administer(system, lambda js: js.purge_stream(planned.target))


async def _administer(system: System, action: Callable[..., Awaitable[object]]) -> str:
    try:
        client = await connect(system.nats.url, "nemesis")
    except Exception as error:  # noqa: BLE001  NATS may be down by another fault
        return f"not done: {error!r}"
    try:
        await action(client.jetstream())
    except NatsError as error:
        return f"not done: {error!r}"
    finally:
        await client.close()
    return ""


async def partition(system: System, planned: Planned) -> str:
    """Make an edge behave badly for a while."""
    edge = system.edges[planned.target]
    edge.become(Mode(planned.kind), dead=int(planned.detail))
    try:
        await asyncio.sleep(planned.seconds)
    finally:
        edge.heal(cut=planned.coin and planned.kind == Mode.BLACKHOLE)
    return f"way {planned.detail}" if planned.kind == Mode.HALF_OPEN else ""


async def moody(system: System, planned: Planned) -> str:
    """Let one of the sinks behave badly for a while."""
    sink = system.sinks["moody"]
    sink.mood = Mood(planned.detail)
    try:
        await asyncio.sleep(planned.seconds)
    finally:
        sink.mood = Mood.HEALTHY
    return ""


async def messages_repeated(system: System, planned: Planned) -> str:
    """Publish copies of messages under new ids, late and out of order."""
    return await repeat_messages(system, planned.seconds)


FAULTS: dict[str, FaultFunction] = {
    "kill": kill,
    "pause": pause,
    "rolling_restart": rolling_restart,
    **{f"crash_{point.value}": crash for point in CrashPoint},
    "clock_jump": clock_jump,
    "postgres_restart": postgres_restart,
    "postgres_storm": postgres_storm,
    "nats_kill": nats_kill,
    "nats_pause": nats_pause,
    "nats_store_deleted": nats_store_deleted,
    "nats_disk_full": nats_disk_full,
    "consumer_deleted": consumer_deleted,
    "stream_purged": stream_purged,
    **{mode.value: partition for mode in Mode if mode is not Mode.PASS},
    **{f"sink_{mood.value}": moody for mood in Mood if mood is not Mood.HEALTHY},
    "messages_repeated": messages_repeated,
}
