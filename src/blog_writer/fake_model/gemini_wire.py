"""The Gemini REST interface: ``models/{model}:generateContent`` and Imagen's ``:predict``."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from blog_writer.fake_model.exchange import THOUGHT_TOKENS, Answered, Asked, Call, Refused

_SCHEMA_FIELDS = frozenset(
    (
        "type",
        "format",
        "description",
        "nullable",
        "enum",
        "items",
        "properties",
        "required",
        "maxItems",
        "minItems",
    )
)
_STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
_SIZES = {"1:1": (64, 64), "3:4": (48, 64), "4:3": (64, 48), "9:16": (36, 64), "16:9": (64, 36)}


def key_of(headers: Mapping[str, str]) -> str:
    return headers.get("x-goog-api-key", "")


def read(body: dict[str, Any]) -> Asked:
    """Return what a request asks. Raises Refused for what the real interface refuses."""
    config = body.get("generationConfig", {})
    schema = config.get("responseSchema")
    declared = [each for tool in body.get("tools", ()) for each in tool.get("functionDeclarations", ())]
    if schema is not None and declared:
        raise Refused(400, "Function calling with a response mime type: 'application/json' is unsupported")
    for each in (schema, *(tool.get("parameters") for tool in declared)):
        _check(each)
    parts = [(turn, part) for turn in body["contents"] for part in _parts(turn)]
    return Asked(
        texts=tuple(part["text"] for turn, part in parts if turn["role"] == "user" and "text" in part),
        schema=schema,
        tools=tuple(tool["name"] for tool in declared),
        calls=tuple(_call(part["functionCall"]) for _, part in parts if "functionCall" in part),
        results=tuple(
            json.dumps(part["functionResponse"]["response"])
            for _, part in parts
            if "functionResponse" in part
        ),
        characters=len(json.dumps(body)),
    )


def _parts(turn: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not turn.get("parts"):
        raise Refused(400, "contents.parts must not be empty")
    yield from turn["parts"]


def _call(call: dict[str, Any]) -> Call:
    return Call(call["name"], call.get("args", {}))


def _check(schema: dict[str, Any] | None) -> None:
    """Refuse what the interface's own kind of schema does not have."""
    if schema is None:
        return
    strange = schema.keys() - _SCHEMA_FIELDS
    if strange:
        raise Refused(400, f"Invalid JSON payload received. Unknown name {sorted(strange)}")
    if schema.get("type") in {"OBJECT", 6} and not schema.get("properties"):
        raise Refused(400, "should be non-empty for OBJECT type")
    _check(schema.get("items"))
    for each in schema.get("properties", {}).values():
        _check(each)


def written(answer: Answered, asked: Asked, model: str) -> dict[str, Any]:
    """Return an answer's body."""
    text = [{"text": answer.text}] if answer.text else []
    calls = [{"functionCall": {"name": call.name, "args": call.arguments}} for call in answer.calls]
    content = {"role": "model", "parts": [*text, *calls]} if text or calls else {"role": "model"}
    candidate = {"content": content, "finishReason": "MAX_TOKENS" if answer.cut else "STOP", "index": 0}
    used = {"promptTokenCount": asked.characters // 4, "candidatesTokenCount": 1 + len(answer.text) // 4}
    used["totalTokenCount"] = sum(used.values()) + THOUGHT_TOKENS
    return {"candidates": [candidate], "usageMetadata": used, "modelVersion": model}


def blocked() -> dict[str, Any]:
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}


def refused(status: int, reason: str) -> dict[str, Any]:
    """Return an error's body; a wrong key is a bad request with a detail."""
    if status == 401:  # noqa: PLR2004  Unauthorized
        detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        error = {"code": 400, "message": reason, "status": _STATUS[400], "details": [detail]}
    else:
        error = {"code": status, "message": reason, "status": _STATUS.get(status, "UNKNOWN")}
    return {"error": error}


def picture(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of Imagen: one colour that follows from the prompt."""
    prompt = body["instances"][0]["prompt"]
    size = _SIZES[body["parameters"]["aspectRatio"]]
    red, green, blue = hashlib.sha256(prompt.encode()).digest()[:3]
    out = io.BytesIO()
    Image.new("RGB", size, (red, green, blue)).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": data}]}
