"""On a real nats-server: a tenant reads its own events, from any point, and can do nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from blog_writer.embedded.nats import NatsServer
from blog_writer.nats_access import password_variable
from blog_writer.settings import nats_access
from chassis.broker import Outgoing, Publisher, connect, ensure_stream
from chassis.errors import ServerUnreachable
from contracts import codec, streams, subjects
from contracts.events import StageProgress, Started, cloudevents_headers, event_id
from contracts.ids import new_job_id
from contracts.stages import StageId
from notifier.tenant_events import copy_events

PATIENCE = 30.0
STREAM = "BLOG_TENANT_EVENTS"
AT = datetime(2026, 1, 4, 10, 0, tzinfo=UTC)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    started = NatsServer(tmp_path / "nats", access=nats_access(tmp_path, ("acme", "other")))
    started.start()
    await asyncio.to_thread(started.wait)
    yield started
    await asyncio.to_thread(started.stop)


@pytest.fixture
async def services(server: NatsServer) -> AsyncIterator[Client]:
    """The services' connection, with all streams, while events are copied."""
    client = await connect(server.url, "services")
    for stream in streams.ALL:
        await ensure_stream(client.jetstream(), stream)
    copying = asyncio.create_task(copy_events(client.jetstream(), ("acme", "other")))
    async with asyncio.timeout(PATIENCE):
        while STREAM not in [one.config.name for one in await client.jetstream().streams_info()]:
            await asyncio.sleep(0.05)
    yield client
    copying.cancel()
    await asyncio.gather(copying, return_exceptions=True)
    await client.close()


class Subscriber:
    """A tenant's connection, and what the server refused it."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    async def note(self, error: Exception) -> None:
        self.refused.append(str(error).lower())


@asynccontextmanager
async def tenant(server: NatsServer, name: str) -> AsyncIterator[tuple[Client, Subscriber]]:
    assert server._access is not None
    password = server._access.passwords[password_variable(name)]
    subscriber = Subscriber()
    url = f"nats://{name}:{password}@127.0.0.1:{server.port}"
    client = await nats.connect(url, error_cb=subscriber.note)
    yield client, subscriber
    await client.close()


async def tell(services: Client, tenant: str, count: int = 1) -> list[str]:
    """Publish events as the orchestrator does; return their ids."""
    events = [Started(job_id=new_job_id(), seq=2, at=AT, tenant=tenant) for _ in range(count)]
    publisher = Publisher(services.jetstream(), (streams.EVENTS,))
    sent = await publisher.publish_all(
        [
            Outgoing(
                subjects.event(each),
                codec.encode(each),
                event_id(each),
                cloudevents_headers(each, event_id(each)),
            )
            for each in events
        ]
    )
    assert len(sent) == count
    return [event_id(each) for each in events]


async def copied(services: Client, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await services.jetstream().stream_info(STREAM)).state.messages < count:
            await asyncio.sleep(0.05)


async def read(client: Client, name: str, count: int) -> list[Any]:
    subscription = await client.jetstream().pull_subscribe_bind(name, STREAM)
    found: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            found += await subscription.fetch(count - len(found), timeout=PATIENCE)
    return found


async def test_a_tenant_reads_its_events_live_and_again_from_any_point(
    server: NatsServer, services: Client
) -> None:
    async with tenant(server, "acme") as (client, subscriber):
        live = await client.subscribe(subjects.tenant_filter("acme"))
        await client.flush()
        own = await tell(services, "acme", 3)
        await tell(services, "other", 3)
        await tell(services, "nobody", 3)
        await copied(services, 6)
        heard = [await live.next_msg(PATIENCE) for _ in own]
        assert [message.headers["ce-id"] for message in heard] == own
        first = await read(client, "acme", 3)
        assert [message.headers["ce-id"] for message in first] == own
        for message in first:
            await message.ack_sync(PATIENCE)
        second = first[1].metadata.sequence.stream
        await client.request(
            f"$JS.API.CONSUMER.RESET.{STREAM}.acme", b'{"seq": %d}' % second, timeout=PATIENCE
        )
        again = await read(client, "acme", 2)
        assert [message.headers["ce-id"] for message in again] == own[1:]
        assert again[0].data == first[1].data
        assert not subscriber.refused
    info = await services.jetstream().stream_info(STREAM)
    assert info.state.messages == 6


async def test_an_event_is_copied_once_though_it_is_taken_twice(server: NatsServer, services: Client) -> None:
    await tell(services, "acme", 2)
    await copied(services, 2)
    js = services.jetstream()
    await js.delete_consumer("BLOG_EVENTS", "tenants")  # made again, it begins anew
    await tell(services, "acme", 1)
    await copied(services, 3)
    assert (await js.stream_info(STREAM)).state.messages == 3


async def test_progress_is_copied_too(server: NatsServer, services: Client) -> None:
    progress = StageProgress(
        job_id=new_job_id(), seq=None, at=AT, tenant="acme", stage=StageId.DRAFT, name="draft", round=1,
        attempt=1, message="at it",
    )  # fmt: skip
    await services.publish(subjects.event(progress), codec.encode(progress))
    await services.publish(subjects.event(progress), codec.encode(progress))
    await copied(services, 2)


JOB = "7d9f2c1e-0000-4000-8000-000000000001"
CREATE = b'{"stream_name": "%s", "config": {"name": "mine", "ack_policy": "none"}}' % STREAM.encode()
FORBIDDEN_REQUESTS = [
    f"blog.cmd.submit.{JOB}",
    f"blog.stage.stage_00.{JOB}",
    f"blog.result.{JOB}.stage_00",
    f"blog.events.{JOB}.completed",
    f"blog.control.cancelled.{JOB}",
    f"blog.tenant.acme.events.{JOB}.completed",
    f"blog.tenant.other.events.{JOB}.completed",
    "$JS.API.INFO",
    "$JS.API.STREAM.NAMES",
    f"$JS.API.STREAM.INFO.{STREAM}",
    "$JS.API.STREAM.CREATE.MINE",
    f"$JS.API.STREAM.UPDATE.{STREAM}",
    f"$JS.API.STREAM.DELETE.{STREAM}",
    "$JS.API.STREAM.DELETE.BLOG_COMMANDS",
    f"$JS.API.STREAM.PURGE.{STREAM}",
    f"$JS.API.STREAM.MSG.GET.{STREAM}",
    f"$JS.API.STREAM.MSG.DELETE.{STREAM}",
    f"$JS.API.DIRECT.GET.{STREAM}",
    f"$JS.API.DIRECT.GET.{STREAM}.blog.tenant.other.events.{JOB}.completed",
    f"$JS.API.CONSUMER.CREATE.{STREAM}",
    f"$JS.API.CONSUMER.CREATE.{STREAM}.mine",
    f"$JS.API.CONSUMER.CREATE.{STREAM}.mine.blog.tenant.acme.events.>",
    f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.mine",
    f"$JS.API.CONSUMER.DELETE.{STREAM}.acme",
    f"$JS.API.CONSUMER.DELETE.{STREAM}.other",
    f"$JS.API.CONSUMER.NAMES.{STREAM}",
    f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.other",
    f"$JS.API.CONSUMER.RESET.{STREAM}.other",
    "$JS.API.CONSUMER.MSG.NEXT.BLOG_COMMANDS.orchestrator",
    "$JS.API.CONSUMER.MSG.NEXT.BLOG_EVENTS.notifier",
    f"$JS.ACK.{STREAM}.other.1.1.1.1.0",
    "$JS.ACK.BLOG_COMMANDS.orchestrator.1.1.1.1.0",
    "$KV.blog_checkpoints.x",
    "$SYS.REQ.SERVER.PING",
]
FORBIDDEN_SUBSCRIPTIONS = [
    ">", "blog.>", "blog.cmd.>", "blog.cmd.*.*", "blog.events.>", "blog.events.*.*", "blog.stage.>", "blog.result.>",
    "blog.control.>", "blog.tenant.>", "blog.tenant.other.events.*.*", "blog.tenant.*.events.*.*", "$JS.>", "$SYS.>",
]  # fmt: skip


async def state(services: Client) -> dict[str, tuple[int, int]]:
    infos = await services.jetstream().streams_info()
    return {one.config.name: (one.state.messages, one.state.consumer_count) for one in infos}


async def test_a_tenant_can_ask_for_nothing_else(server: NatsServer, services: Client) -> None:
    await tell(services, "other", 2)
    await tell(services, "acme", 1)
    await copied(services, 3)
    before = await state(services)
    async with tenant(server, "acme") as (client, subscriber):
        answers = await client.subscribe(client.new_inbox().rpartition(".")[0] + ".*")
        inbox = answers.subject.replace("*", "1")
        for subject in FORBIDDEN_REQUESTS:
            await client.publish(subject, CREATE, reply=inbox)
        await client.flush()
        async with asyncio.timeout(PATIENCE):
            while len(subscriber.refused) < len(FORBIDDEN_REQUESTS):
                await asyncio.sleep(0.02)
        for subject in FORBIDDEN_REQUESTS:
            assert any(f'"{subject.lower()}"' in one for one in subscriber.refused), subject
        assert answers.pending_msgs == 0
    assert await state(services) == before


async def test_a_tenant_hears_nothing_else(server: NatsServer, services: Client) -> None:
    async with tenant(server, "acme") as (client, subscriber):
        heard = [await client.subscribe(subject) for subject in FORBIDDEN_SUBSCRIPTIONS]
        await client.flush()
        await tell(services, "other", 2)
        await services.publish("blog.control.cancelled.x", b"")
        await copied(services, 2)
        await client.flush()
        async with asyncio.timeout(PATIENCE):
            while len(subscriber.refused) < len(FORBIDDEN_SUBSCRIPTIONS):
                await asyncio.sleep(0.02)
        assert [one.pending_msgs for one in heard] == [0] * len(heard)


@pytest.mark.parametrize(
    "target", [f"blog.control.cancelled.{JOB}", f"blog.cmd.cancel.{JOB}", f"blog.events.{JOB}.completed"]
)
async def test_answers_cannot_be_sent_to_where_a_tenant_may_not_publish(
    server: NatsServer, services: Client, target: str
) -> None:
    await tell(services, "acme", 1)
    await copied(services, 1)
    before = await state(services)
    listening = await services.subscribe(target)
    await services.flush()
    async with tenant(server, "acme") as (client, _):
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.acme", b'{"batch": 1}', reply=target)
        await client.publish(f"$JS.API.CONSUMER.RESET.{STREAM}.acme", b'{"seq": 1}', reply=target)
        await client.flush()
        own = await client.request(f"$JS.API.CONSUMER.RESET.{STREAM}.acme", b'{"seq": 1}', timeout=PATIENCE)
        assert b"error" not in own.data  # by now the others were answered, too
        assert len(await read(client, "acme", 1)) == 1
    await services.flush()
    assert listening.pending_msgs == 0
    assert await state(services) == before


@pytest.mark.parametrize("login", ["", "acme:wrong@", "services:wrong@", "services:@"])
async def test_nobody_comes_in_without_a_password(server: NatsServer, login: str) -> None:
    with pytest.raises(ServerUnreachable):
        await connect(f"nats://{login}127.0.0.1:{server.port}", "stranger")


async def test_streams_of_a_folder_from_before_there_were_accounts_are_kept(tmp_path: Path) -> None:
    old = NatsServer(tmp_path / "nats")
    for server in (old, NatsServer(tmp_path / "nats", access=nats_access(tmp_path, ()))):
        server.start()
        await asyncio.to_thread(server.wait)
        client = await connect(server.url, "services")
        await ensure_stream(client.jetstream(), streams.EVENTS)
        if server is old:
            await tell(client, "acme", 2)
        assert (await client.jetstream().stream_info("BLOG_EVENTS")).state.messages == 2
        await client.close()
        await asyncio.to_thread(server.stop)


def test_passwords_are_kept_and_are_their_owners_alone(tmp_path: Path) -> None:
    first = nats_access(tmp_path, ("acme",))
    again = nats_access(tmp_path, ("acme", "other"))
    assert again.passwords.items() > first.passwords.items()
    assert (tmp_path / "nats-passwords.json").stat().st_mode & 0o077 == 0
    assert not any(password in again.configuration for password in again.passwords.values())
