"""Gemini through ``google-generativeai``: the only file that knows the library (docs/adr/0007-language-models.md).

It is imported when the adapter is made, since it brings 170 MB. Its asynchronous form does not work over REST, so
calls run in threads.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from functools import partial
from types import TracebackType
from typing import Any, Self

from chassis.clock import SystemClock
from chassis.errors import SettingsError
from stage_workers.adapters import model_errors
from stage_workers.adapters.dropped_calls import DroppedCalls
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

AT_ONCE = 16
"""Threads; a call that was given up holds its thread until its own timeout."""
_BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"}
)
_NO_PROMPT_BLOCK = 0


class Gemini:
    """A ChatModel. The library keeps key and endpoint for the whole process: make one."""

    def __init__(self, model: str, key: str, endpoint: str | None = None, seconds: float = 120) -> None:
        self._genai = _library()
        self._model = model
        self._key = key
        self._seconds = seconds
        self._calls = DroppedCalls(AT_ONCE, "gemini")
        self._clock = SystemClock()
        options = {"api_endpoint": endpoint.rstrip("/")} if endpoint else {}
        self._genai.configure(api_key=key, transport="rest", client_options=options)
        self._client = _client()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.transport.close()

    @property
    def name(self) -> str:
        return f"gemini/{self._model}"

    async def complete(self, conversation: Conversation) -> Reply:
        """See ChatModel."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._calls.run(partial(self._answered, conversation))
        except TimeoutError as error:
            raise model_errors.late(self._model, self._seconds) from error

    def _answered(self, conversation: Conversation) -> Reply:
        """Call the library, in a thread, and map its errors and those of what it stands on."""
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415  only when chosen
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from google.protobuf.json_format import ParseError  # noqa: PLC0415
        from requests import RequestException, Timeout  # noqa: PLC0415

        try:
            return self._reply(self._generate(conversation))
        except GoogleAPICallError as error:
            raise self._refusal(error) from error
        except Timeout as error:
            raise model_errors.late(self._model, self._seconds) from error
        except ParseError as error:
            raise model_errors.garbled(self._model, str(error)) from error
        except (RequestException, GoogleAuthError, OSError) as error:
            raise model_errors.lost(self._model, str(error) or repr(error), self._key) from error

    def _generate(self, conversation: Conversation) -> Any:
        protos = self._genai.protos
        tools = [
            protos.Tool(function_declarations=[_declaration(protos, each) for each in conversation.tools])
        ]
        model = self._genai.GenerativeModel(
            self._model,
            system_instruction=conversation.system or None,
            tools=tools if conversation.tools else None,
        )
        return model.generate_content(
            [_content(protos, turn) for turn in conversation.turns],
            generation_config=_config(protos, conversation),
            request_options={"timeout": self._seconds, "retry": None},
        )

    def _reply(self, response: Any) -> Reply:
        feedback = response.prompt_feedback.block_reason
        if not response.candidates:
            why = feedback.name if feedback != _NO_PROMPT_BLOCK else "no candidate"
            raise model_errors.blocked(self._model, f"the request was blocked: {why}")
        candidate = response.candidates[0]
        finish = _named(candidate.finish_reason)
        if finish in _BLOCKED:
            raise model_errors.blocked(self._model, finish)
        parts = list(candidate.content.parts)
        calls = [part.function_call for part in parts if part.function_call.name]
        used = response.usage_metadata
        return Reply(
            text="".join(part.text for part in parts),
            calls=tuple(_call(call, number) for number, call in enumerate(calls, 1)),
            finish="length" if finish == "MAX_TOKENS" else "stop",
            usage=_usage(used),
            model=self._model,
        )

    def _refusal(self, error: Any) -> Exception:
        headers = getattr(error.response, "headers", None) or {}
        body = f"{error.message} {getattr(error.response, 'text', '')}"
        status = int(error.code or 500)
        now = self._clock.now()
        return model_errors.refusal(status, body, headers, provider=self._model, key=self._key, now=now)


def _usage(used: Any) -> Usage:
    """Return the tokens that are charged for: thoughts count as output, and only the total tells of them."""
    thought_and_said = used.total_token_count - used.prompt_token_count
    return Usage(
        input_tokens=used.prompt_token_count,
        output_tokens=max(used.candidates_token_count, thought_and_said),
    )


def _library() -> Any:
    """Import the library. Raises SettingsError when it is not installed."""
    logging.getLogger("google").setLevel(logging.INFO)  # at debug level it would log requests with their key
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that its life has ended stands in the decision record
            import google.generativeai  # noqa: PLC0415  only when chosen
    except ImportError as error:
        raise SettingsError(
            "gemini, chosen by BLOG_WRITER_LANGUAGE_MODEL or by GOOGLE_API_KEY, needs the package "
            "blog-writer-stage-workers[gemini]; BLOG_WRITER_LANGUAGE_MODEL=extractive writes without it"
        ) from error
    return google.generativeai


def _client() -> Any:
    """Return the library's client for what was configured, which all its models share."""
    from google.generativeai.client import get_default_generative_client  # noqa: PLC0415  only when chosen

    return get_default_generative_client()


def _config(protos: Any, conversation: Conversation) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if conversation.schema is not None:
        config["response_mime_type"] = "application/json"
        config["response_schema"] = _schema(protos, conversation.schema)
    if conversation.temperature is not None:
        config["temperature"] = conversation.temperature
    if conversation.most_tokens is not None:
        config["max_output_tokens"] = conversation.most_tokens
    return config


def _schema(protos: Any, schema: dict[str, Any]) -> Any:
    """Return a schema in the library's own form; its conversion of dicts takes fields named ``type`` for types."""
    given: dict[str, Any] = {"type_": protos.Type[schema["type"].upper()]}
    if schema.get("nullable"):
        given["nullable"] = True
    if "description" in schema:
        given["description"] = schema["description"]
    if "enum" in schema:
        given.update(format_="enum", enum=list(schema["enum"]))
    if "items" in schema:
        given["items"] = _schema(protos, schema["items"])
    if schema.get("properties"):
        given["properties"] = {name: _schema(protos, each) for name, each in schema["properties"].items()}
        given["required"] = list(schema.get("required", ()))
    return protos.Schema(**given)


def _declaration(protos: Any, tool: Tool) -> Any:
    """Return a tool; one without parameters must not have an object without properties."""
    has_parameters = bool(tool.parameters.get("properties"))
    parameters = {"parameters": _schema(protos, tool.parameters)} if has_parameters else {}
    return protos.FunctionDeclaration(name=tool.name, description=tool.description, **parameters)


def _content(protos: Any, turn: Turn) -> Any:
    if isinstance(turn, UserTurn):
        return protos.Content(role="user", parts=[protos.Part(text=turn.text)])
    if isinstance(turn, ModelTurn):
        text = [protos.Part(text=turn.text)] if turn.text else []
        calls = [protos.Part(function_call=_said(protos, call)) for call in turn.calls]
        return protos.Content(role="model", parts=[*text, *calls])
    results = [protos.Part(function_response=_result(protos, result)) for result in turn.results]
    return protos.Content(role="user", parts=results)


def _said(protos: Any, call: ToolCall) -> Any:
    arguments = {"text": call.arguments} if isinstance(call.arguments, str) else call.arguments
    return protos.FunctionCall(name=call.name, args=arguments)


def _result(protos: Any, result: ToolResult) -> Any:
    return protos.FunctionResponse(name=result.name, response=result.content)


def _call(call: Any, number: int) -> ToolCall:
    """Return a call; Gemini does not number them, their order does."""
    arguments = type(call).to_dict(call).get("args") or {}
    return ToolCall(call_id=f"call-{number}", name=call.name, arguments=_whole(arguments))


def _whole(value: Any) -> Any:
    """Return JSON with whole numbers as such: the library knows floating ones only."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _named(reason: Any) -> str:
    """Return the name of a reason; one that the library does not know is a number."""
    return str(getattr(reason, "name", reason))
