"""``make demo``: the whole system, one article, from a site that comes with the program."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

from rich.console import Console

from blog_writer.articles import write_files
from blog_writer.client import Client
from blog_writer.errors import CommandError
from blog_writer.fake_model import serve_fake_model
from blog_writer.fake_web import serve_fake_web
from blog_writer.follow import follow
from blog_writer.sample_site import serve_sample_site
from blog_writer.settings import UpSettings
from blog_writer.standalone import system
from chassis import logs

FAKE_KEY = "fake-key"


async def write_demo_article(keyword: str, out: Path, console: Console, *, fake_model: bool) -> None:
    """Run everything on fresh data, write one article into ``out`` and print where it lies and its score.

    With ``fake_model``, a model that costs nothing guides the research and writes, through the adapter for Gemini, from
    a made-up web that it searches through the adapter for SearXNG; its first draft fails the gate. Raises CommandError when the job does not complete.
    """
    logs.configure("warning")
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="blog-writer-demo-"))
        site = await stack.enter_async_context(serve_sample_site())
        environment = undisturbed(folder)
        if fake_model:
            provider = await stack.enter_async_context(serve_fake_model(key=FAKE_KEY, flawed_first=True))
            web = await stack.enter_async_context(serve_fake_web())
            environment |= _fake_model_settings(provider.url) | _fake_web_settings(web.search.url)
            console.print(f"the model is at {provider.url}, the search engine at {web.search.url}")
        settings = UpSettings(data_dir=folder, port=0)
        running, _ = await stack.enter_async_context(system(settings, environment))
        console.print(f"the sample site is at {site}, the system at {running.url}")
        await asyncio.to_thread(_write, running.url, site, keyword, out, console)
    console.print(f"done in {time.monotonic() - began:.0f} s")


def _fake_model_settings(url: str) -> dict[str, str]:
    return {
        "BLOG_WRITER_LANGUAGE_MODEL": "gemini",
        "BLOG_WRITER_MODEL": "fake-writer",
        "BLOG_WRITER_MODEL_KEY": FAKE_KEY,
        "BLOG_WRITER_MODEL_URL": url,
        "BLOG_WRITER_IMAGE_MODEL": "",
    }


def _fake_web_settings(url: str) -> dict[str, str]:
    return {"BLOG_WRITER_SEARCH": "searxng", "BLOG_WRITER_SEARCH_URL": url}


def undisturbed(folder: str) -> dict[str, str]:
    """Return the user's environment without what would point a system of its own at other servers or data, and with leave to
    read the sample site, which is on this machine. A key that lies about for other programs makes it cost nothing."""
    elsewhere = {
        "DATABASE_URL",
        "NATS_URL",
        "BLOG_WRITER_DB_PATH",
        "BLOG_WRITER_ARTICLE_STORE",
        "BLOG_WRITER_PORT",
        "BLOG_WRITER_MAX_COST_USD",
    }
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    fixed = {
        "BLOG_WRITER_LANGUAGE_MODEL": kept.get("BLOG_WRITER_LANGUAGE_MODEL") or "extractive",
        "BLOG_WRITER_DATA_DIR": folder,
        "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    return kept | fixed


def _write(url: str, site: str, keyword: str, out: Path, console: Console) -> None:
    with closing(Client(url)) as gateway:
        _write_with(gateway, site, keyword, out, console)


def _write_with(gateway: Client, site: str, keyword: str, out: Path, console: Console) -> None:
    job_id = gateway.submit({"primary_keyword": keyword, "company_url": site})["job_id"]
    console.print(f"job {job_id}")
    last = follow(gateway.stream(job_id), console)
    status = gateway.status(job_id)
    if last is None or status["status"] != "completed":
        raise CommandError(f"the job ended as {status['status']}: {status.get('error')}")
    result = status["result"]
    files = write_files(result, out, gateway.download)
    console.print(
        f"{result['headline']}\n{result['word_count']} words from {len(result['citations'])} sources"
    )
    console.print(f"article: {files[0].absolute()}", soft_wrap=True)
    console.print(f"score: {result['aeo_score']:.1f} of 100, written by {result['generator']}")
    for each in result["quality_report"]["rounds"]:
        _print_round(each, console)


def _print_round(report: dict[str, Any], console: Console) -> None:
    critical = [finding["message"] for finding in report.get("findings", ()) if finding.get("critical")]
    word = "passed" if report["passed"] else "failed"
    console.print(
        f"round {report['round']}: {report['score']:.1f}, {word}", *critical, sep="\n  ", soft_wrap=True
    )
