"""The five systems: what each needs to run, and how safely it keeps what it was told."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from bench.peers import install
from bench.peers.servers import Run, RunFailed, listening, logged

from blog_writer.embedded.child import free_port
from blog_writer.migrations import migrate_all

Figures = Mapping[str, float]
POSTGRES = "Postgres fsync and synchronous_commit on"


class System(NamedTuple):
    """One line of the table."""

    name: str
    version: Callable[[], str]
    measure: Callable[[Run], Figures]
    notes: str


def _load(run: Run, interpreter: str | Path, peer: str) -> Figures:
    printed = run.call([interpreter, "-m", f"bench.peers.{peer}.run"]).strip().splitlines()
    if not printed:
        raise RunFailed(f"the load driver of {peer} printed nothing")
    figures: Figures = json.loads(printed[-1])
    return figures


def blog_writer(run: Run) -> Figures:
    """Run the gateway, the orchestrator and one worker as processes of their own."""
    asyncio.run(migrate_all(run.postgres()))
    run.nats()
    port = free_port()
    settings = {
        "BLOG_WRITER_ARTICLE_STORE": (run.folder / "articles").as_uri(),
        "BLOG_WRITER_LANGUAGE_MODEL": "extractive",
        "BLOG_WRITER_MAX_CONCURRENT": run.environment["PEERS_CONCURRENT"],
        "BLOG_WRITER_STAGE_SLOTS": run.environment["PEERS_CONCURRENT"],
        "BLOG_WRITER_PORT": str(port),
        "BLOG_WRITER_LOG_LEVEL": "warning",
    }
    run.environment |= {**settings, "GATEWAY_PORT": str(port)}
    orchestrator = run.start(
        "orchestrator", [sys.executable, "-m", "orchestrator"], BLOG_WRITER_LOG_LEVEL="info"
    )
    run.wait(orchestrator, lambda: logged(run.folder, "orchestrator", "orchestrator_ready"))
    worker = run.start(
        "worker", [sys.executable, "-m", "bench.peers.blog_writer.worker"], BLOG_WRITER_LOG_LEVEL="info"
    )
    run.wait(worker, lambda: logged(run.folder, "worker", "stage_workers_ready"))
    gateway = run.start("gateway", [sys.executable, "-m", "gateway"])
    run.wait(gateway, lambda: listening(port))
    return _load(run, sys.executable, "blog_writer")


def dbos(run: Run) -> Figures:
    """Run workflows inside the client process, DBOS's own way."""
    interpreter = install.python("dbos")
    run.postgres()
    return _load(run, interpreter, "dbos")


def procrastinate(run: Run) -> Figures:
    """Run a client and one worker."""
    interpreter = install.python("procrastinate")
    run.postgres()
    run.call(
        [interpreter, "-m", "procrastinate", "--app=bench.peers.procrastinate.tasks.app", "schema", "--apply"]
    )
    run.start("worker", [interpreter, "-m", "bench.peers.procrastinate.worker"])
    return _load(run, interpreter, "procrastinate")


def celery(run: Run) -> Figures:
    """Run a client, a worker of two processes, and Redis."""
    interpreter, port = install.python("celery"), free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(run.folder), "--save", ""]
    durable = ["--appendonly", "yes", "--appendfsync", "always"]
    redis = run.start("redis", [install.redis_server(), *options, *durable])
    run.wait(redis, lambda: listening(port))
    run.environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    pool = [
        "--concurrency=2",
        "--loglevel=INFO",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    worker = run.start(
        "worker", [interpreter, "-m", "celery", "-A", "bench.peers.celery.tasks", "worker", *pool]
    )
    run.wait(worker, lambda: logged(run.folder, "worker", " ready."))
    return _load(run, interpreter, "celery")


def restate(run: Run) -> Figures:
    """Run the Restate server and one worker process that serves the handlers."""
    interpreter, server = install.python("restate"), install.restate_server()
    admin, ingress, node, worker_port = (free_port() for _ in range(4))
    run.environment |= {
        "PEERS_ADMIN": str(admin), "PEERS_INGRESS": str(ingress), "PEERS_WORKER": str(worker_port),
    }  # fmt: skip
    settings = {
        "RESTATE_LISTEN_MODE": "tcp", "RESTATE_BIND_IP": "127.0.0.1", "RESTATE_BIND_PORT": str(node),
        "RESTATE_ADVERTISED_HOST": "127.0.0.1", "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_ADMIN__BIND_PORT": str(admin), "RESTATE_INGRESS__BIND_PORT": str(ingress),
    }  # fmt: skip
    broker = run.start("restate", [server, "--no-logo", "--base-dir", run.folder / "restate"], **settings)
    serve = ["-m", "hypercorn", "--bind", f"127.0.0.1:{worker_port}", "bench.peers.restate.worker:app"]
    worker = run.start("worker", [interpreter, *serve])
    run.wait(worker, lambda: listening(worker_port))
    run.wait(broker, lambda: listening(admin) and listening(ingress))
    return _load(run, interpreter, "restate")


def _of(peer: str, package: str = "") -> Callable[[], str]:
    return lambda: install.version(peer, package or peer)


SYSTEMS = (
    System(
        "blog-writer", lambda: version("blog-writer"), blog_writer, f"NATS sync_interval always; {POSTGRES}"
    ),
    System("DBOS", _of("dbos"), dbos, POSTGRES),
    System("Procrastinate", _of("procrastinate"), procrastinate, f"{POSTGRES}; steps in a chain"),
    System("Celery + Redis", _of("celery"), celery, "AOF appendfsync always, acks_late; steps in a chain"),
    System(
        "Restate", _of("restate", "restate-sdk"), restate, "RocksDB write-ahead log with fsync (its default)"
    ),
)
