"""What the fake model says: it writes from the material in the prompt, by the rules of the extractive writer.

So its quotes stand on the pages, its claims have sources, and the same request always gets the same answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

import msgspec

from blog_writer.fake_model.exchange import Answered, Asked, Call, Refused
from contracts.articles import Draft, Quote, Source
from contracts.jobs import ArticleRequest
from contracts.stages import BriefOutput, CompanyOutput
from stage_workers.errors import PortError
from stage_workers.extractive import brief, draft, profile, questions_task, quotes
from stage_workers.tasks import (
    AnswerQuestions,
    PageText,
    ProfileCompany,
    SelectQuotes,
    WriteBrief,
    WriteDraft,
)

SEARCHES = 22
PAGES = 12
AT_ONCE = 4
_MATERIAL = re.compile(r"<material((?:\s\w+=\"[^\"]*\")*)>\n(.*?)\n</material>", re.DOTALL)
_QUOTE = re.compile(r"<quote((?:\s\w+=\"[^\"]*\")*)>\n(.*?)\n</quote>", re.DOTALL)
_ATTRIBUTE = re.compile(r"(\w+)=\"([^\"]*)\"")
_ADDRESS = re.compile(r"^(https?://\S+)", re.MULTILINE)


class Material:
    """What a prompt holds."""

    def __init__(self, text: str) -> None:
        self._text = text

    def data(self, name: str, kind: Any) -> Any:
        """Return a JSON value by its name; None when the prompt has none."""
        found = re.search(rf"<{name}>\n(.*?)\n</{name}>", self._text, re.DOTALL)
        return None if found is None else msgspec.json.decode(found[1], type=kind)

    def texts(self) -> Iterator[tuple[dict[str, str], str]]:
        """Yield each piece of material with its attributes."""
        for found in _MATERIAL.finditer(self._text):
            yield _attributes(found[1]), found[2]

    @property
    def request(self) -> ArticleRequest:
        request: ArticleRequest = self.data("request", ArticleRequest)
        return request

    def brief(self) -> BriefOutput:
        plan: BriefOutput = self.data("brief", BriefOutput)
        return plan

    def company(self) -> CompanyOutput:
        known = self.data("company", dict[str, str])
        told = [
            line
            for about, text in self.texts()
            if about.get("kind") == "company"
            for line in text.splitlines()
        ]
        return CompanyOutput(**known, headings=tuple(told))

    def pages(self) -> tuple[PageText, ...]:
        found = ((about, text) for about, text in self.texts() if "url" in about)
        return tuple(
            PageText(url=about["url"], title=about.get("title", ""), text=text) for about, text in found
        )

    def sources(self) -> tuple[Source, ...]:
        return tuple(_source(about, text) for about, text in self.texts() if "id" in about)


def _attributes(text: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(text)}


def _source(about: dict[str, str], text: str) -> Source:
    found = (
        Quote(text=quote, heading=_attributes(said).get("heading", ""))
        for said, quote in _QUOTE.findall(text)
    )
    fields = {"source_id": about["id"], "url": about["url"], "title": about.get("title", about["url"])}
    dated = {"published": about["published"]} if "published" in about else {}
    return msgspec.convert({**fields, **dated, "kind": about["kind"], "quotes": tuple(found)}, Source)


def answer(asked: Asked, *, flawed_first: bool) -> Answered:
    """Return the model's next turn. Raises Refused when the prompt gives nothing to write from."""
    if asked.tools:
        return _researching(asked)
    try:
        return Answered(msgspec.json.encode(_performed(asked, flawed_first=flawed_first)).decode())
    except PortError as error:
        raise Refused(400, error.reason) from error


def _performed(asked: Asked, *, flawed_first: bool) -> Any:
    """Do the task that the asked form of the answer belongs to."""
    material = Material("\n\n".join(asked.texts))
    properties = (asked.schema or {}).get("properties", {})
    fields = set(properties)
    if "passage" in fields:
        return _revised(material, properties["passage"])
    if "quotes" in fields:
        limit = material.data("limit", int)
        (page,) = material.pages()
        return quotes.select(
            SelectQuotes(request=material.request, brief=material.brief(), page=page, limit=limit)
        )
    if "offers" in fields:
        return profile.profile(ProfileCompany(request=material.request, pages=material.pages()))
    if "outline" in fields:
        return brief.plan(WriteBrief(request=material.request, company=material.company(), rules=()))
    if "headline" in fields:
        return _drafted(material, flawed_first=flawed_first)
    if "paa" in fields:
        known: Draft = material.data("draft", Draft)
        return questions_task.complete(
            AnswerQuestions(request=material.request, draft=known, sources=material.sources())
        )
    raise Refused(400, f"there is no answer with the fields {sorted(fields)}")


def _drafted(material: Material, *, flawed_first: bool) -> Draft:
    """Write the article; a first one, that no finding was told of, says a section twice when it is to be flawed."""
    task = WriteDraft(
        request=material.request,
        company=material.company(),
        brief=material.brief(),
        sources=material.sources(),
    )
    written = draft.compose(task, "fake")
    if not flawed_first or material.data("findings", dict[str, Any]) is not None:
        return written
    return msgspec.structs.replace(written, sections=(*written.sections, written.sections[0]))


def _revised(material: Material, kind: Any) -> dict[str, Any]:
    """Leave out the last of the questions, which is a change that anybody can see; other passages are fine."""
    known: dict[str, Any] = material.data("passage", dict[str, Any])
    if "paa" not in kind["properties"] or not known["paa"]:
        return {"passage": known, "changes": []}
    shorter = {**known, "paa": known["paa"][:-1]}
    return {"passage": shorter, "changes": ["the last question is left out, since it was asked to be brief"]}


def _researching(asked: Asked) -> Answered:
    """Ask for the company's pages, then search, then read what was found."""
    said = [call for call in asked.calls if call.name == "web_search"]
    if not asked.calls:
        return Answered(calls=(Call("company_pages", {}),))
    queries = list(_queries(Material("\n\n".join(asked.texts))))[:SEARCHES]
    if len(said) < len(queries):
        more = queries[len(said) : len(said) + AT_ONCE]
        return Answered(calls=tuple(Call("web_search", {"query": query}) for query in more))
    read = [call.arguments.get("url") for call in asked.calls if call.name == "read_page"]
    wanted = [url for url in _found(asked) if url not in read][:AT_ONCE]
    if wanted and len(read) < PAGES:
        return Answered(calls=tuple(Call("read_page", {"url": url}) for url in wanted))
    return Answered("There is enough for every section.")


def _queries(material: Material) -> Iterable[str]:
    plan, keyword = material.brief(), material.request.primary_keyword
    extended = (f"{keyword} {heading}" for heading in plan.outline)
    return dict.fromkeys((*plan.queries, *plan.questions, *plan.outline, *extended))


def _found(asked: Asked) -> list[str]:
    """Return the addresses that searches gave, in order, then those of the company's pages."""
    given = sorted(
        zip(asked.calls, asked.results, strict=True), key=lambda each: each[0].name != "web_search"
    )
    texts = (text for _, result in given for text in json.loads(result).values() if isinstance(text, str))
    return list(dict.fromkeys(url for text in texts for url in _ADDRESS.findall(text)))
