"""What can be proved of the Dockerfiles without building them; `make images-check` builds and runs them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from contracts.payloads import REQUEST_LIMIT

ROOT = Path(__file__).parents[2]
SERVICES = sorted(ROOT.glob("services/*/Dockerfile"))
ALL = [*SERVICES, ROOT / "Dockerfile"]
every_image = pytest.mark.parametrize("path", ALL, ids=[str(path.relative_to(ROOT)) for path in ALL])


def stages(path: Path) -> dict[str, list[str]]:
    """Return the instructions of each build stage, lines that go on put together."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in re.sub(r"\\\n\s*", "", path.read_text()).splitlines():
        if line.startswith("FROM "):
            name = line.rpartition(" AS ")[2]
        if name and line and not line.startswith("#"):
            found.setdefault(name, []).append(line)
    return found


def test_every_service_has_an_image() -> None:
    assert [path.parent for path in SERVICES] == sorted(
        path.parent for path in ROOT.glob("services/*/pyproject.toml")
    )


@every_image
def test_a_dockerfile_keeps_to_the_rules_of_hadolint(path: Path, run: Any) -> None:
    answer = run("hadolint", "--no-color", path)
    assert answer.returncode == 0, answer.stdout


@every_image
def test_the_base_image_can_be_chosen(path: Path) -> None:
    assert "ARG BASE_IMAGE=python:3.13-slim" in path.read_text().splitlines()
    assert [stages(path)[name][0].split()[1] for name in ("build", "files")] == ["${BASE_IMAGE}"] * 2


@every_image
def test_what_runs_is_not_root_and_holds_nothing_of_the_build(path: Path) -> None:
    parts = stages(path)
    assert list(parts)[-1] == "release"
    assert parts["release"][0] == "FROM files AS release"
    assert [line for line in parts["files"] if line.startswith("USER")] == ["USER 10001:10001"]
    assert not any(line.startswith(("USER", "RUN")) for line in parts["release"])
    copied = [line for line in parts["files"] if line.startswith("COPY --from=build")]
    assert copied == ["COPY --from=build /opt/venv /opt/venv", "COPY --from=build /app /app"]


@every_image
def test_an_image_names_itself_and_gets_signals_itself(path: Path) -> None:
    parts = stages(path)
    [label] = [line for line in parts["release"] if line.startswith("LABEL")]
    for name in ("title", "description", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in label
    [entry] = [line for line in parts["files"] if line.startswith("ENTRYPOINT")]
    assert entry.startswith('ENTRYPOINT ["python", "-m", ')


@pytest.mark.parametrize("path", SERVICES, ids=[path.parent.name for path in SERVICES])
def test_a_service_s_image_has_the_packages_that_it_stands_on_and_no_others(path: Path) -> None:
    project = tomllib.loads((path.parent / "pyproject.toml").read_text())["project"]
    libraries = [name for name in project["dependencies"] if name.startswith("blog-writer-")]
    folders = {f"libs/{name.removeprefix('blog-writer-')}" for name in libraries} | {
        f"services/{path.parent.name}"
    }
    build = stages(path)["build"]
    assert {
        line.split()[1].removesuffix("/src") for line in build if re.match(r"COPY .+/src$", line)
    } == folders
    for step in ("dependencies", "packages"):
        [line] = [line for line in build if line.startswith(f"RUN sh install.sh {step}")]
        assert set(re.findall(r"(?:libs|services)/[\w-]+", line)) == folders


@pytest.mark.parametrize("path", SERVICES, ids=[path.parent.name for path in SERVICES])
def test_a_service_s_image_checks_its_health(path: Path) -> None:
    lines = stages(path)["files"]
    [check] = [line for line in lines if line.startswith("HEALTHCHECK")]
    port = re.findall(r"\d+", check)[-1]
    assert f"EXPOSE {port}" in lines
    assert port == "8000" or any(f"BLOG_WRITER_OPERATIONS_PORT={port}" in line for line in lines)


def test_the_package_names_that_are_left_out_of_the_lock_are_ours() -> None:
    script = (ROOT / "deploy/images/install.sh").read_text()
    own = set(re.findall(r'^own="(.*)"$', script, re.MULTILINE)[0].split())
    projects = {
        tomllib.loads(path.read_text())["project"]["name"] for path in ROOT.glob("*/*/pyproject.toml")
    }
    assert own == projects


def test_the_proxy_lets_through_what_the_gateway_takes() -> None:
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    assert f"client_max_body_size {REQUEST_LIMIT // 1024}k;" in text
    ingress = (ROOT / "k8s/overlays/prod/ingress.yaml").read_text()
    assert f"proxy-body-size: {REQUEST_LIMIT // 1024}k" in ingress
