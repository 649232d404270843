"""What can be proved of the manifests without a cluster: their schema, and that they fit one another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts import streams
from contracts.stages import StageId
from deploy import variables
from stage_workers.settings import Settings as WorkerSettings
from stage_workers.settings import chosen_stages

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(__file__).with_name("schemas")
VERSION = "1.32.0"
OURS = {f"blog-writer/{name}" for name in (*variables.SERVICES, "operator")}
Manifest = dict[str, Any]
overlays = pytest.mark.parametrize("overlay", ["dev", "prod"])


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] in kinds]


def named(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests}


def workloads(manifests: list[Manifest]) -> list[Manifest]:
    return of_kind(manifests, "Deployment", "StatefulSet", "Job")


def pod(workload: Manifest) -> Manifest:
    template: Manifest = workload["spec"]["template"]
    return template


def container(workload: Manifest) -> Manifest:
    [only] = pod(workload)["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector takes something with these labels."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(
        (labels.get(each["key"]) in each["values"]) is (each["operator"] == "In")
        for each in selector.get("matchExpressions", [])
    )


def selected(manifests: list[Manifest], selector: Manifest) -> set[str]:
    return {
        each["metadata"]["name"]
        for each in workloads(manifests)
        if selects(selector, pod(each)["metadata"]["labels"])
    }


# Schemas.


@overlays
def test_every_manifest_keeps_to_its_schema(
    overlay: str, rendered: dict[str, str], run: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "manifests.yaml"
    path.write_text(rendered[overlay])
    answer = run("kubernetes-validate", "--strict", "--kubernetes-version", VERSION, path)
    wrong = [line for line in answer.stdout.splitlines() if not line.startswith("INFO")]
    assert [line for line in wrong if "find schema for kind ScaledObject" not in line] == []
    assert answer.returncode == 0, answer.stderr


def test_scaled_objects_keep_to_the_schema_of_keda(
    manifests: dict[str, list[Manifest]], run: Callable[..., Any], tmp_path: Path
) -> None:
    found = of_kind(manifests["prod"], "ScaledObject")
    assert len(found) == 3
    paths = [tmp_path / f"{manifest['metadata']['name']}.json" for manifest in found]
    for path, manifest in zip(paths, found, strict=True):
        path.write_text(json.dumps(manifest))
    answer = run("check-jsonschema", "--schemafile", SCHEMAS / "scaledobject.json", *paths)
    assert answer.returncode == 0, answer.stdout


# Names that lead somewhere.


@overlays
def test_a_workload_selects_its_own_pods_and_no_others(
    overlay: str, manifests: dict[str, list[Manifest]]
) -> None:
    for each in of_kind(manifests[overlay], "Deployment", "StatefulSet"):
        assert selected(manifests[overlay], each["spec"]["selector"]) == {each["metadata"]["name"]}


@overlays
def test_a_service_leads_to_ports_of_its_pods(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    for each in of_kind(manifests[overlay], "Service"):
        targets = selected(manifests[overlay], {"matchLabels": each["spec"]["selector"]})
        assert targets, each["metadata"]["name"]
        for target in targets:
            ports = container(named(workloads(manifests[overlay]))[target])["ports"]
            known = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
            assert {port.get("targetPort", port["port"]) for port in each["spec"]["ports"]} <= known


@overlays
def test_a_disruption_budget_is_for_one_deployment_and_each_has_one(
    overlay: str, manifests: dict[str, list[Manifest]]
) -> None:
    budgets = of_kind(manifests[overlay], "PodDisruptionBudget")
    covered = [selected(manifests[overlay], each["spec"]["selector"]) for each in budgets]
    ours = {
        each["metadata"]["name"]
        for each in of_kind(manifests[overlay], "Deployment")
        if container(each)["image"].rpartition(":")[0].endswith(tuple(OURS))
    }
    assert sorted(covered, key=str) == sorted(({name} for name in ours), key=str)


@overlays
def test_a_network_policy_is_about_some_pod(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    policies = of_kind(manifests[overlay], "NetworkPolicy")
    for each in policies:
        assert selected(manifests[overlay], each["spec"]["podSelector"]), each["metadata"]["name"]
    assert len(named(policies)) == len(policies)


@overlays
def test_what_a_pod_mounts_or_reads_is_there(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    there = {(each["kind"], each["metadata"]["name"]) for each in manifests[overlay]}
    if overlay == "prod":
        there |= {
            ("Secret", path.name.split(".")[0]) for path in (ROOT / "k8s/overlays/prod/secrets").iterdir()
        }
    for each in workloads(manifests[overlay]):
        assert set(references(each)) - there == set(), each["metadata"]["name"]


def references(workload: Manifest) -> Iterator[tuple[str, str]]:
    spec = pod(workload)["spec"]
    for source in container(workload).get("envFrom", []):
        for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if key in source:
                yield kind, source[key]["name"]
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    if "serviceAccountName" in spec:
        yield "ServiceAccount", spec["serviceAccountName"]


def test_requests_from_outside_end_at_the_gateway(manifests: dict[str, list[Manifest]]) -> None:
    [ingress] = of_kind(manifests["prod"], "Ingress")
    services = named(of_kind(manifests["prod"], "Service"))
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            target = path["backend"]["service"]
            assert target["port"]["name"] in {
                port["name"] for port in services[target["name"]]["spec"]["ports"]
            }
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"


# Scaling.


def test_what_is_scaled_exists_and_nobody_else_counts_its_replicas(
    manifests: dict[str, list[Manifest]],
) -> None:
    deployments = named(of_kind(manifests["prod"], "Deployment"))
    scaled = of_kind(manifests["prod"], "HorizontalPodAutoscaler", "ScaledObject")
    targets = {each["spec"]["scaleTargetRef"]["name"] for each in scaled}
    assert targets == {name for name, each in deployments.items() if "replicas" not in each["spec"]}
    assert targets == {name for name in deployments if name == "gateway" or name.startswith("stage-workers-")}


def groups(manifests: list[Manifest]) -> dict[str, tuple[StageId, ...]]:
    """Return the stages of each Deployment of workers, by its name."""
    found = {}
    for name, each in named(of_kind(manifests, "Deployment")).items():
        values = {entry["name"]: entry["value"] for entry in container(each).get("env", [])}
        if "BLOG_WRITER_STAGES" in values:
            found[name] = chosen_stages(tuple(values["BLOG_WRITER_STAGES"].split(",")))
    return found


@overlays
def test_every_stage_has_one_group_of_workers(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    found = groups(manifests[overlay])
    assert sorted(found) == ["stage-workers-cpu", "stage-workers-io", "stage-workers-model"]
    assert sorted(stage for stages in found.values() for stage in stages) == sorted(StageId)


def test_workers_are_scaled_by_the_consumers_of_their_stages(manifests: dict[str, list[Manifest]]) -> None:
    stages = groups(manifests["prod"])
    for each in of_kind(manifests["prod"], "ScaledObject"):
        triggers = [trigger["metadata"] for trigger in each["spec"]["triggers"]]
        wanted = {streams.stage_durable(stage) for stage in stages[each["spec"]["scaleTargetRef"]["name"]]}
        assert {trigger["consumer"] for trigger in triggers} == wanted
        assert {trigger["stream"] for trigger in triggers} == {streams.STAGES.name}


# Pods.


@overlays
def test_every_image_is_ours_or_has_a_version(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    for each in workloads(manifests[overlay]):
        name, _, tag = container(each)["image"].rpartition(":")
        assert re.match(r"v?\d+\.\d+", tag), container(each)["image"]
        if not name.endswith(tuple(OURS)):
            assert overlay == "dev"
    used = {container(each)["image"].rpartition(":")[0] for each in workloads(manifests[overlay])}
    assert {name for name in OURS if any(image.endswith(name) for image in used)} == OURS


@overlays
def test_every_pod_keeps_to_the_standard_restricted(
    overlay: str, manifests: dict[str, list[Manifest]]
) -> None:
    [namespace] = of_kind(manifests[overlay], "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for each in workloads(manifests[overlay]):
        whole, own = pod(each)["spec"]["securityContext"], container(each)["securityContext"]
        assert whole["runAsNonRoot"], each["metadata"]["name"]
        assert whole["runAsUser"] > 0
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert {"hostNetwork", "hostPID", "hostIPC"} & set(pod(each)["spec"]) == set()
        assert all("hostPath" not in volume for volume in pod(each)["spec"].get("volumes", []))


def test_in_production_no_pod_can_write_to_its_root(manifests: dict[str, list[Manifest]]) -> None:
    for each in workloads(manifests["prod"]):
        assert container(each)["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod(each)["spec"]["automountServiceAccountToken"] is False


@overlays
def test_every_pod_says_what_it_needs_and_every_server_is_probed(
    overlay: str, manifests: dict[str, list[Manifest]]
) -> None:
    for each in workloads(manifests[overlay]):
        assert {"requests", "limits"} == set(container(each)["resources"]), each["metadata"]["name"]
        if each["kind"] != "Job":
            assert "readinessProbe" in container(each)


@overlays
def test_probes_ask_ports_where_a_service_listens(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    settings = next(
        each["data"]
        for each in of_kind(manifests[overlay], "ConfigMap")
        if each["metadata"]["name"].startswith("settings")
    )
    for each in of_kind(manifests[overlay], "Deployment"):
        service = pod(each)["metadata"]["labels"].get("app.kubernetes.io/component", each["metadata"]["name"])
        if service in variables.SERVICES:
            variable = "BLOG_WRITER_PORT" if service == "gateway" else "BLOG_WRITER_OPERATIONS_PORT"
            [port] = container(each)["ports"]
            assert port["containerPort"] == int(settings[variable])
            probes = [container(each)[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
            asked = [probe["httpGet"]["port"] for probe in probes if "httpGet" in probe]
            assert asked == [port["name"]] * len(asked)
            assert [probe["exec"]["command"][-1] for probe in probes if "exec" in probe] == ["8000"] * (
                3 - len(asked)
            )
            assert bool(asked) is (settings["BLOG_WRITER_HOST"] == "0.0.0.0" or service != "gateway")


@overlays
def test_a_stopped_worker_has_its_time(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    """6 s for stages that ignore their cancellation, 10 s for the process to end."""
    drain = WorkerSettings(nats_url="", article_store="").drain_seconds
    for name in groups(manifests[overlay]):
        worker = named(of_kind(manifests[overlay], "Deployment"))[name]
        assert pod(worker)["spec"]["terminationGracePeriodSeconds"] > drain + 6 + 10


# Who reaches what.


def reaching(manifests: list[Manifest], allows: Callable[[Manifest], bool]) -> set[str]:
    """Return the workloads that some policy lets out by a rule that ``allows`` accepts."""
    found: set[str] = set()
    for each in of_kind(manifests, "NetworkPolicy"):
        if any(allows(rule) for rule in each["spec"].get("egress", [])):
            found |= selected(manifests, each["spec"]["podSelector"])
    return found


def to_port(number: int) -> Callable[[Manifest], bool]:
    return lambda rule: number in {port["port"] for port in rule.get("ports", [])}


def to_the_internet(rule: Manifest) -> bool:
    return any(peer.get("ipBlock", {}).get("cidr") in {"0.0.0.0/0", "::/0"} for peer in rule.get("to", []))


@overlays
def test_nothing_goes_in_or_out_that_no_policy_names(
    overlay: str, manifests: dict[str, list[Manifest]]
) -> None:
    closed = named(of_kind(manifests[overlay], "NetworkPolicy"))["nothing-else"]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@overlays
def test_only_workers_and_the_notifier_reach_the_internet(
    overlay: str, manifests: dict[str, list[Manifest]]
) -> None:
    wanted = {"notifier", *groups(manifests[overlay])}
    assert reaching(manifests[overlay], to_the_internet) == wanted


@overlays
def test_whoever_reaches_the_internet_does_not_reach_private_networks_by_it(
    overlay: str, manifests: dict[str, list[Manifest]]
) -> None:
    for each in of_kind(manifests[overlay], "NetworkPolicy"):
        for rule in each["spec"].get("egress", []):
            if to_the_internet(rule):
                blocks = [peer["ipBlock"] for peer in rule["to"]]
                closed = {network for block in blocks for network in block["except"]}
                assert {
                    "10.0.0.0/8",
                    "172.16.0.0/12",
                    "192.168.0.0/16",
                    "169.254.0.0/16",
                    "fc00::/7",
                } <= closed


@overlays
def test_only_owners_of_rows_reach_postgres(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    owners = {"gateway", "orchestrator", "notifier", "migrations"}
    assert reaching(manifests[overlay], to_port(5432)) == owners


@overlays
def test_all_services_reach_nats(overlay: str, manifests: dict[str, list[Manifest]]) -> None:
    services = {"gateway", "orchestrator", "notifier", *groups(manifests[overlay])}
    assert services <= reaching(manifests[overlay], to_port(4222))
