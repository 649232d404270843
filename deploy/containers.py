"""Podman: images built, containers run without rights on a network of their own, all of it removed at the end."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy import tools

FOLDER = tools.FOLDER / "containers"
ENGINE = """
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
[network]
network_backend="netavark"
[containers]
default_ulimits=["nofile=20000:20000","nproc=32768:32768"]
"""
"""For machines without systemd and with both kinds of cgroups."""
HARDENED = (
    "--pull=never",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
"""What the manifests ask for, in podman's words."""
SECONDS = 900.0


class PodmanFailed(Exception):
    """What podman says of a command that failed."""


def podman(*arguments: str | Path, check: bool = True) -> str:
    """Run podman; return what it prints, on stderr too. Raises PodmanFailed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    configuration = FOLDER / "containers.conf"
    configuration.write_text(ENGINE)
    answer = subprocess.run(  # noqa: S603  our own words
        [tools.find("podman"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if not check else subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "CONTAINERS_CONF": str(configuration)},
        cwd=tools.ROOT,
    )
    if check and answer.returncode:
        raise PodmanFailed(f"podman {' '.join(map(str, arguments[:3]))}: {answer.stderr.strip()[-2000:]}")
    return answer.stdout.strip()


class Containers:
    """Containers on one network, known by short names."""

    def __init__(self, network: str) -> None:
        self.network = network
        self.names: list[str] = []

    def called(self, name: str) -> str:
        """Return podman's name of a container, volume or the like."""
        return f"{self.network}-{name}"

    def start(
        self,
        name: str,
        image: str,
        *command: str,
        inside: str | None = None,
        options: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        """Start a container; ``inside`` names one whose network interface it shares."""
        network = (
            (f"--network=container:{self.called(inside)}",)
            if inside
            else (f"--network={self.network}", f"--network-alias={name}")
        )
        values = [f"--env={key}={value}" for key, value in (environment or {}).items()]
        self.names.append(name)
        place = ("run", "--detach", f"--name={self.called(name)}", *network)
        podman(*place, *HARDENED, *options, *values, image, *command)

    def once(self, image: str, *command: str, environment: dict[str, str]) -> str:
        """Run a container to its end; return what it printed."""
        values = [f"--env={key}={value}" for key, value in environment.items()]
        return podman("run", "--rm", f"--network={self.network}", *HARDENED, *values, image, *command)

    def inside(self, name: str, *command: str) -> str:
        """Run a command in a container; return what it printed, whether it failed or not."""
        return podman("exec", self.called(name), *command, check=False)

    def logs(self, name: str) -> str:
        """Return what a container has written so far."""
        return podman("logs", self.called(name), check=False)

    def healthy(self, name: str) -> bool:
        """Ask a container by its image's own health check."""
        return podman("healthcheck", "run", self.called(name), check=False) == ""

    def stop(self, name: str, seconds: int) -> int:
        """Send SIGTERM, kill after ``seconds``; return the exit code."""
        podman("stop", f"--time={seconds}", self.called(name))
        return int(podman("inspect", "--format={{.State.ExitCode}}", self.called(name)))


@contextmanager
def containers() -> Iterator[Containers]:
    """Give a network, and remove it with all that is on it; show the last words of all when something fails."""
    made = Containers(f"blog-writer-{secrets.token_hex(4)}")
    podman("network", "create", made.network)
    try:
        yield made
    except Exception:
        for name in made.names:
            print(f"--- {name}\n{podman('logs', '--tail=15', made.called(name), check=False)}")
        raise
    finally:
        for name in reversed(made.names):
            podman("rm", "--force", "--volumes", "--time=5", made.called(name), check=False)
        podman("volume", "rm", "--force", made.called("articles"), check=False)
        podman("network", "rm", "--force", made.network, check=False)
