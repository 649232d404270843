"""The Tiltfile is run with stand-ins for Tilt's functions; what it declares has to fit the dev overlay."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import tools

ROOT = Path(__file__).parents[2]
SERVICES = {path.parent.name for path in ROOT.glob("services/*/Dockerfile")}


class Declared:
    """What the Tiltfile says."""

    def __init__(self, calls: list[tuple[str, dict[str, Any]]]) -> None:
        self.calls = calls

    def all(self, function: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == function]

    def resources(self) -> dict[str, dict[str, Any]]:
        return {each["workload"]: each for each in self.all("k8s_resource")}

    def images(self) -> dict[str, dict[str, Any]]:
        return {each["ref"]: each for each in self.all("docker_build_with_restart")}

    def manifests(self) -> list[dict[str, Any]]:
        return [each for text in self.all("k8s_yaml") for each in yaml.safe_load_all(text["yaml"])]


@pytest.fixture(scope="module")
def declared(tool: Callable[[str], str]) -> Declared:
    python = Path(tool("kubernetes-validate")).with_name("python")
    if not python.is_relative_to(tools.FOLDER):
        pytest.skip("starlark is not installed: run 'make deploy-tools'")
    command = [python, ROOT / "deploy/tiltfile.py", ROOT / "Tiltfile", tool("kubectl")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    return Declared([(name, arguments) for name, arguments in json.loads(answer.stdout)])


def test_every_service_has_an_image_that_is_updated_in_place(declared: Declared) -> None:
    assert set(declared.images()) == {f"blog-writer/{name}" for name in SERVICES}
    for image in declared.images().values():
        assert image["target"] == "development"
        assert f"AS {image['target']}" in (ROOT / image["dockerfile"]).read_text()


def test_a_service_s_code_is_updated_where_its_image_has_it(declared: Declared) -> None:
    for image in declared.images().values():
        synced = [step for step in image["live_update"] if step["step"] == "sync"]
        assert len(synced) == 3
        for step in synced:
            assert (ROOT / step["local_path"] / "__init__.py").exists(), step
            assert step["remote_path"] == f"/app/{Path(step['local_path']).name}"
            assert any(step["local_path"].startswith(path) for path in image["only"])
        assert image["entrypoint"] == ["python", "-m", Path(synced[-1]["local_path"]).name]


def test_what_is_installed_makes_a_new_image(declared: Declared) -> None:
    for image in declared.images().values():
        first, *_ = image["live_update"]
        assert first["step"] == "fall_back_on"
        assert {"requirements.lock", image["dockerfile"]} <= set(first["files"])


def test_an_image_is_built_from_files_that_exist_and_may_be_sent(declared: Declared) -> None:
    for image in [*declared.images().values(), *declared.all("docker_build")]:
        assert [path for path in image["only"] if not (ROOT / path).exists()] == []


def test_every_image_of_the_overlay_that_has_no_server_is_built(declared: Declared) -> None:
    built = {*declared.images(), *(each["ref"] for each in declared.all("docker_build"))}
    used = {
        container["image"].rpartition(":")[0]
        for each in declared.manifests()
        if each["kind"] in {"Deployment", "Job"}
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    assert {image for image in used if image.startswith("blog-writer/")} == built


def test_every_workload_is_a_labelled_resource_and_nothing_else_is(declared: Declared) -> None:
    workloads = {
        each["metadata"]["name"]
        for each in declared.manifests()
        if each["kind"] in {"Deployment", "StatefulSet", "Job"}
    }
    assert set(declared.resources()) == workloads
    assert [name for name, each in declared.resources().items() if not each.get("labels")] == []


def test_what_a_resource_waits_for_is_a_resource(declared: Declared) -> None:
    local = {each["name"]: each for each in declared.all("local_resource")}
    known = {*declared.resources(), *local}
    for each in [*declared.resources().values(), *local.values()]:
        assert set(each.get("resource_deps", [])) <= known
    for service in ("gateway", "orchestrator", "notifier"):
        assert "migrations" in declared.resources()[service]["resource_deps"]


def test_there_are_buttons_that_wait_to_be_pressed(declared: Declared) -> None:
    buttons = {each["name"]: each for each in declared.all("local_resource")}
    assert set(buttons) == {"demo", "test"}
    for each in buttons.values():
        assert each["auto_init"] is False
        assert each["trigger_mode"] == "manual"


def test_what_a_developer_looks_at_is_a_link_away(declared: Declared) -> None:
    forwarded = [
        forward.split(":")[0]
        for each in declared.resources().values()
        for forward in (
            [each["port_forwards"]]
            if isinstance(each.get("port_forwards"), str)
            else each.get("port_forwards", [])
        )
    ]
    assert len(set(forwarded)) == len(forwarded)
    assert {"8000", "3000", "8222", "9090"} <= set(forwarded)


def test_the_tiltfile_stays_short() -> None:
    assert len((ROOT / "Tiltfile").read_text().splitlines()) < 100
