"""What can be proved of docker-compose.yml without a container engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("blog-writer/")}


def test_the_file_keeps_to_the_schema_of_compose(run: Any) -> None:
    answer = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert answer.returncode == 0, answer.stdout


def test_every_image_is_built_here_or_has_a_version() -> None:
    assert len(OURS) == 6
    for name, each in SERVICES.items():
        assert re.search(r":v?\d+\.\d+", each["image"]), name
        build = each.get("build", {})
        assert bool(build) is (name in OURS), name
        if build:
            assert (ROOT / build["context"] / build.get("dockerfile", "Dockerfile")).exists()


def test_what_is_mounted_exists() -> None:
    for name, each in SERVICES.items():
        for volume in each.get("volumes", []):
            source = volume.split(":")[0]
            there = (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            assert there, f"{name}: {source}"


def test_nobody_waits_for_what_never_comes() -> None:
    """A condition of health needs a check, one of completion a service that ends."""
    for name, each in SERVICES.items():
        awaited = each.get("depends_on", {})
        assert set(awaited) <= set(SERVICES), name
        for other, how in awaited.items() if isinstance(awaited, dict) else ():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
            assert how["condition"] != "service_completed_successfully" or "restart" not in SERVICES[other]


def test_the_services_start_after_their_tables_and_streams_can_be() -> None:
    for name in ("gateway", "orchestrator", "notifier"):
        assert SERVICES[name]["depends_on"]["migrations"]["condition"] == "service_completed_successfully"
    for name in ("gateway", "orchestrator", "stage-workers", "notifier"):
        assert SERVICES[name]["depends_on"]["nats"]["condition"] == "service_healthy"


def test_our_containers_can_write_nothing_and_gain_no_rights() -> None:
    for name, each in OURS.items():
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in each["security_opt"]


def test_only_the_proxy_is_published_beyond_this_machine() -> None:
    for name, each in SERVICES.items():
        for port in each.get("ports", []):
            assert port.startswith("127.0.0.1:") or name == "proxy"
    assert SERVICES["proxy"]["ports"] == ["${PROXY_ADDRESS:-127.0.0.1:8000}:8080"]


def test_several_gateways_stand_behind_the_proxy() -> None:
    assert SERVICES["gateway"]["deploy"]["replicas"] > 1
    assert "ports" not in SERVICES["gateway"]
