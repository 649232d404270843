"""Events for tenants who read NATS themselves: copied to subjects with the tenant's name, which is what a server can
give leave for."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis.broker import Delivered, Outgoing, Publisher, delivered, ensure_consumer, ensure_stream
from chassis.pull import pull
from contracts import subjects
from contracts.streams import COPYING, EVENTS, tenant_events
from notifier.errors import NotCopied

AT_ONCE = 256
"""Events copied together."""


class _Owner(msgspec.Struct):
    tenant: str = ""


def tenant_copy(event: Delivered, tenants: Collection[str]) -> Outgoing | None:
    """Return an event as its tenant reads it; None when that one does not read NATS.

    One that cannot be read is nobody's: it is the durable of the webhooks that puts it aside.
    """
    try:
        tenant = msgspec.json.decode(event.data, type=_Owner).tenant
    except msgspec.DecodeError:
        return None
    if tenant not in tenants:
        return None
    headers = {name: value for name, value in event.headers.items() if not name.startswith("Nats-")}
    msg_id = headers.get("ce-id") or f"{event.stored_at_ns}/{event.sequence}"
    return Outgoing(subjects.tenant_event(tenant, event.subject), event.data, msg_id, headers)


async def copy_events(js: JetStreamContext, tenants: Collection[str]) -> None:
    """Copy events for as long as the connection lives; a copy that comes twice is dropped by the stream.

    Copies are acked only once they are stored, so none is lost; after a fault they may be out of order between
    events, which ``ce-sequence`` tells. Raises what NATS raises once the connection is closed for good.
    """
    stream = tenant_events(sorted(tenants))
    publisher = Publisher(js, (stream,))

    async def ensure() -> None:
        await ensure_stream(js, EVENTS)
        await ensure_consumer(js, EVENTS.name, COPYING)
        await ensure_stream(js, stream)

    async def copy(messages: list[Msg]) -> None:
        copies = [tenant_copy(delivered(message), tenants) for message in messages]
        wanted = [each for each in copies if each is not None]
        if len(await publisher.publish_all(wanted)) < len(wanted):
            raise NotCopied(NotCopied.__doc__)
        for message in messages:
            await message.ack()

    await ensure()
    await pull(js, EVENTS.name, COPYING.durable, lambda: AT_ONCE, copy, recover=ensure)
