"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp, hosted providers, Gemini's own."""

from __future__ import annotations

from typing import Any

import msgspec

from stage_workers.adapters import model_errors
from stage_workers.adapters.endpoint_owner import EndpointOwner
from stage_workers.adapters.model_http import ModelEndpoint
from stage_workers.chat import (
    Conversation,
    ModelTurn,
    Reply,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
    UserTurn,
)


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct):
    function: _Function
    id: str = ""
    extra_content: dict[str, Any] | None = None
    """Gemini's interface wants its thought signatures back."""


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None

    def charged(self) -> Usage:
        """Return the tokens that are charged for; some providers leave thoughts out of all but the total."""
        read, written = self.prompt_tokens or 0, self.completion_tokens or 0
        return Usage(input_tokens=read, output_tokens=max(written, (self.total_tokens or 0) - read))


class _Answer(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None
    model: str | None = None


class OpenAICompatible(EndpointOwner[ModelEndpoint]):
    """A ChatModel over plain HTTP."""

    def __init__(self, url: str, model: str, key: str = "", seconds: float = 120) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        super().__init__(ModelEndpoint(model, key, headers, seconds))

    @property
    def name(self) -> str:
        return f"openai-compatible/{self._model}"

    async def complete(self, conversation: Conversation) -> Reply:
        """See ChatModel."""
        data = await self._endpoint.post(self._url, _request(conversation, self._model))
        try:
            answer = msgspec.convert(data, _Answer)
        except msgspec.ValidationError as error:
            raise model_errors.garbled(self._model, str(error)) from error
        return self._reply(answer)

    def _reply(self, answer: _Answer) -> Reply:
        if not answer.choices:
            raise model_errors.garbled(self._model, "it holds no choice")
        choice, used = answer.choices[0], answer.usage or _Usage()
        if choice.finish_reason == "content_filter" or choice.message.refusal:
            raise model_errors.blocked(self._model, choice.message.refusal or "content filter")
        calls = choice.message.tool_calls or []
        return Reply(
            text=choice.message.content or "",
            calls=tuple(_call(call, number) for number, call in enumerate(calls, 1)),
            finish="length" if choice.finish_reason == "length" else "stop",
            usage=used.charged(),
            model=answer.model or self._model,
        )


def _call(call: _Call, number: int) -> ToolCall:
    arguments = call.function.arguments or {}
    if isinstance(arguments, str):
        arguments = _object(arguments)
    return ToolCall(
        call_id=call.id or f"call-{number}",
        name=call.function.name,
        arguments=arguments,
        extra=call.extra_content,
    )


def _object(text: str) -> dict[str, Any] | str:
    """Return a JSON object, or the text itself when it is none."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return text


def _request(conversation: Conversation, model: str) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": conversation.system}]
    for turn in conversation.turns:
        messages += _messages(turn)
    body: dict[str, Any] = {"model": model, "messages": messages}
    if conversation.tools:
        body["tools"] = [_tool(tool) for tool in conversation.tools]
    if conversation.schema is not None:
        schema = {"name": "answer", "schema": _json_schema(conversation.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if conversation.temperature is not None:
        body["temperature"] = conversation.temperature
    if conversation.most_tokens is not None:
        body["max_tokens"] = conversation.most_tokens
    return body


def _messages(turn: Turn) -> list[dict[str, Any]]:
    if isinstance(turn, UserTurn):
        return [{"role": "user", "content": turn.text}]
    if isinstance(turn, ModelTurn):
        calls = {"tool_calls": [_said(call) for call in turn.calls]} if turn.calls else {}
        return [{"role": "assistant", "content": turn.text or None, **calls}]
    return [_result(result) for result in turn.results]


def _said(call: ToolCall) -> dict[str, Any]:
    given = call.arguments
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    said = {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": text}}
    return said | ({"extra_content": call.extra} if call.extra else {})


def _result(result: ToolResult) -> dict[str, Any]:
    content = msgspec.json.encode(result.content).decode()
    return {"role": "tool", "tool_call_id": result.call_id, "content": content}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": _json_schema(tool.parameters),
    }
    return {"type": "function", "function": function}


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Say ``nullable`` in the words of JSON schema."""
    plain = {name: value for name, value in schema.items() if name != "nullable"}
    if "items" in schema:
        plain["items"] = _json_schema(schema["items"])
    if "properties" in schema:
        plain["properties"] = {name: _json_schema(each) for name, each in schema["properties"].items()}
    if schema.get("nullable"):
        plain["type"] = [schema["type"], "null"]
    return plain
