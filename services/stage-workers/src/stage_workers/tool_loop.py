"""Function calling: the model asks for tools, gets their results, and goes on until it has what it needs.

What a model asks for is never trusted: unknown tools and wrong arguments are answered as errors, and the number of
calls is bounded whatever it wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import groupby
from typing import Any, Protocol

import msgspec

from stage_workers.chat import Conversation, ModelTurn, Reply, Tool, ToolCall, ToolResult, ToolTurn, UserTurn
from stage_workers.written.schema import schema_of

Complete = Callable[[Conversation], Awaitable[Reply]]


class GoOn(Protocol):
    def __call__(self) -> str | None:
        """Return what to tell a model that asks for no tool any more; None to let it end."""
        ...


class Function(msgspec.Struct, frozen=True):
    """A tool and what it does."""

    description: str
    arguments: type[msgspec.Struct]
    call: Callable[[Any], Awaitable[dict[str, Any]]]
    """Takes the arguments, returns the result. Errors that the model can react to are results too."""


class Limits(msgspec.Struct, frozen=True):
    """Of one loop."""

    calls: int
    """Tool calls in all."""
    turns: int
    """Turns of the model, so that one without calls cannot go on forever either."""
    at_once: int = 4


async def run(
    complete: Complete,
    conversation: Conversation,
    functions: Mapping[str, Function],
    limits: Limits,
    go_on: GoOn,
) -> int:
    """Let the model use the functions and return how many calls it made."""
    tools = tuple(
        Tool(name=name, description=each.description, parameters=schema_of(each.arguments))
        for name, each in functions.items()
    )
    conversation = msgspec.structs.replace(conversation, tools=tools)
    made = 0
    for _ in range(limits.turns):
        reply = await complete(conversation)
        if reply.calls:
            asked, made = reply.calls[: limits.calls - made], made + len(reply.calls)
            results = await _results(asked, functions, limits.at_once)
            conversation = _grown(conversation, reply, asked, results)
            if made >= limits.calls:
                break
        elif (more := go_on()) is not None:
            conversation = _told(conversation, reply, more)
        else:
            break
    return min(made, limits.calls)


def _grown(
    conversation: Conversation, reply: Reply, asked: tuple[ToolCall, ...], results: tuple[ToolResult, ...]
) -> Conversation:
    said = ModelTurn(text=reply.text, calls=asked)
    return msgspec.structs.replace(conversation, turns=(*conversation.turns, said, ToolTurn(results=results)))


def _told(conversation: Conversation, reply: Reply, more: str) -> Conversation:
    said = ModelTurn(text=reply.text.strip() or "Done.")
    return msgspec.structs.replace(conversation, turns=(*conversation.turns, said, UserTurn(text=more)))


async def _results(
    calls: tuple[ToolCall, ...], functions: Mapping[str, Function], at_once: int
) -> tuple[ToolResult, ...]:
    """Call the functions; the results stand in the order of the calls.

    Calls of one tool that follow one another run together, different tools do not: what one of them does to another
    must not depend on time, or a repeated run would have another conversation than the recorded one.
    """
    results: list[ToolResult] = []
    for _, alike in groupby(calls, lambda call: call.name):
        results += await _together(tuple(alike), functions, at_once)
    return tuple(results)


async def _together(
    calls: tuple[ToolCall, ...], functions: Mapping[str, Function], at_once: int
) -> list[ToolResult]:
    places = asyncio.Semaphore(at_once)

    async def one(call: ToolCall) -> ToolResult:
        async with places:
            content = await _result(call, functions)
            return ToolResult(call_id=call.call_id, name=call.name, content=content)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(call)) for call in calls]
    return [task.result() for task in tasks]


async def _result(call: ToolCall, functions: Mapping[str, Function]) -> dict[str, Any]:
    function = functions.get(call.name)
    if function is None:
        return {"error": f"there is no tool {call.name}; there are {', '.join(functions)}"}
    if isinstance(call.arguments, str):
        return {"error": "the arguments are no JSON object"}
    try:
        arguments = msgspec.convert(call.arguments, function.arguments, strict=False)
    except msgspec.ValidationError as error:
        return {"error": f"the arguments do not fit: {error}"}
    return await function.call(arguments)
