"""The shape that every package keeps."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHASSIS = sorted((ROOT / "libs/chassis/src/chassis").glob("*.py"))
SERVICES = sorted(path.parent for path in (ROOT / "services").glob("*/pyproject.toml"))
SOURCES = [
    path
    for folder in ("src", "libs", "services")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".sql", ".j2"} and ".venv" not in path.parts
]

BUSINESS = {
    "article", "batch_id", "blog", "brief", "campaign", "citation", "draft", "gateway", "headline", "job", "keyword",
    "notifier", "orchestrator", "pipeline", "seo", "stage", "submission", "tenant", "webhook", "worker", "writer",
}  # fmt: skip
PREFIX = "BLOG_WRITER_"
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def lines_of_code(path: Path) -> int:
    """Count lines without docstrings, comments and empty ones: explaining more is no growth."""
    text = path.read_text()
    prose = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for number in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    code = {
        number
        for token in tokens
        if token.type not in NO_CODE
        for number in range(token.start[0], token.end[0] + 1)
    }
    return len(code - prose)


def words(text: str) -> Iterator[str]:
    """Yield the words of a source text in lower case: identifiers are taken apart, plurals lose their s."""
    for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text.replace(PREFIX, "")):
        yield word.lower()
        yield word.lower().removesuffix("s")


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level packages that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def package(service: Path) -> Path:
    return service / "src" / service.name.replace("-", "_")


@pytest.mark.parametrize("path", CHASSIS, ids=[path.name for path in CHASSIS])
def test_the_chassis_knows_no_word_of_the_business(path: Path) -> None:
    assert BUSINESS.intersection(words(path.read_text())) == set()


def test_words_of_the_business_are_found_in_any_spelling() -> None:
    found = set(words("def sendJobs(articleStore): return BLOG_WRITER_PORT, WEBHOOK_SECRET, stage_id"))
    assert found >= {"job", "article", "webhook", "stage"}
    assert not found & {"blog", "writer"}


def test_the_chassis_stays_small() -> None:
    """Two services connect to where strangers say, by one guard: it made room for itself, and for nothing else."""
    assert len(CHASSIS) <= 20
    assert sum(map(lines_of_code, CHASSIS)) <= 1400


def test_lines_of_code_are_counted_without_prose(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(
        '"""What\nit does."""\n\nx = (\n    1,  # one\n)\n# no code\n\n\ndef f():\n    """Do."""\n    return x\n'
    )
    assert lines_of_code(path) == 5


def test_the_chassis_imports_nothing_of_ours() -> None:
    ours = {package(service).name for service in SERVICES} | {"contracts", "blog_writer"}
    assert ours.intersection(name for path in CHASSIS for name in imported(path)) == set()


def test_no_source_file_is_longer_than_400_lines() -> None:
    assert len(SOURCES) > 100
    assert {str(path.relative_to(ROOT)): lines(path) for path in SOURCES if lines(path) > 400} == {}


def test_the_four_services_are_looked_at() -> None:
    assert [service.name for service in SERVICES] == ["gateway", "notifier", "orchestrator", "stage-workers"]


@pytest.mark.parametrize("service", SERVICES, ids=[service.name for service in SERVICES])
def test_a_service_has_a_composition_root_settings_and_a_readme(service: Path) -> None:
    for path in (package(service) / "service.py", package(service) / "settings.py", service / "README.md"):
        assert path.is_file(), path


@pytest.mark.parametrize("service", SERVICES, ids=[service.name for service in SERVICES])
def test_a_service_s_main_file_is_ten_lines_like_the_others(service: Path) -> None:
    text = (package(service) / "__main__.py").read_text()
    assert len(text.splitlines()) <= 10
    assert (
        text.replace(package(service).name, "gateway") == (package(SERVICES[0]) / "__main__.py").read_text()
    )
