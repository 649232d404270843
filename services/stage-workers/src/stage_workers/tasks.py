"""Typed writing tasks: what a stage asks a language model for.

A task is data and names its result type. A generative adapter renders it into a prompt and checks the answer
against the type; the extractive adapter computes the result from the task's own fields.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from contracts.articles import Draft, QuestionAnswer, RoundReport, Section, Sentence, Source
from contracts.jobs import ArticleRequest
from contracts.stages import BriefOutput, CompanyOutput

T = TypeVar("T")


class Task(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Base of all tasks; ``RESULT`` is the type that :meth:`LanguageModel.perform` returns."""

    RESULT: ClassVar[Any]


class PageText(msgspec.Struct, frozen=True, kw_only=True):
    """A page as a task's material."""

    url: str
    title: str
    text: str


class CompanyFacts(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    language: str
    industry: str
    description: str
    offers: tuple[str, ...]
    competitors: tuple[str, ...] = ()
    """Names or addresses, where the pages tell of any."""


class ProfileCompany(Task[CompanyFacts], frozen=True, kw_only=True):
    """Say what a company is, from its own pages."""

    RESULT: ClassVar[Any] = CompanyFacts
    request: ArticleRequest
    pages: tuple[PageText, ...]


class WriteBrief(Task[BriefOutput], frozen=True, kw_only=True):
    """Plan the article."""

    RESULT: ClassVar[Any] = BriefOutput
    request: ArticleRequest
    company: CompanyOutput
    rules: tuple[str, ...]


class SelectedQuotes(msgspec.Struct, frozen=True, kw_only=True):
    quotes: tuple[str, ...]
    """Exact words of the page."""


class SelectQuotes(Task[SelectedQuotes], frozen=True, kw_only=True):
    """Choose the sentences of a page that an article on this brief can stand on."""

    RESULT: ClassVar[Any] = SelectedQuotes
    request: ArticleRequest
    brief: BriefOutput
    page: PageText
    limit: int


class WriteDraft(Task[Draft], frozen=True, kw_only=True):
    """Write the structured article from sources alone."""

    RESULT: ClassVar[Any] = Draft
    request: ArticleRequest
    company: CompanyOutput
    brief: BriefOutput
    sources: tuple[Source, ...]
    rounds: tuple[RoundReport, ...] = ()


class Questions(msgspec.Struct, frozen=True, kw_only=True):
    faq: tuple[QuestionAnswer, ...]
    paa: tuple[QuestionAnswer, ...]


class AnswerQuestions(Task[Questions], frozen=True, kw_only=True):
    """Complete the FAQ and the people-also-ask list from the sources."""

    RESULT: ClassVar[Any] = Questions
    request: ArticleRequest
    draft: Draft
    sources: tuple[Source, ...]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before an article's sections, and what sums them up."""

    headline: str
    teaser: str
    direct_answer: tuple[Sentence, ...]
    intro: tuple[Sentence, ...]
    takeaways: tuple[Sentence, ...]


class RevisedOpening(msgspec.Struct, frozen=True, kw_only=True):
    passage: Opening
    changes: tuple[str, ...]
    """What was changed and why, a line each."""


class RevisedSection(msgspec.Struct, frozen=True, kw_only=True):
    passage: Section
    changes: tuple[str, ...]


class RevisedQuestions(msgspec.Struct, frozen=True, kw_only=True):
    passage: Questions
    changes: tuple[str, ...]


class ReviseOpening(Task[RevisedOpening], frozen=True, kw_only=True):
    """Apply the client's review prompts to an article's opening."""

    RESULT: ClassVar[Any] = RevisedOpening
    request: ArticleRequest
    passage: Opening
    prompts: tuple[str, ...]
    sources: tuple[Source, ...]
    """Those that the passage cites."""


class ReviseSection(Task[RevisedSection], frozen=True, kw_only=True):
    """Apply the client's review prompts to one section."""

    RESULT: ClassVar[Any] = RevisedSection
    request: ArticleRequest
    passage: Section
    prompts: tuple[str, ...]
    sources: tuple[Source, ...]


class ReviseQuestions(Task[RevisedQuestions], frozen=True, kw_only=True):
    """Apply the client's review prompts to an article's questions and answers."""

    RESULT: ClassVar[Any] = RevisedQuestions
    request: ArticleRequest
    passage: Questions
    prompts: tuple[str, ...]
    sources: tuple[Source, ...]


Passage = Opening | Section | Questions
RevisePassage = ReviseOpening | ReviseSection | ReviseQuestions
RevisedPassage = RevisedOpening | RevisedSection | RevisedQuestions
