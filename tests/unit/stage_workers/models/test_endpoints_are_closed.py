"""Adapters over HTTP close their connections with themselves, and cannot be used afterwards."""

import pytest

from stage_workers.adapters.brave import Brave
from stage_workers.adapters.imagen import Imagen
from stage_workers.adapters.openai_compatible import OpenAICompatible
from stage_workers.adapters.searxng import SearXNG
from stage_workers.chat import Conversation, UserTurn

NOWHERE = "http://127.0.0.1:1"


def search(engine):
    return engine.search("chain", site="", pages=(), limit=3)


def complete(chat):
    return chat.complete(Conversation(system="", turns=(UserTurn(text="x"),)))


def draw(painter):
    return painter.draw("x", "", width=100, height=100, seed="")


@pytest.mark.parametrize(
    ("adapter", "use"),
    [
        (lambda: Brave("k", NOWHERE), search),
        (lambda: SearXNG(NOWHERE), search),
        (lambda: Imagen("m", "k", NOWHERE), draw),
        (lambda: OpenAICompatible(NOWHERE, "m"), complete),
    ],
)
async def test_an_adapter_that_is_left_is_closed(adapter, use):
    async with adapter() as opened:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await use(opened)
