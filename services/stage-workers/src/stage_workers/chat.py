"""Talking to a language model: one conversation in, one reply out. What providers call it is the adapters' business.

All parts can be recorded, so that a conversation with tools goes on from its checkpoints after a crash.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec


class ChatPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what a conversation is made of."""


class ToolCall(ChatPart, frozen=True, kw_only=True):
    """A function that the model wants to have called."""

    call_id: str
    name: str
    arguments: dict[str, Any] | str
    """Text when the model gave what is no JSON object: whoever answers the call says so."""
    extra: dict[str, Any] | None = None
    """What the provider wants to see again with this call; nobody else's business."""


class UserTurn(ChatPart, frozen=True, kw_only=True, tag="user"):
    text: str


class ModelTurn(ChatPart, frozen=True, kw_only=True, tag="model"):
    text: str = ""
    calls: tuple[ToolCall, ...] = ()


class ToolResult(ChatPart, frozen=True, kw_only=True):
    call_id: str
    name: str
    content: dict[str, Any]


class ToolTurn(ChatPart, frozen=True, kw_only=True, tag="tools"):
    """The results of all calls of the model's turn before."""

    results: tuple[ToolResult, ...]


Turn = UserTurn | ModelTurn | ToolTurn


class Tool(ChatPart, frozen=True, kw_only=True):
    """A function that the model may ask for."""

    name: str
    description: str
    parameters: dict[str, Any]
    """A JSON schema as :mod:`stage_workers.written.schema` makes it."""


class Conversation(ChatPart, frozen=True, kw_only=True):
    system: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    schema: dict[str, Any] | None = None
    """Of the answer, as :mod:`stage_workers.written.schema` makes it; not together with tools, which not every
    provider allows."""
    temperature: float | None = None
    """The provider's own when not given; some models know no other."""
    most_tokens: int | None = None
    """Of the reply."""
    purpose: str = ""
    """What it is for, in the books; no provider sees it."""


class Usage(ChatPart, frozen=True, kw_only=True):
    input_tokens: int = 0
    output_tokens: int = 0


class Reply(ChatPart, frozen=True, kw_only=True):
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: Literal["stop", "length"] = "stop"
    """``length``: the reply was cut at its limit of tokens."""
    usage: Usage = Usage()
    model: str = ""
    """What the provider says answered."""


class ChatModel(Protocol):
    """A provider of one model."""

    @property
    def name(self) -> str:
        """Adapter and model, as ``result.generator`` says them."""
        ...

    async def complete(self, conversation: Conversation) -> Reply:
        """Return the model's next turn; an empty one is returned too. A cancelled call has no effect on later ones.

        Raises Transient (``model_rate_limited``, ``model_unavailable``, ``model_timeout``, ``model_unreachable``,
        ``model_malformed``) or Permanent (``model_key``, ``model_request``, ``model_unknown``, ``model_blocked``).
        """
        ...
