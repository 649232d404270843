"""Each task as a prompt: the instructions are files, the data follows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, singledispatch
from importlib import resources
from string import Template
from typing import Any

import msgspec

from contracts.articles import Draft, RoundReport
from contracts.jobs import ArticleRequest
from contracts.stages import BriefOutput, CompanyOutput
from stage_workers.tasks import (
    AnswerQuestions,
    PageText,
    ProfileCompany,
    ReviseOpening,
    RevisePassage,
    ReviseQuestions,
    ReviseSection,
    SelectQuotes,
    Task,
    WriteBrief,
    WriteDraft,
)
from stage_workers.written import gate_rules, material

MOST_MATERIAL = 400_000
"""Characters of material in one prompt; pages and sources that come after are left out."""
_ASKED = (
    "primary_keyword",
    "company_url",
    "language",
    "country",
    "company_name",
    "company_data",
    "content_generation_instruction",
    "word_count",
    "tone",
    "system_prompts",
)
"""What a model needs of the request; the rest is not its business."""


class Prompt(msgspec.Struct, frozen=True):
    system: str
    text: str


@singledispatch
def prompt(task: Task[Any]) -> Prompt:
    """Return the prompt for a task."""
    raise TypeError(f"there is no prompt for {type(task).__name__}")


@prompt.register
def _(task: ProfileCompany) -> Prompt:
    return _prompt("profile_company", _request(task.request), *_pages(task.pages))


@prompt.register
def _(task: WriteBrief) -> Prompt:
    rules = _data("rules", task.rules)
    return _prompt("write_brief", _request(task.request), _company(task.company), rules)


@prompt.register
def _(task: SelectQuotes) -> Prompt:
    limit = _data("limit", task.limit)
    return _prompt(
        "select_quotes", _request(task.request), _data("brief", task.brief), limit, *_pages((task.page,))
    )


@prompt.register
def _(task: WriteDraft) -> Prompt:
    parts = (
        _request(task.request),
        _company(task.company),
        _data("brief", task.brief),
        _gate(task.request, whole=True),
        *_findings(task.rounds),
        *_fitting(map(material.source, task.sources)),
    )
    return _prompt("write_draft", *parts)


@prompt.register
def _(task: AnswerQuestions) -> Prompt:
    sources = _fitting(map(material.source, task.sources))
    return _prompt(
        "answer_questions",
        _request(task.request),
        _gate(task.request, whole=True),
        _draft(task.draft),
        *sources,
    )


@prompt.register(ReviseOpening | ReviseSection | ReviseQuestions)
def _(task: RevisePassage) -> Prompt:
    wishes, passage = _data("review_prompts", task.prompts), _data("passage", task.passage)
    sources = _fitting(map(material.source, task.sources))
    gate = _gate(task.request, whole=False)
    return _prompt("revise_passage", _request(task.request), gate, wishes, passage, *sources)


def research(
    request: ArticleRequest, company: CompanyOutput, brief: BriefOutput, numbers: Mapping[str, int]
) -> Prompt:
    """Return the prompt for a model that searches and reads through tools."""
    text = Template(instructions("research")).substitute(numbers)
    system = f"{instructions('researcher')}\n\n{material.RULE}"
    given = _data("source_urls", request.source_urls)
    return Prompt(
        system, "\n\n".join((text, _request(request), _company(company), _data("brief", brief), given))
    )


def instructions(name: str) -> str:
    """Return a file of instructions."""
    return _read(name)


@cache
def _read(name: str) -> str:
    folder = resources.files("stage_workers.written") / "prompt_files"
    return (folder / f"{name}.md").read_text(encoding="utf-8").strip()


def _prompt(name: str, *parts: str) -> Prompt:
    system = f"{instructions('system')}\n\n{material.RULE}"
    return Prompt(system, "\n\n".join((instructions(name), *parts)))


def _request(request: ArticleRequest) -> str:
    given = {name: getattr(request, name) for name in _ASKED}
    return _data("request", {name: value for name, value in given.items() if value})


def _gate(request: ArticleRequest, *, whole: bool) -> str:
    """What the gate will check: in any text, and in a whole article."""
    lines = gate_rules.rules(request.primary_keyword, request.language)
    return _data("gate_rules", (*lines, *gate_rules.of_articles()) if whole else lines)


def _company(company: CompanyOutput) -> str:
    """What the site says of itself is material; its name and address are not."""
    told = [company.industry, company.description, *company.offers, *company.headings]
    known = {
        "name": company.name,
        "url": company.url,
        "country": company.country,
        "language": company.language,
    }
    return f"{_data('company', known)}\n\n{material.texts('company', filter(None, told))}"


def _draft(draft: Draft) -> str:
    return _data("draft", draft)


def _findings(rounds: Sequence[RoundReport]) -> tuple[str, ...]:
    """The last round's findings, and every earlier critical one: they must not come back."""
    if not rounds:
        return ()
    last = rounds[-1]
    earlier = [finding for each in rounds[:-1] for finding in each.findings if finding.critical]
    report = {"score": last.score, "findings": last.findings, "critical_before": earlier}
    return (f"{instructions('findings')}\n\n{_data('findings', report)}",)


def _pages(pages: Iterable[PageText]) -> tuple[str, ...]:
    return _fitting(map(material.page, pages))


def _fitting(parts: Iterable[str]) -> tuple[str, ...]:
    kept, used = [], 0
    for part in parts:
        used += len(part)
        if used > MOST_MATERIAL:
            break
        kept.append(part)
    return tuple(kept)


def _data(name: str, value: Any) -> str:
    """Return a JSON value under its name, without marks that could end it."""
    text = material.clean(msgspec.json.encode(value).decode()).replace("</", "<\\/")
    return f"<{name}>\n{text}\n</{name}>"
