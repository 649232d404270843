"""The tools of deploy/tools.py, and what the overlays come to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import tools

ROOT = Path(__file__).parents[2]
OVERLAYS = ("dev", "prod")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Find a program, or skip the test; in CI, and by `make deploy-check`, it must be there."""

    def find(name: str) -> str:
        try:
            return str(tools.find(name))
        except tools.ToolMissing as error:
            if os.environ.get("CI") or os.environ.get("DEPLOY_CHECK"):
                raise
            pytest.skip(str(error))

    return find


@pytest.fixture(scope="session")
def run(tool: Callable[[str], str]) -> Run:
    """Run one of the tools from the root of the repository."""

    def call(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tool(name), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    return call


@pytest.fixture(scope="session")
def rendered(run: Run) -> dict[str, str]:
    """What kubectl makes of each overlay."""
    texts = {}
    for overlay in OVERLAYS:
        answer = run("kubectl", "kustomize", f"k8s/overlays/{overlay}")
        assert answer.returncode == 0, answer.stderr
        texts[overlay] = answer.stdout
    return texts


@pytest.fixture(scope="session")
def manifests(rendered: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    return {overlay: list(yaml.safe_load_all(text)) for overlay, text in rendered.items()}
