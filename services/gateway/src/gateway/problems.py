"""Errors as problem details (RFC 9457), each with a stable ``code`` and, where one is at fault, the field's name."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from chassis import logs
from chassis.database import unavailable
from contracts.payloads import REQUEST_LIMIT
from gateway.errors import Refusal

log = logs.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "Bad request",
    401: "Not authorised",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Request too large",
    422: "Unprocessable request",
    429: "Too many requests",
    500: "Internal error",
    502: "Article generation failed",
    503: "Service unavailable",
}

CODES = {404: "not_found", 405: "method_not_allowed"}

_MISSING = re.compile(r"missing required field `(\w+)`")
_UNKNOWN = re.compile(r"contains unknown field `([^`]*)`")
_PATTERN_HINTS = {
    "url": "must be an absolute http or https address",
    "primary_keyword": "must not be blank",
    "language": "must be a language code such as en or de-AT",
    "country": "must be a country code of two letters such as US",
}


def problem(request: Request[Any, Any, Any], refusal: Refusal) -> Response[dict[str, Any]]:
    """Return the answer to a request that was refused."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(refusal.status, "Error"),
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": request.url.path,
        "code": refusal.code,
        "request_id": uuid.uuid4().hex,
        **({"field": refusal.field} if refusal.field else {}),
        **refusal.extra,
    }
    waiting = {"Retry-After": "2"} if refusal.status == 503 else {}  # noqa: PLR2004  the status says it
    if refusal.status >= 500:  # noqa: PLR2004  server errors are ours to know of
        log.warning("request_failed", path=request.url.path, code=refusal.code, request_id=body["request_id"])
    return Response(
        body, status_code=refusal.status, media_type=MEDIA_TYPE, headers=waiting | refusal.headers
    )


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Turn any exception into a problem; what nobody expected is logged with its trace and told nothing about."""
    refusal = as_refusal(error)
    if refusal is None:
        log.error("internal_error", path=request.url.path, exc_info=error)
        refusal = Refusal(500, "internal_error", "something went wrong on our side")
    return problem(request, refusal)


def as_refusal(error: Exception) -> Refusal | None:
    """Return what is to be answered to an exception, None when it is a bug."""
    if isinstance(error, Refusal):
        return error
    if unavailable(error):
        return Refusal(503, "database_unavailable", "the database does not answer; try again in a moment")
    if isinstance(error, ValidationException):
        return _invalid(error)
    if isinstance(error, RecursionError):
        return Refusal(400, "invalid_json", "the body is nested too deeply")
    if isinstance(error, HTTPException):
        return _http_error(error)
    return None


def _http_error(error: HTTPException) -> Refusal | None:
    unreadable = isinstance(
        error.__cause__, SerializationException | msgspec.DecodeError | UnicodeDecodeError
    )
    if error.status_code == 400 and unreadable:  # noqa: PLR2004  the status says it
        return Refusal(
            400, "invalid_json", f"the body is not JSON: {error.detail.removeprefix('JSON is malformed: ')}"
        )
    if error.status_code == 413:  # noqa: PLR2004  the status says it
        return Refusal(413, "body_too_large", f"the body is larger than {REQUEST_LIMIT} bytes")
    if error.status_code >= 500:  # noqa: PLR2004  a bug behind it
        return None
    code = CODES.get(error.status_code, "bad_request")
    return Refusal(error.status_code, code, error.detail or TITLES.get(error.status_code, ""))


def _invalid(error: ValidationException) -> Refusal:
    extra = error.extra if isinstance(error.extra, list) else []
    first: dict[str, Any] = extra[0] if extra else {"message": error.detail, "key": "", "source": "body"}
    return explain(str(first["message"]), str(first.get("key") or ""), str(first.get("source") or "body"))


def explain(message: str, key: str, source: str) -> Refusal:
    """Say in words what a validation message means, by field: ``jobs[3].priority``."""
    path = "" if key == "data" else key
    if source != "body":
        return Refusal(400, "invalid_parameter", f"{path}: {_plain(message)}", path)
    if message in {"'data'", "data"} or (not path and message.startswith("Expected `object")):
        return Refusal(400, "invalid_json", "the body must be a JSON object")
    for pattern, code, word in (
        (_MISSING, "missing_field", "is required"),
        (_UNKNOWN, "unknown_field", "is unknown"),
    ):
        found = pattern.search(message)
        if found:
            field = f"{path}.{found[1]}" if path else found[1]
            return Refusal(422, code, f"{field} {word}", field)
    return Refusal(422, "invalid_field", f"{path} {_hint(path, message)}", path)


def _hint(path: str, message: str) -> str:
    """Return words for what a pattern asks, which nobody wants to read as a regular expression."""
    if "matching regex" in message:
        name = re.sub(r"\[\d+\]$", "", path.rsplit(".", 1)[-1])
        kind = "url" if "url" in name else name
        return _PATTERN_HINTS.get(kind, "has the wrong form")
    return f"is not allowed: {_plain(message)}"


def _plain(message: str) -> str:
    return message.replace("`", "").replace("Expected", "expected", 1)
