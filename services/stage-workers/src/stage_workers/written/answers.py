"""A model's answer as the task's result: decoded, completed with what was known, and relieved of what is not backed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from contracts.articles import Sentence
from stage_workers.article_text import items_without, without
from stage_workers.links_in_text import hosts, without_foreign
from stage_workers.tasks import (
    AnswerQuestions,
    Questions,
    ReviseOpening,
    ReviseQuestions,
    ReviseSection,
    SelectedQuotes,
    SelectQuotes,
    Task,
    WriteBrief,
    WriteDraft,
)
from stage_workers.wording import contains

T = TypeVar("T")

_FENCED = re.compile(r"\s*```[a-zA-Z]*\n(.*)\n?```\s*", re.DOTALL)


def given(task: Task[Any], generator: str) -> Mapping[str, Any]:
    """Return the fields of the result that are known before the model is asked."""
    match task:
        case WriteBrief():
            country = task.company.country
            return {
                "language": task.request.language,
                "country": country,
                "rules": task.rules,
                "notes": (),
            }
        case WriteDraft():
            return {"generator": generator}
        case _:
            return {}


def read(text: str, task: Task[T], generator: str) -> T:
    """Return the result that an answer's text holds. Raises msgspec.DecodeError that says what does not fit."""
    fenced = _FENCED.fullmatch(text)
    try:
        fields = msgspec.json.decode(fenced[1] if fenced else text, type=dict[str, Any])
    except (RecursionError, UnicodeError) as error:
        raise msgspec.DecodeError(f"it is unreadable: {error}") from error
    known = _known_sources(task)
    if known is not None:
        fields = _citing(fields, known)
    allowed = _known_hosts(task)
    if allowed is not None:
        fields = _leading_nowhere(fields, allowed)
    whole = {**fields, **given(task, generator)}
    return cast("T", _settled(task, msgspec.convert(whole, task.RESULT)))


def _known_sources(task: Task[Any]) -> frozenset[str] | None:
    """Return the sources that a task's answer may cite, None when it cites none."""
    match task:
        case WriteDraft() | AnswerQuestions():
            return frozenset(source.source_id for source in task.sources)
        case _:
            return None


def _citing(value: Any, known: frozenset[str]) -> Any:
    """Leave out sources that do not exist, at any depth."""
    if isinstance(value, list):
        return [_citing(each, known) for each in value]
    if not isinstance(value, dict):
        return value
    fields = {name: _citing(each, known) for name, each in value.items()}
    if isinstance(fields.get("source_ids"), list):
        fields["source_ids"] = [each for each in fields["source_ids"] if each in known]
    return fields


def _known_hosts(task: Task[Any]) -> frozenset[str] | None:
    """Return the hosts that an answer may name: those of its sources and of what the client or the draft says; None when
    it says nothing that is read by others."""
    match task:
        case WriteDraft() | AnswerQuestions():
            said: list[Any] = [task.request]
        case ReviseOpening() | ReviseSection() | ReviseQuestions():
            said = [task.request, task.prompts, task.passage]
        case _:
            return None
    return hosts("\n".join(_strings(msgspec.to_builtins([said, [source.url for source in task.sources]]))))


def _strings(value: Any) -> Iterator[str]:
    """Yield all text in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _leading_nowhere(value: Any, known: frozenset[str]) -> Any:
    """Leave out images, links and addresses on other hosts, at any depth."""
    if isinstance(value, str):
        return without_foreign(value, known)
    if isinstance(value, list):
        return [_leading_nowhere(each, known) for each in value]
    if isinstance(value, dict):
        return {name: _leading_nowhere(each, known) for name, each in value.items()}
    return value


def _settled(task: Task[Any], result: Any) -> Any:
    """Leave out what stands on nothing: quotes that are not on the page, claims without a source."""
    match task:
        case SelectQuotes():
            return _on_the_page(result, task)
        case WriteDraft():
            return without(result, _is_backed)
        case AnswerQuestions():
            return Questions(
                faq=items_without(result.faq, _is_backed), paa=items_without(result.paa, _is_backed)
            )
        case _:
            return result


def _is_backed(sentence: Sentence) -> bool:
    return bool(sentence.source_ids)


def _on_the_page(result: SelectedQuotes, task: SelectQuotes) -> SelectedQuotes:
    """Keep quotes that stand on the page word for word."""
    real = [quote for quote in dict.fromkeys(result.quotes) if quote and contains(task.page.text, quote)]
    return SelectedQuotes(quotes=tuple(real[: task.limit]))
