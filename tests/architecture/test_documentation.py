"""What the documents list is what the code has, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

import gateway.settings
import notifier.settings
import orchestrator.settings
import stage_workers.settings
from blog_writer.settings import UpSettings
from chassis.clock import FrozenClock
from chassis.settings import variables
from contracts import streams
from contracts.dead_letters import DeadLetterCode
from contracts.events import Event, JobEvent
from contracts.jobs import ArticleRequest
from contracts.stages import StageId
from gateway import problems
from gateway.access import Access, Door
from gateway.app import create_app
from gateway.feed import Feed
from gateway.notifier import Notifier
from orchestrator.pipeline import PIPELINES, latest_version

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/*/README.md"))
)
SOURCES = [path for folder in ("src", "libs", "services") for path in sorted((ROOT / folder).rglob("*.py"))]
SETTINGS: dict[str, type[msgspec.Struct]] = {
    "gateway": gateway.settings.Settings,
    "notifier": notifier.settings.Settings,
    "orchestrator": orchestrator.settings.Settings,
    "stage-workers": stage_workers.settings.Settings,
}
VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")
CODE = re.compile(r"`(\w+)`")


def read(name: str) -> str:
    return (ROOT / name).read_text()


def section(text: str, heading: str) -> str:
    """Return the part under a heading, up to the next one of the same level."""
    level = heading.split(" ", maxsplit=1)[0]
    found = re.search(
        rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"there is no {heading}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the first Markdown table, without its head."""
    table = re.search(r"^\|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    lines = table[1].replace(r"\|", "\0").splitlines()
    return [[cell.strip().replace("\0", "|") for cell in line.strip("|").split("|")] for line in lines]


# Settings.


def test_the_readme_lists_every_setting_and_no_other() -> None:
    """What only tests set is told to those who work on the code."""
    known = {name for kind in (UpSettings, *SETTINGS.values()) for name in variables(kind).values()}
    known |= {name for path in SOURCES for name in re.findall(r"BLOG_WRITER_[A-Z_]*[A-Z]", path.read_text())}
    table = rows(section(read("README.md"), "## Settings"))
    listed = [name for row in table for name in VARIABLE.findall(row[0])]
    listed += VARIABLE.findall(read("CONTRIBUTING.md"))
    assert sorted(listed) == sorted(known)


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_s_readme_lists_its_settings_and_no_others(service: str) -> None:
    needs = next(row[1] for row in rows(read(f"services/{service}/README.md")) if row[0] == "needs")
    assert set(VARIABLE.findall(needs)) == set(variables(SETTINGS[service]).values())


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_s_readme_lists_first_what_has_no_default(service: str) -> None:
    needs = next(row[1] for row in rows(read(f"services/{service}/README.md")) if row[0] == "needs")
    names = variables(SETTINGS[service])
    required = {names[field.name] for field in msgspec.structs.fields(SETTINGS[service]) if field.required}
    assert set(VARIABLE.findall(needs.split(";")[0])) == required


# The HTTP API.


def application() -> Litestar:
    settings = gateway.settings.Settings(database_url="", nats_url="", article_store="")
    nothing: Any = None
    clock = FrozenClock(datetime(2026, 1, 4, tzinfo=UTC))
    return create_app(
        settings,
        nothing,
        nothing,
        Feed(),
        nothing,
        clock,
        lambda: "ok",
        Access(nothing, nothing, nothing, clock, Door()),
        Notifier(),
    )


def routes() -> set[str]:
    """Return ``GET /jobs/{job_id}/status`` and the like; what lies under ``/schema`` counts as ``/schema``."""
    found = set()
    for route in application().routes:
        assert isinstance(route, HTTPRoute)
        path = "/schema" if route.path.startswith("/schema/") else re.sub(r":\w+}", "}", route.path)
        found |= {f"{method} {path}" for method in route.methods - {"OPTIONS"}}
    return found


def test_the_api_page_lists_every_route_and_no_other() -> None:
    listed = set()
    for row in rows(read("docs/api.md")):
        method = ""
        for entry in re.findall(r"`([^`]+)`", row[0]):
            method, path = entry.split(" ") if " " in entry else (method, entry)
            listed.add(f"{method} {path}")
    assert listed == routes()


def test_the_api_page_explains_every_field_of_a_request_and_no_other() -> None:
    table = rows(section(read("docs/api.md"), "## Submit: `POST /write-async`"))
    listed = [name for row in table for name in CODE.findall(row[0])]
    assert sorted(listed) == sorted(ArticleRequest.__struct_fields__)


def calls(folder: str, names: set[str]) -> Iterator[tuple[ast.Call, ast.AST]]:
    """Yield the calls of functions of these names in a source folder, with the function they stand in."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text())
        scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for scope in scopes:
            for node in ast.walk(scope):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in names:
                    yield node, scope


def strings(node: ast.AST, pattern: str = r"[a-z]+(_[a-z0-9]+)*") -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant)
        and isinstance(each.value, str)
        and re.fullmatch(pattern, each.value)
    }


def codes_of_the_api() -> set[str]:
    """Return every code a Refusal is made with; one that is a variable is any code-like string of its function."""
    codes = set(problems.CODES.values())
    for call, _ in calls("services/gateway/src", {"unauthorised"}):
        codes |= strings(call.args[0])
    for call, scope in calls("services/gateway/src", {"Refusal"}):
        status, code = call.args[0], call.args[1]
        if isinstance(code, ast.Constant):
            codes.add(code.value)
        elif not (isinstance(status, ast.Constant) and status.value == 502):  # the job's own code
            codes |= strings(scope, r"[a-z]+(_[a-z]+)+")
    return codes


def test_the_api_page_lists_every_code_of_an_error_and_no_other() -> None:
    table = rows(section(read("docs/api.md"), "## Errors"))
    listed = [code for row in table for code in CODE.findall(row[1]) if code != "request_id"]
    assert sorted(listed) == sorted(codes_of_the_api())


def codes_of_jobs() -> set[str]:
    """Return every literal code that a stage, an adapter, the machine or a dead letter ends a job with."""
    position = {"FetchFailed": 1, "Permanent": 0, "Transient": 0, "Fail": 0, "StageFail": 0, "fail": 1}
    codes = {code.value for code in DeadLetterCode}
    for folder in ("services/stage-workers/src", "services/orchestrator/src"):
        for call, _ in calls(folder, {*position, "Retry", "StageRetry"}):
            name = ast.unparse(call.func).split(".")[-1]
            named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
            given = call.args[position[name] : position[name] + 1] if name in position else []
            for code in (*named, *given):
                if isinstance(code, ast.Constant):
                    codes.add(f"company_site_{code.value}" if name == "FetchFailed" else str(code.value))
    return codes


def test_the_api_page_explains_every_code_that_a_job_fails_with() -> None:
    listed = set()
    for row in rows(section(read("docs/api.md"), "## Error codes of jobs")):
        names = CODE.findall(row[0])
        stem = names[0].rsplit("_", 1)[0] if names[0].startswith("company_site_") else ""
        stem = "company_site" if stem else stem
        listed |= {stem + name if name.startswith("_") else name for name in names}
    codes = codes_of_jobs()
    assert len(codes) > 20
    assert codes - listed == set()


# Events.


def events() -> dict[str, set[str]]:
    common = set(JobEvent.__struct_fields__)
    return {str(kind.__struct_config__.tag): set(kind.__struct_fields__) - common for kind in get_args(Event)}


def test_the_events_page_lists_every_event_with_its_fields() -> None:
    table = rows(section(read("docs/events.md"), "## Types"))
    assert {CODE.findall(row[0])[0]: set(CODE.findall(row[2])) for row in table} == events()


def test_the_events_page_names_what_every_event_has() -> None:
    sentence = re.search(r"^Every event has (.*?)\.$", read("docs/events.md"), re.MULTILINE)
    assert sentence is not None
    assert set(CODE.findall(sentence[1])) == {"type", *JobEvent.__struct_fields__}


# The architecture page.


def test_the_architecture_page_shows_the_pipeline_as_it_is() -> None:
    table = rows(section(read("docs/architecture.md"), "## The pipeline"))
    shown = {row[0]: (row[1], _needs(row[2])) for row in table}
    assert shown == {
        stage.value: (stage.field, {other.value for other in PIPELINES[latest_version()][stage].needs})
        for stage in StageId
    }


def _needs(cell: str) -> set[str]:
    numbers = [int(number) for number in re.findall(r"\d+", cell)]
    if "to" in cell:
        numbers = list(range(numbers[0], numbers[1] + 1))
    return {f"stage_{number:02}" for number in numbers}


def test_the_architecture_page_shows_the_streams_as_they_are() -> None:
    table = rows(section(read("docs/architecture.md"), "## Postgres is the record, NATS is the transport"))
    shown = {CODE.findall(row[0])[0]: re.sub(r"<[^>]+>", "*", row[1].strip("`")) for row in table}
    assert shown == {stream.name: stream.subjects[0] for stream in streams.ALL}


def test_the_folders_that_the_architecture_page_names_exist() -> None:
    tree = re.search(r"^```\n(src/.*?)^```$", read("docs/architecture.md"), re.MULTILINE | re.DOTALL)
    assert tree is not None
    paths = list(paths_of(tree[1]))
    assert len(paths) > 15
    assert [path for path in paths if not (ROOT / path).exists()] == []
    packages = [str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/*/pyproject.toml")]
    assert [name for name in packages if not any(path.startswith(f"{name}/") for path in paths)] == []


def paths_of(tree: str) -> Iterator[str]:
    """Yield the paths of a tree that is drawn by indentation, two spaces a level."""
    above: list[str] = []
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [name]
        yield "".join(above)


# All documents.


@pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_a_link_to_another_file_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/adr/*.md")), ids=lambda path: path.name)
def test_what_a_decision_says_enforces_it_exists(path: Path) -> None:
    text = path.read_text()
    if path.name.startswith("0001"):
        return
    enforced = text.rsplit("Enforced by:", 1)[1]
    for name in re.findall(r"`(\w+/[\w/.]+)`", enforced):
        assert (ROOT / name).exists(), name
