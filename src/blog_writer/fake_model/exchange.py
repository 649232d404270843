"""What a provider's request asks for and what its answer says, without the provider's words for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

THOUGHT_TOKENS = 30
"""That each answer takes without saying them; they are charged for, and only the total tells of them."""


class Call(NamedTuple):
    """A tool that the model asks for."""

    name: str
    arguments: dict[str, Any]


class Asked(NamedTuple):
    """One request for a completion."""

    texts: tuple[str, ...]
    """Of the user's turns."""
    schema: dict[str, Any] | None
    tools: tuple[str, ...]
    calls: tuple[Call, ...]
    """Of all turns of the model so far."""
    results: tuple[str, ...]
    """Of those calls, as JSON."""
    characters: int
    """Of the request: tokens are counted by them."""


class Answered(NamedTuple):
    """One completion."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    cut: bool = False
    """At the limit of tokens."""


class Fault(StrEnum):
    """What can go wrong with one request."""

    RATE_LIMITED = "429 with Retry-After"
    SERVER_ERROR = "500"
    OVERLOADED = "503"
    SLOW = "answers late"
    HANGING = "never answers"
    DRIPPING = "the answer comes byte by byte and never ends"
    CUT = "the connection ends in the middle of the answer"
    GARBLED = "200 with a body that is no JSON"
    PROSE = "the model answers with prose instead of JSON"
    TRUNCATED = "the model's JSON ends at its limit of tokens"
    EMPTY = "the model says nothing"
    BLOCKED = "the provider withholds the answer"


class Refused(Exception):
    """The provider would refuse this request; ``status`` says how."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
