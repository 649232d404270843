"""Real servers for every test that asks for one: one Postgres for the session, a fresh database or broker per test."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from blog_writer.embedded.nats import NatsServer
from blog_writer.embedded.postgres import PostgresServer

os.environ.pop("GOOGLE_API_KEY", None)  # it would choose the writer of every worker that a test starts


# How long an example takes says nothing on a machine that is busy with other tests.
settings.register_profile(
    "busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One Postgres for all tests."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres") / "data")
    server.start()
    server.wait()
    yield server
    server.stop()


def _administer(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(postgres_server.url, f"CREATE DATABASE {name}")
    yield postgres_server.url.rpartition("/")[0] + f"/{name}"
    _administer(postgres_server.url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A fresh broker with an empty store."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    server.wait()
    yield server
    server.stop()


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """The address of a fresh broker."""
    return nats_server.url


@pytest.fixture(scope="session")
def hostile() -> Any:
    """The module of sites that misbehave."""
    return _module("hostile_site")


@pytest.fixture(scope="session")
def rest() -> Any:
    """The module of a PostgREST."""
    return _module("postgrest")


def _module(name: str) -> Any:
    """Return a module beside this file, which is in no package."""
    path = Path(__file__).with_name(f"{name}.py")
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests reach no network: what they need is handed in."""
    if "unit" not in Path(request.node.path).parts:
        return

    def refuse(*_args: Any, **_options: Any) -> None:
        raise AssertionError("a unit test opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
