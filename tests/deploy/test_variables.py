"""Every variable in a deployment file is one that its service reads, and every setting can be found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import variables

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OF_COMPOSE = {"POSTGRES_PASSWORD", "PROXY_ADDRESS", "SEARXNG_SECRET", "GRAFANA_PASSWORD", "METRICS_KEY"}
"""Read by docker-compose.yml alone, for servers that are not ours."""
LEFT_OUT = {
    "gateway": {"BLOG_WRITER_DB_PATH"},
    "orchestrator": set(),
    "stage-workers": set(),
    "notifier": set(),
}
"""A folder of the embedded database means nothing in a container."""


def env_names(text: str) -> list[str]:
    """Return the variables of an environment file, those behind a # included."""
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)


def values(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_example_lists_every_setting_once_and_no_other() -> None:
    names = env_names((ROOT / ".env.example").read_text())
    assert sorted(names) == sorted(variables.everything() | OF_COMPOSE)


def test_the_example_explains_every_variable() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if env_names(line):
            above = next(each for each in reversed(lines[:number]) if not env_names(each))
            assert re.match(r"# \S", above), line


@pytest.mark.parametrize("service", variables.SERVICES)
def test_compose_gives_a_service_its_variables_and_no_others(service: str) -> None:
    given = set(COMPOSE["services"][service]["environment"])
    assert given == variables.of_service(service) - LEFT_OUT[service]


def test_compose_gives_operators_what_the_command_line_reads() -> None:
    for name in ("migrations", "operator"):
        assert set(COMPOSE["services"][name]["environment"]) <= variables.of_operators()


def test_compose_asks_for_no_variable_that_the_example_does_not_explain() -> None:
    asked = re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text())
    assert set(asked) - set(env_names((ROOT / ".env.example").read_text())) == set()


@pytest.mark.parametrize("path", sorted(ROOT.glob("k8s/**/settings.env")), ids=lambda path: path.parent.name)
def test_the_settings_of_kubernetes_are_settings(path: Path) -> None:
    known = set().union(*map(variables.of_service, variables.SERVICES))
    assert set(values(path)) - known == set()


@pytest.mark.parametrize("overlay", ["dev", "prod"])
@pytest.mark.parametrize("service", variables.SERVICES)
def test_a_service_in_kubernetes_is_given_what_it_cannot_start_without(service: str, overlay: str) -> None:
    folder = ROOT / "k8s/overlays" / overlay
    [secrets] = folder.glob(f"secrets/{service}.env*")
    secret = set(env_names(secrets.read_text()))
    public = set(values(ROOT / "k8s/base/settings.env")) | set(values(folder / "settings.env"))
    assert secret - variables.of_service(service) == set()
    assert secret & public == set()
    assert variables.required(service) <= secret | public


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_no_secret_stands_among_the_settings(overlay: str) -> None:
    named = set(values(ROOT / "k8s/base/settings.env")) | set(
        values(ROOT / "k8s/overlays" / overlay / "settings.env")
    )
    assert [name for name in named if re.search(r"KEY|SECRET|PASSWORD|DATABASE_URL|NATS_URL", name)] == []


def test_what_is_for_production_holds_no_secret() -> None:
    for path in ROOT.glob("k8s/overlays/prod/secrets/*"):
        assert path.name.endswith(".env.example")
        assert {value for value in values(path).values() if value and "PASSWORD" not in value} == set(), (
            path.name
        )
