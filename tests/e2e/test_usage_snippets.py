"""The usage snippets that the service was promised with, run as they stand: only hosts and waiting times differ."""

from __future__ import annotations

import asyncio
import re
import threading
import time
import types
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx
import pytest
import uvicorn

SNIPPETS = Path(__file__).parent / "snippets"


class LastingClient(httpx.AsyncClient):
    """A client that stays open after its ``async with``: the batch snippet goes on using it there."""

    opened: ClassVar[list[LastingClient]] = []

    async def __aenter__(self) -> Self:
        self.opened.append(self)
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        """Stay open."""


@pytest.fixture
async def snippet(system: Any, site: str) -> AsyncIterator[Callable[..., dict[str, Any]]]:
    """Run a snippet's text with its hosts replaced; return the names it defines."""

    def load(name: str, **hosts: str) -> dict[str, Any]:
        text = (SNIPPETS / f"{name}.txt").read_text()
        replaced = {
            "https://blog-writer/": f"{system.url}/",
            **{f"https://{host}": url for host, url in hosts.items()},
        }
        for before, after in replaced.items():
            assert before in text
            text = text.replace(before, after)
        text, sleeps = re.subn(r"asyncio\.sleep\(\d+\)", "asyncio.sleep(0.2)", text)
        assert sleeps or name == "webhook_integration"
        lasting = types.SimpleNamespace(AsyncClient=LastingClient)
        names: dict[str, Any] = {
            "httpx": lasting if name == "batch_processing" else httpx,
            "asyncio": asyncio,
        }
        exec(compile(text, name, "exec"), names)  # noqa: S102  running the published text is the test
        return names

    yield load
    while LastingClient.opened:
        await LastingClient.opened.pop().aclose()


async def test_basic_fire_and_forget_returns_the_article(
    snippet: Callable[..., dict[str, Any]], site: str
) -> None:
    names = snippet("fire_and_forget", **{"energy-company.com": site})
    result = await names["generate_blog_async"]()
    assert result["headline"]
    assert result["aeo_score"] >= 75
    assert "<article" in result["html_content"]


@pytest.fixture
def receiver() -> Iterator[Callable[[Any], str]]:
    """Serve an ASGI app on a free port of this machine."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(app: Any) -> str:
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)


async def test_webhook_integration_receives_the_article(
    snippet: Callable[..., dict[str, Any]], site: str, receiver: Callable[[Any], str]
) -> None:
    received: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    bridge: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await bridge["app"](scope, receive, send)

    your_app = receiver(app)
    names = snippet("webhook_integration", **{"solar-company.com": site, "your-app.com": your_app})

    async def note(kind: str, value: Any) -> None:
        loop.call_soon_threadsafe(received.put_nowait, (kind, value))

    names["save_blog_to_database"] = lambda result: note("saved", result)
    names["notify_content_team"] = lambda job_id, headline: note("notified", (job_id, headline))
    bridge["app"] = names["app"]

    submitted = await names["submit_with_webhook"]()
    kind, result = await asyncio.wait_for(received.get(), 90)
    assert kind == "saved"
    assert result["success"]
    kind, (job_id, headline) = await asyncio.wait_for(received.get(), 10)
    assert kind == "notified"
    assert job_id == submitted["job_id"]
    assert headline == result["headline"]


async def test_batch_processing_completes_every_keyword(
    snippet: Callable[..., dict[str, Any]], site: str
) -> None:
    names = snippet("batch_processing", **{"company.com": site})
    completed, failed = await names["batch_blog_generation"](["heat pumps", "home insulation"])
    assert len(completed) == 2
    assert failed == []


async def test_migrating_from_sync_to_async_gives_the_same_kind_of_result(
    snippet: Callable[..., dict[str, Any]], system: Any, site: str
) -> None:
    request = {"primary_keyword": "energy efficiency", "company_url": site}
    results = []
    async with httpx.AsyncClient(base_url=system.url, timeout=90, trust_env=False) as client:
        for name in ("before_sync", "after_async"):
            text = re.sub(
                r"asyncio\.sleep\(\d+\)", "asyncio.sleep(0.2)", (SNIPPETS / f"{name}.txt").read_text()
            )
            names: dict[str, Any] = {"client": client, "asyncio": asyncio, "request_data": request}
            exec(compile(text, name, "exec"), names)  # noqa: S102  as above
            results.append(await names["generate_blog"]())
    assert results[0].keys() == results[1].keys()
    assert results[0]["headline"] == results[1]["headline"]
