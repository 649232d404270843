"""Runs the Tiltfile without Tilt, and prints what it declares as JSON: a list of ``[function, arguments]``.

The functions stand in for Tilt's with the parameters that its API reference names, so a misspelt one is an error, and
``kustomize`` really asks kubectl. Runs in the environment of ``deploy/tools.txt``: ``python deploy/tiltfile.py Tiltfile kubectl``.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import starlark

PARAMETERS = {
    "allow_k8s_contexts": "contexts",
    "docker_build": "ref context build_args dockerfile dockerfile_contents live_update match_in_env_vars ignore only"
    " entrypoint target ssh network secret extra_tag container_args cache_from pull platform extra_hosts",
    "k8s_resource": "workload new_name port_forwards extra_pod_selectors trigger_mode resource_deps objects auto_init"
    " pod_readiness links labels discovery_strategy",
    "k8s_yaml": "yaml allow_duplicates",
    "local_resource": "name cmd deps trigger_mode resource_deps ignore auto_init serve_cmd cmd_bat serve_cmd_bat"
    " allow_parallel links labels env serve_env readiness_probe dir serve_dir",
    "link": "url name",
    "sync": "local_path remote_path",
    "run": "cmd trigger echo_off",
    "fall_back_on": "files",
}
"""Tilt's functions that the Tiltfile may call, with their parameters in order."""
EXTENSIONS = {
    "docker_build_with_restart": "ref context entrypoint live_update base_suffix restart_file trigger exit_policy "
    + PARAMETERS["docker_build"].removeprefix("ref context ")
}
"""What ``load('ext://…')`` brings."""
STEPS = {"link", "sync", "run", "fall_back_on"}
"""Functions whose value is an argument of another one."""


def declarations(tiltfile: Path, kubectl: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls that a Tiltfile makes, in order. Raises what Starlark, kubectl and wrong arguments raise."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def recorder(name: str, parameters: str) -> Callable[..., Any]:
        names = dict.fromkeys(parameters.split())
        signature = inspect.Signature(
            [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for each in names]
        )

        def record(*given: Any, **named: Any) -> Any:
            arguments = signature.bind(*given, **named).arguments
            if name in STEPS:
                return {"step": name, **arguments}
            calls.append((name, arguments))
            return None

        return record

    def kustomize(path: str) -> str:
        command = [kubectl, "kustomize", str(tiltfile.parent / path)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout  # noqa: S603  ours

    def load(_path: str) -> starlark.FrozenModule:
        module = starlark.Module()
        for name, parameters in EXTENSIONS.items():
            module.add_callable(name, recorder(name, parameters))
        return module.freeze()

    module = starlark.Module()
    for name, parameters in PARAMETERS.items():
        module.add_callable(name, recorder(name, parameters))
    module.add_callable("kustomize", kustomize)
    module["TRIGGER_MODE_MANUAL"] = "manual"
    dialect = starlark.Dialect.extended()
    dialect.enable_top_level_stmt = True
    tree = starlark.parse(tiltfile.name, tiltfile.read_text(), dialect=dialect)
    starlark.eval(module, tree, starlark.Globals.standard(), starlark.FileLoader(load))
    return calls


if __name__ == "__main__":
    json.dump(declarations(Path(sys.argv[1]).absolute(), sys.argv[2]), sys.stdout)
