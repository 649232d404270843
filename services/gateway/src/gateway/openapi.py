"""What the OpenAPI document says beyond the handlers: problems, and how to show a key."""

from __future__ import annotations

from litestar.openapi.spec import (
    Components,
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIType

from gateway.problems import MEDIA_TYPE

KEY = "key"
COMPONENTS = Components(
    security_schemes={
        KEY: SecurityScheme(type="http", scheme="bearer", description="An API key, or a job's token.")
    }
)
PROBLEM = Schema(
    type=OpenAPIType.OBJECT,
    description="What went wrong (RFC 9457), with a stable code; other members may tell more.",
    required=["type", "title", "status", "detail", "instance", "code", "request_id"],
    properties={
        "type": Schema(type=OpenAPIType.STRING),
        "title": Schema(type=OpenAPIType.STRING),
        "status": Schema(type=OpenAPIType.INTEGER),
        "detail": Schema(type=OpenAPIType.STRING),
        "instance": Schema(type=OpenAPIType.STRING),
        "code": Schema(type=OpenAPIType.STRING),
        "field": Schema(type=OpenAPIType.STRING, description="Where one is at fault."),
        "request_id": Schema(type=OpenAPIType.STRING),
    },
)
_PROBLEM = OpenAPIResponse(
    description="A problem",
    content={MEDIA_TYPE: OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))},
)


_TEXT = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
_OBJECT = OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT))
_FORMS = {
    "/jobs/{job_id}/article": {"text/html": _TEXT, "text/markdown": _TEXT, "application/json": _OBJECT},
    "/jobs/{job_id}/files/{name}": {"*/*": _TEXT},
    "/jobs/{job_id}/events": {"application/json": _OBJECT, "text/event-stream": _TEXT},
}
"""Answers whose form the request chooses."""


def complete(document: OpenAPI) -> None:
    """Say of every operation that its errors are problems, in place of what the framework's own would look like."""
    if document.components is not None:
        document.components.schemas["Problem"] = PROBLEM
    for address, path in (document.paths or {}).items():
        for operation in (path.get, path.post):
            if isinstance(operation, Operation):
                fine = {
                    status: answer for status, answer in (operation.responses or {}).items() if status < "4"
                }
                operation.responses = {**fine, "default": _PROBLEM}
                answer = fine.get("200")
                if address in _FORMS and isinstance(answer, OpenAPIResponse):
                    answer.content = _FORMS[address]
