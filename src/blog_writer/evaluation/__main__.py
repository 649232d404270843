"""Writes the ten articles, prints their table, and with ``--write`` the page about it."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from blog_writer.articles import write_files
from blog_writer.client import Client
from blog_writer.demo import undisturbed
from blog_writer.errors import CommandError
from blog_writer.evaluation.report import HEAD, Row, page, row, table
from blog_writer.fake_web import serve_fake_web
from blog_writer.sample_site import serve_sample_site
from blog_writer.settings import UpSettings
from blog_writer.standalone import system
from chassis import logs
from chassis.clock import SystemClock

LANGUAGES = ("en", "de", "fr")


class Brief(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One article to write."""

    keyword: str
    language: str
    country: str
    company: str


def briefs() -> tuple[Brief, ...]:
    """Return them, from ``briefs.toml``."""
    text = (resources.files(__package__) / "briefs.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=dict[str, tuple[Brief, ...]])["briefs"]


async def evaluate(wanted: tuple[Brief, ...], out: Path | None, console: Console) -> list[Row]:
    """Have the articles written, one after the other, by a system of their own; keep them in ``out``. Raises
    CommandError when a job does not complete."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="blog-writer-eval-"))
        site = await stack.enter_async_context(serve_sample_site())
        web = await stack.enter_async_context(serve_fake_web(languages=LANGUAGES))
        environment = undisturbed(folder) | {
            "BLOG_WRITER_LANGUAGE_MODEL": "extractive",
            "BLOG_WRITER_SEARCH": "searxng",
            "BLOG_WRITER_SEARCH_URL": web.search.url,
        }
        companies = {"sample-site": site} | {each.name: each.url for each in web.publishers}
        running, _ = await stack.enter_async_context(system(UpSettings(data_dir=folder, port=0), environment))
        return await asyncio.to_thread(_write_all, running.url, wanted, companies, out, console)


def _write_all(
    url: str, wanted: tuple[Brief, ...], companies: Mapping[str, str], out: Path | None, console: Console
) -> list[Row]:
    with closing(Client(url)) as gateway:
        return [_write(gateway, brief, companies[brief.company], out, console) for brief in wanted]


def _write(gateway: Client, brief: Brief, company_url: str, out: Path | None, console: Console) -> Row:
    began = time.monotonic()
    request: dict[str, Any] = {
        "primary_keyword": brief.keyword,
        "company_url": company_url,
        "language": brief.language,
        "country": brief.country,
    }
    job_id = gateway.submit(request)["job_id"]
    for _ in gateway.events(job_id):  # they end with the job
        pass
    status = gateway.status(job_id)
    if status["status"] != "completed":
        raise CommandError(f"{brief.keyword}: the job ended as {status['status']}: {status.get('error')}")
    written = row(status["result"], time.monotonic() - began)
    console.print(*written.cells(), sep="  ", soft_wrap=True)
    if out is not None:
        write_files(status["result"], out / status["result"]["slug"], gateway.download)
    return written


def main() -> None:
    """Take the options and do it."""
    parser = argparse.ArgumentParser(prog="make eval", description=__doc__)
    parser.add_argument("--write", type=Path, help="the page to write, docs/quality.md")
    parser.add_argument("--out", type=Path, help="a folder to keep the articles in")
    options = parser.parse_args()
    logs.configure("error")  # these sites have no sitemaps, which is no matter here
    console = Console()
    console.print(*HEAD, sep="  ", soft_wrap=True)
    rows = asyncio.run(evaluate(briefs(), options.out, console))
    console.print(table(rows), markup=False, soft_wrap=True)
    if options.write:
        options.write.write_text(page(rows, SystemClock().now().date()), encoding="utf-8")


if __name__ == "__main__":
    main()
