"""The AsyncAPI document of what comes without being asked for: events on NATS, and webhooks. Pure.

It is made from the contracts; ``docs/adr/0012-asyncapi-from-the-contracts.md`` says why FastStream does not write it.
Source of the form: the AsyncAPI specification 3.0.0.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from contracts import subjects
from contracts.events import SOURCE, TYPE_PREFIX, Event, JobEvent, StageProgress
from contracts.streams import DAY, EVENTS
from contracts.webhooks import ThinWebhookPayload, WebhookPayload

Json = dict[str, Any]

WEBHOOKS: dict[str, type[msgspec.Struct]] = {"webhook": WebhookPayload, "thinWebhook": ThinWebhookPayload}
_TEXT: Json = {"type": "string"}


def document() -> Json:
    """Return the document as JSON values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "blog-writer events",
            "version": "1",
            "description": "The story of each job, on NATS and as webhooks. The numbers (seq) are the same everywhere.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": _server("nats", "127.0.0.1:4222", "NATS with JetStream, as NATS_URL names it."),
            "receiver": _server("https", "example.com", "The host of a job's callback_url."),
        },
        "channels": {
            "jobEvents": _events_channel(subjects.EVENTS, {}),
            "tenantEvents": _events_channel(subjects.TENANT_EVENTS, {"tenant": "Whose jobs."}),
            "webhook": {
                "address": None,
                "title": "The job's callback_url",
                "servers": [{"$ref": "#/servers/receiver"}],
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in WEBHOOKS},
            },
        },
        "operations": {
            "publishJobEvents": _sending("jobEvents", "Every event of every job."),
            "publishTenantEvents": _sending("tenantEvents", "The same events again, by tenant."),
            "postWebhook": _sending(
                "webhook", "The events of a job that its request asked for.", {"http": {"method": "POST"}}
            ),
        },
        "components": {
            "messages": {_name(kind): _event_message(kind) for kind in get_args(Event)}
            | {name: _webhook_message(name, kind) for name, kind in WEBHOOKS.items()},
            "schemas": _schemas(),
        },
    }


def _server(protocol: str, host: str, description: str) -> Json:
    return {"host": host, "protocol": protocol, "description": description}


def _events_channel(pattern: str, parameters: dict[str, str]) -> Json:
    """Return a channel; its parameters stand in the order of the pattern's wildcards."""
    days = EVENTS.max_age_seconds / DAY
    described = {**parameters, "job_id": "Of the job, a UUID.", "type": "Of the event."}
    return {
        "address": pattern.replace("*", "{}").format(*(f"{{{name}}}" for name in described)),
        "description": f"Kept for {days:.0f} days in a JetStream stream; its consumers begin where they like.",
        "servers": [{"$ref": "#/servers/nats"}],
        "parameters": {name: {"description": text} for name, text in described.items()},
        "messages": {
            _name(kind): {"$ref": f"#/components/messages/{_name(kind)}"} for kind in get_args(Event)
        },
    }


def _sending(channel: str, summary: str, bindings: Json | None = None) -> Json:
    operation = {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
    return {**operation, "bindings": bindings} if bindings else operation


def _name(kind: type[JobEvent]) -> str:
    return str(kind.__struct_config__.tag)


def _event_message(kind: type[JobEvent]) -> Json:
    return {
        "name": TYPE_PREFIX + _name(kind),
        "title": _name(kind),
        "summary": _first_line(kind),
        "headers": _cloudevents(kind),
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }


def _cloudevents(kind: type[JobEvent]) -> Json:
    """Return the headers of :func:`contracts.events.cloudevents_headers`."""
    headers = {
        "ce-specversion": {"const": "1.0"},
        "ce-id": {**_TEXT, "description": "<job_id>/<seq>: the same however often the event comes"},
        "ce-type": {"const": TYPE_PREFIX + _name(kind)},
        "ce-source": {"const": SOURCE},
        "ce-subject": {**_TEXT, "format": "uuid", "description": "the job"},
        "ce-time": {**_TEXT, "format": "date-time"},
        "content-type": {"const": "application/json"},
    }
    if kind is not StageProgress:
        headers["ce-sequence"] = {**_TEXT, "pattern": "^[1-9][0-9]*$"}
    return {"type": "object", "properties": headers, "required": list(headers)}


def _webhook_message(name: str, kind: type[msgspec.Struct]) -> Json:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "name": name,
        "title": name,
        "summary": _first_line(kind),
        "headers": {"type": "object", "properties": dict.fromkeys(names, _TEXT), "required": list(names)},
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }


def _schemas() -> Json:
    kinds = (*get_args(Event), *map(_without_raw, WEBHOOKS.values()))
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return components


def _without_raw(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a type with any JSON in place of what is passed on as it came: msgspec makes no schema of that."""
    fields: list[Any] = [_any(field) for field in msgspec.structs.fields(kind)]
    return msgspec.defstruct(kind.__name__, fields, namespace={"__doc__": kind.__doc__}, kw_only=True)


def _any(field: msgspec.structs.FieldInfo) -> tuple[Any, ...]:
    raw = field.type is msgspec.Raw
    kind = Any if raw else field.type
    if field.required:
        return field.name, kind
    return field.name, kind, None if raw else msgspec.field(default=field.default)


def _first_line(kind: type) -> str:
    """Return what a type's own docstring begins with, or its name."""
    text = kind.__dict__.get("__doc__") or kind.__name__
    return str(text).split("\n", 1)[0]
