"""OpenAI's chat completions: ``/v1/chat/completions``."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from blog_writer.fake_model.exchange import THOUGHT_TOKENS, Answered, Asked, Call, Refused


def key_of(headers: Mapping[str, str]) -> str:
    return headers.get("authorization", "").removeprefix("Bearer ")


def read(body: dict[str, Any]) -> Asked:
    """Return what a request asks. Raises Refused for what strict servers refuse."""
    messages = body["messages"]
    roles = [message["role"] for message in messages]
    if any(one == other == "user" for one, other in itertools.pairwise(roles)):
        raise Refused(400, "Conversation roles must alternate user/assistant")
    form = body.get("response_format")
    calls = [call for message in messages for call in message.get("tool_calls", ())]
    _check_results(calls, messages)
    return Asked(
        texts=tuple(message["content"] for message in messages if message["role"] == "user"),
        schema=form["json_schema"]["schema"] if form else None,
        tools=tuple(tool["function"]["name"] for tool in body.get("tools", ())),
        calls=tuple(
            Call(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls
        ),
        results=tuple(message["content"] for message in messages if message["role"] == "tool"),
        characters=len(json.dumps(body)),
    )


def _check_results(calls: list[dict[str, Any]], messages: list[dict[str, Any]]) -> None:
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    if answered != [call["id"] for call in calls]:
        raise Refused(400, "tool_calls must be followed by tool messages responding to each tool_call_id")


def written(answer: Answered, asked: Asked, model: str) -> dict[str, Any]:
    """Return an answer's body."""
    first = len(asked.calls)
    calls = [_call(call, first + number) for number, call in enumerate(answer.calls, 1)]
    message = {"role": "assistant", "content": answer.text or None} | ({"tool_calls": calls} if calls else {})
    finish = "tool_calls" if calls else "length" if answer.cut else "stop"
    used = {"prompt_tokens": asked.characters // 4, "completion_tokens": 1 + len(answer.text) // 4}
    used["total_tokens"] = sum(used.values()) + THOUGHT_TOKENS
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [choice],
        "usage": used,
    }


def _call(call: Call, number: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": f"call_{number}", "type": "function", "function": function}


def blocked() -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "refusal": "I can't help with that."}
    return {"model": "fake", "choices": [{"index": 0, "message": message, "finish_reason": "content_filter"}]}


def refused(status: int, reason: str) -> dict[str, Any]:
    return {"error": {"message": reason, "type": "error", "code": status}}
