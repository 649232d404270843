"""What adapters over one HTTP interface have in common: they own it, and close it with themselves."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar


class Closable(Protocol):
    async def aclose(self) -> None:
        """Close its connections."""
        ...


E = TypeVar("E", bound=Closable)


class EndpointOwner(Generic[E]):
    """An asynchronous context manager that closes its endpoint."""

    def __init__(self, endpoint: E) -> None:
        self._endpoint = endpoint

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._endpoint.aclose()
