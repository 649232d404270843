"""Web sites that misbehave: real servers on loopback, each with one bad habit, speaking HTTP by hand."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from itertools import count
from pathlib import Path

from pypdf import PdfReader, PdfWriter

MEGABYTE = 1024 * 1024
TLS_HANDSHAKE = b"\x16"
_CHUNK = b"<p>Words without end. </p>" * 2500
_TEXTS = Path(__file__).parent / "unit" / "stage_workers" / "writing" / "pages"

Habit = Callable[["Connection", str], Awaitable[None]]


class Site:
    """One server. ``sent`` are the bytes that clients took, or that lie in the socket's buffers."""

    def __init__(self, habit: Habit) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.sent = 0
        self.server: asyncio.Server | None = None
        self._habit = habit
        self._answering: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, badly, and close."""
        connection = Connection(self, writer)
        task = asyncio.current_task()
        self._answering.add(task)  # a connection that nothing happens on is kept by nobody else
        try:
            first = await reader.readexactly(1)
            if first == TLS_HANDSHAKE and self._habit is not hang:
                await connection.head(400, Content_Length="0")
                return
            line = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0].decode()
            path = line.split(" ")[1]
            self.requests.append(path)
            await self._habit(connection, path)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            self._answering.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()


class Connection:
    """What a habit answers through."""

    def __init__(self, site: Site, writer: asyncio.StreamWriter) -> None:
        self.site = site
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.site.sent += len(data)

    async def head(self, status: int = 200, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def answer(
        self, body: bytes, content_type: str = "text/html; charset=utf-8", **headers: str
    ) -> None:
        await self.head(200, Content_Type=content_type, Content_Length=str(len(body)), **headers)
        await self.send(body)

    async def missing(self) -> None:
        await self.head(404, Content_Length="0")

    async def moved(self, to: str) -> None:
        await self.head(302, Location=to, Content_Length="0")


def _html(name: str, links: str = "") -> str:
    """Return a page of the writing tests as HTML."""
    parts = []
    for chunk in (_TEXTS / f"{name}.md").read_text(encoding="utf-8").split("\n\n"):
        text = chunk.replace("**", "").strip()
        level = len(text) - len(text.lstrip("#"))
        if level:
            parts.append(f"<h{level}>{text[level:].strip()}</h{level}>")
        elif text.startswith("- "):
            items = "".join(f"<li>{line[2:]}</li>" for line in text.splitlines())
            parts.append(f"<ul>{items}</ul>")
        elif not text.startswith("|"):
            parts.append(f"<p>{text}</p>")
    title = parts[0][4:-5]
    body = "\n".join(parts)
    return (
        f"<html lang='en'><head><title>{title}</title></head><body><main>{body}</main>{links}</body></html>"
    )


PAGES = {
    "/": _html("bicycle-home", "<a href='/guides/bicycle-chain'>chains</a> <a href='/faq'>questions</a>"),
    "/guides/bicycle-chain": _html("bicycle-chain"),
    "/faq": _html("bicycle-faq"),
}


async def ordinary(site: Connection, path: str) -> None:
    """The pages of a small firm, without a bad habit."""
    page = PAGES.get(path)
    await (site.missing() if page is None else site.answer(page.encode()))


def only_pages(habit: Habit) -> Habit:
    """Let robots.txt and sitemaps be missing, so that it is the pages that misbehave."""

    async def chosen(site: Connection, path: str) -> None:
        await (site.missing() if path in {"/robots.txt", "/sitemap.xml"} else habit(site, path))

    return chosen


def answers(body: bytes, content_type: str = "text/html", **headers: str) -> Habit:
    async def habit(site: Connection, _path: str) -> None:
        await site.answer(body, content_type, **headers)

    return only_pages(habit)


def sitemap(document: Callable[[str, str], bytes]) -> Habit:
    """An ordinary site whose sitemap is ``document(url, path)``."""

    async def habit(site: Connection, path: str) -> None:
        if "sitemap" in path:
            await site.answer(document(site.site.url, path), "application/xml")
        else:
            await ordinary(site, path)

    return habit


def pdf(*pages: str, title: str = "") -> bytes:
    """Return a PDF with these texts, a line of it for each of theirs."""
    numbers = [4 + 2 * place for place in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = {
        1: "<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for number, text in zip(numbers, pages, strict=True):
        shown = " ".join(f"({line}) Tj T*" for line in text.splitlines())
        stream = f"BT /F1 12 Tf 14 TL 40 780 Td {shown} ET"
        resources = "/Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 595 842]"
        objects[number] = f"<< /Type /Page /Parent 2 0 R {resources} /Contents {number + 1} 0 R >>"
        objects[number + 1] = f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"
    last = max(objects) + 1
    objects[last] = f"<< /Title ({title}) /Author (Ada Quill) >>"
    body, at = b"%PDF-1.4\n", {}
    for number, text in sorted(objects.items()):
        at[number] = len(body)
        body += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{at[number]:010} 00000 n \n" for number in sorted(at))
    trailer = f"trailer\n<< /Size {last + 1} /Root 1 0 R /Info {last} 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + f"xref\n0 {last + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def encrypted(document: bytes, password: str) -> bytes:
    """Return a PDF that opens with the password only."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document)))
    writer.encrypt(password, "the owner's", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


READABLE_PDF = pdf(
    "A bicycle chain is replaced in half an\nhour with a chain tool and a clean cloth.",
    "Worn sprock-\nets wear a new chain within a few hundred kilometres.",
    title="Chains in numbers",
)


@only_pages
async def fifty_megabytes(site: Connection, _path: str) -> None:
    await site.head(200, Content_Type="text/html")
    for _ in range(50 * MEGABYTE // len(_CHUNK)):
        await site.send(_CHUNK)


@only_pages
async def circle(site: Connection, path: str) -> None:
    await site.moved("/one" if path == "/two" else "/two")


@only_pages
async def further_and_further(site: Connection, path: str) -> None:
    await site.moved(f"/{len(path)}" + "x" * len(path))


async def hang(site: Connection, _path: str) -> None:
    await site.writer.wait_closed()  # the client goes first


@only_pages
async def drip(site: Connection, _path: str) -> None:
    await site.head(200, Content_Type="text/html")
    while not site.writer.is_closing():
        await site.send(b"x")
        await asyncio.sleep(1)


@only_pages
async def endless_headers(site: Connection, _path: str) -> None:
    await site.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(50_000):
        await site.send(f"X-Header-{number}: and on it goes\r\n".encode())


@only_pages
async def gibberish(site: Connection, _path: str) -> None:
    await site.send(b"\x00\x01\x02 no HTTP at all \r\n\r\n")


@only_pages
async def gzip_bomb(site: Connection, _path: str) -> None:
    await site.answer(_bomb(), "text/html", Content_Encoding="gzip")


@only_pages
async def hangs_up(site: Connection, _path: str) -> None:
    site.writer.transport.abort()


async def forbids_all(site: Connection, path: str) -> None:
    await (
        site.answer(b"User-agent: *\nDisallow: /\n", "text/plain")
        if path == "/robots.txt"
        else ordinary(site, path)
    )


async def robots_fail(site: Connection, path: str) -> None:
    await (site.head(503, Content_Length="0") if path == "/robots.txt" else ordinary(site, path))


def recovers_after(failures: int) -> Habit:
    """A site whose pages first answer 500, so many times."""
    left = count(failures, -1)

    async def habit(site: Connection, path: str) -> None:
        await (site.head(500, Content_Length="0") if next(left) > 0 else ordinary(site, path))

    return only_pages(habit)


def moves_to(target: str) -> Habit:
    """A site that moved to another host, over some stations."""

    async def habit(site: Connection, path: str) -> None:
        await site.moved({"/": "/old", "/old": "/older"}.get(path, target))

    return only_pages(habit)


@cache
def _bomb(megabytes: int = 64) -> bytes:
    with contextlib.closing(_Sink()) as sink, gzip.GzipFile(fileobj=sink, mode="wb") as packed:
        for _ in range(megabytes):
            packed.write(b"\0" * MEGABYTE)
        packed.close()
        return bytes(sink.data)


class _Sink:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None: ...
    def close(self) -> None: ...


def _urls(site: str, how_many: int) -> bytes:
    entries = "".join(f"<url><loc>{site}/page-{number}</loc></url>" for number in range(how_many))
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'.encode()


def _index(*locations: str) -> bytes:
    entries = "".join(f"<sitemap><loc>{location}</loc></sitemap>" for location in locations)
    return (
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</sitemapindex>'.encode()
    )


def _laughs(site: str, _path: str) -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    document = f'<!DOCTYPE urlset [<!ENTITY l0 "ha">{entities}]>'
    return f"<?xml version='1.0'?>{document}<urlset><url><loc>{site}/&l9;</loc></url></urlset>".encode()


NOT_UTF8 = PAGES["/"].replace("Our workshop", "Unsere Werkstätte für Fahrräder, the workshop, ")
_BROKEN_LINKS = "".join(
    f"<a href='{url}'>x</a>" for url in ("http://[bad", "http://\u2100.test/", "http://127.0.0.1:99999999/")
)
_BROKEN_DATA = (
    '<script type="application/ld+json">{"@type": "Organization", "name": "Work\\u0000shop \\ud800", '
    f'"numberOfEmployees": 1e999, "x": {"[" * 500}{"]" * 500}}}</script>'
)
MACHINE_TRAPS = (
    PAGES["/"]
    .replace("<title>The workshop for everyday bicycles</title>", _BROKEN_DATA)
    .replace("</main>", f"{_BROKEN_LINKS}</main>")
)


async def machine_traps(site: Connection, path: str) -> None:
    await (site.answer(MACHINE_TRAPS.encode()) if path == "/" else ordinary(site, path))


HABITS: dict[str, Habit] = {
    "ordinary": ordinary,
    "empty": answers(b""),
    "blank": answers(b"<html><body>   </body></html>"),
    "pdf": answers(b"%PDF-1.7\n" + bytes(range(256)) * 200, "application/pdf"),
    "pdf_called_html": answers(b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n" * 200),
    "readable_pdf": answers(READABLE_PDF, "application/pdf"),
    "readable_pdf_called_html": answers(READABLE_PDF, "text/html"),
    "owned_pdf": answers(encrypted(READABLE_PDF, ""), "application/pdf"),
    "cut_pdf": answers(READABLE_PDF[:300], "application/pdf"),
    "encrypted_pdf": answers(encrypted(READABLE_PDF, "secret"), "application/pdf"),
    "pdf_without_text": answers(pdf("", ""), "application/pdf"),
    "image": answers(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 200, "image/png"),
    "image_called_html": answers(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 200),
    "fifty_megabytes": fifty_megabytes,
    "circle": circle,
    "further_and_further": further_and_further,
    "to_a_file": only_pages(lambda site, _path: site.moved("file:///etc/passwd")),
    "hang": hang,
    "drip": drip,
    "endless_headers": endless_headers,
    "gibberish": gibberish,
    "gzip_bomb": gzip_bomb,
    "broken_gzip": answers(b"no gzip", Content_Encoding="gzip"),
    "unknown_encoding": answers(b"?", Content_Encoding="zstd-of-tomorrow"),
    "hangs_up": hangs_up,
    "forbids_all": forbids_all,
    "robots_fail": robots_fail,
    "latin1_called_utf8": answers(NOT_UTF8.encode("latin-1"), "text/html; charset=utf-8"),
    "utf8_called_latin1": answers(NOT_UTF8.encode(), "text/html; charset=iso-8859-1"),
    "unknown_charset": answers(NOT_UTF8.encode(), "text/html; charset=klingon"),
    "slow_charset": answers(NOT_UTF8.encode() * 500, "text/html; charset=punycode"),
    "machine_traps": machine_traps,
    "to_no_address": only_pages(lambda site, _path: site.moved("http://[bad")),
    "sitemap_huge": sitemap(lambda url, _path: _urls(url, 40_000)),
    "sitemap_endless": sitemap(lambda url, path: _index(f"{url}{path}x", f"{url}{path}y")),
    "sitemap_circle": sitemap(lambda url, _path: _index(f"{url}/sitemap.xml", f"{url}/sitemap-2.xml")),
    "sitemap_malformed": sitemap(lambda url, _path: _urls(url, 3)[:-40] + b"<<&"),
    "sitemap_bomb": sitemap(lambda _url, _path: _bomb()),
    "sitemap_laughs": sitemap(_laughs),
    "sitemap_elsewhere": sitemap(
        lambda _url, _path: _urls("http://[bad", 1) + _urls("http://127.0.0.1:1", 5)
    ),
}


@contextmanager
def served(habit: Habit) -> Iterator[Site]:
    """Serve one site from a thread of its own."""
    with served_all({"site": habit}) as sites:
        yield sites["site"]


@contextmanager
def served_all(habits: dict[str, Habit]) -> Iterator[dict[str, Site]]:
    """Serve sites, each at a port of its own, from one thread."""
    sites = {name: Site(habit) for name, habit in habits.items()}
    _bomb()  # packed before the first request, which has little time
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(_open(sites), loop).result(10)
    try:
        yield sites
    finally:
        asyncio.run_coroutine_threadsafe(_close(sites), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _open(sites: dict[str, Site]) -> None:
    for site in sites.values():
        site.server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
        site.url = f"http://127.0.0.1:{site.server.sockets[0].getsockname()[1]}"


async def _close(sites: dict[str, Site]) -> None:
    for site in sites.values():
        assert site.server is not None
        site.server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
