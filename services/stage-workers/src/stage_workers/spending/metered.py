"""Ports whose calls are paid from a purse. What costs nothing is handed on as it is."""

from __future__ import annotations

import hashlib

import msgspec

from contracts import codec
from stage_workers.adapters.written import WritingModel
from stage_workers.chat import ChatModel, Conversation, Reply, Usage
from stage_workers.context import Ports
from stage_workers.ports import Hit, ImageModel, Picture, SearchEngine
from stage_workers.spending.purse import Asked, Cost, Purse
from stage_workers.spending.tariff import Tariff


def metered(ports: Ports, purse: Purse, tariff: Tariff) -> Ports:
    """Return the ports of one attempt."""
    model = ports.model
    if tariff.model and isinstance(model, WritingModel):
        model = WritingModel(MeteredChat(model.chat, purse, tariff))
    return msgspec.structs.replace(
        ports,
        model=model,
        images=MeteredImages(ports.images, purse, tariff) if tariff.images else ports.images,
        search=MeteredSearch(ports.search, purse, tariff) if tariff.search else ports.search,
    )


def most_tokens(conversation: Conversation, answer: int) -> Usage:
    """Return the most that a conversation can use: a token is at least one byte of what is sent."""
    return Usage(input_tokens=len(codec.encode(conversation)), output_tokens=answer)


class MeteredChat:
    """A ChatModel. Where the job has a limit, answers have one too: else nothing could be set aside for them."""

    def __init__(self, chat: ChatModel, purse: Purse, tariff: Tariff) -> None:
        self._chat = chat
        self._purse = purse
        self._tariff = tariff

    @property
    def name(self) -> str:
        return self._chat.name

    async def complete(self, conversation: Conversation) -> Reply:
        """See ChatModel. Raises Unpaid too."""
        answer = conversation.most_tokens or self._tariff.most_output_tokens
        most = most_tokens(conversation, answer)
        key = _key(codec.encode(conversation))
        asked = Asked(
            kind="model",
            key=key,
            name=f"{conversation.purpose or 'conversation'} {key[:8]}",
            provider=self.name,
            micros=self._tariff.answer(most),
        )
        if self._purse.limited:
            conversation = msgspec.structs.replace(conversation, most_tokens=answer)
        return await self._purse.pay(
            asked, lambda: self._chat.complete(conversation), lambda reply: self._cost(reply, most)
        )

    def _cost(self, reply: Reply, most: Usage) -> Cost:
        """Return what an answer cost; a server that counts no tokens is believed to have used all it could."""
        used = reply.usage
        counted = used.input_tokens + used.output_tokens > 0
        return Cost(
            micros=self._tariff.answer(used if counted else most),
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
        )


class MeteredSearch:
    """A SearchEngine."""

    def __init__(self, engine: SearchEngine, purse: Purse, tariff: Tariff) -> None:
        self._engine = engine
        self._purse = purse
        self._price = tariff.one_search()

    @property
    def name(self) -> str:
        return self._engine.name

    async def search(
        self,
        query: str,
        *,
        site: str,
        pages: tuple[str, ...],
        limit: int,
        language: str = "",
        country: str = "",
    ) -> tuple[Hit, ...]:
        """See SearchEngine. Raises Unpaid too."""
        key = _key(codec.encode((query, limit, language, country)))
        asked = Asked(kind="search", key=key, name=query, provider=self.name, micros=self._price)
        return await self._purse.pay(
            asked,
            lambda: self._engine.search(
                query, site=site, pages=pages, limit=limit, language=language, country=country
            ),
            lambda _: Cost(micros=self._price),
        )


class MeteredImages:
    """An ImageModel."""

    def __init__(self, painter: ImageModel, purse: Purse, tariff: Tariff) -> None:
        self._painter = painter
        self._purse = purse
        self._price = tariff.one_image()

    @property
    def name(self) -> str:
        return self._painter.name

    async def draw(self, title: str, subtitle: str, *, width: int, height: int, seed: str) -> Picture:
        """See ImageModel. Raises Unpaid too."""
        key = _key(codec.encode((title, subtitle, width, height, seed)))
        asked = Asked(kind="image", key=key, name=title, provider=self.name, micros=self._price)
        return await self._purse.pay(
            asked,
            lambda: self._painter.draw(title, subtitle, width=width, height=height, seed=seed),
            lambda _: Cost(micros=self._price),
        )


def _key(asked: bytes) -> str:
    return hashlib.sha256(asked).hexdigest()[:32]
