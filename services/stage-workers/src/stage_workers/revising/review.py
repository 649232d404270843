"""The review: each passage goes to the model with the client's prompts, and comes back if it is not worse.

Each answer is a checkpoint, a useless one too: a restart asks again for none. What a passage's revision breaks is
noted, and the passage keeps its words.
"""

from __future__ import annotations

from typing import cast

import msgspec

from contracts import codec
from contracts.articles import Article, Draft, QualityReport, Revision, Section
from contracts.jobs import ArticleRequest
from contracts.stages import ReviewInput
from stage_workers.article_text import draft_claims
from stage_workers.errors import Permanent, Transient
from stage_workers.evidence import evidence
from stage_workers.judgement import Judgement, judge, worsened
from stage_workers.ports import StageContext
from stage_workers.reading import key
from stage_workers.revising.backing import Backing, backing, keeping_sources, refusal
from stage_workers.revising.diffs import diff
from stage_workers.revising.passages import as_draft, name, passages, put_back
from stage_workers.tasks import (
    Opening,
    Passage,
    Questions,
    RevisedPassage,
    ReviseOpening,
    RevisePassage,
    ReviseQuestions,
    ReviseSection,
    Task,
)
from stage_workers.wording import clip

MOST_CHANGES, LONGEST_CHANGE = 10, 300
"""Lines that a model says of one passage, and characters of one."""
_USELESS = frozenset({"model_malformed", "model_blocked"})
"""Of the model's answer to this passage; other problems are the provider's, and end the attempt."""


class Reviewed(msgspec.Struct, frozen=True):
    """What the review prompts came to."""

    article: Article
    revisions: tuple[Revision, ...] = ()
    notes: tuple[str, ...] = ()
    quality: QualityReport | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model's answer to one passage: the passage as a draft of nothing else, or why there is none."""

    passage: Draft | None = None
    changes: tuple[str, ...] = ()
    why_none: str = ""


class Review:
    """One review of one article."""

    def __init__(self, inp: ReviewInput, ctx: StageContext) -> None:
        self._inp = inp
        self._ctx = ctx
        self._article = inp.quality.article
        self._sources = inp.research.sources if inp.research else ()
        self._known = backing(self._article, evidence(self._sources, inp.company))
        self._judgement = self._judged(self._article)
        self._revisions: list[Revision] = []
        self._notes: list[str] = []

    async def done(self) -> Reviewed:
        """Return the article with every passage revised that the prompts concern and that is not worse for it.
        Raises Transient or Permanent when the provider cannot be asked."""
        each = passages(self._article)
        said: list[str] = []
        for place, passage in enumerate(each):
            await self._ctx.progress(f"review of {name(passage)}", place, len(each))
            answer = await self._answered(passage)
            self._settle(place, passage, answer)
            said += answer.changes
        if not self._revisions and not self._notes:
            model = self._ctx.model.name
            self._notes.append(f"review_prompts: not applied, the {model} generator changed nothing")
            self._notes += [f"review_prompts: {line}" for line in said[:MOST_CHANGES]]
        return Reviewed(self._article, tuple(self._revisions), tuple(self._notes), self._quality())

    async def _answered(self, passage: Passage) -> Answer:
        task = _task(self._inp.request, passage, self._known)
        name = key("review", codec.encode((task.passage, task.prompts)).decode())
        return await self._ctx.checkpoint(name, Answer, lambda: self._asked(task))

    async def _asked(self, task: RevisePassage) -> Answer:
        asked = cast("Task[RevisedPassage]", task)
        try:
            answer = await self._ctx.model.perform(asked)
        except (Transient, Permanent) as problem:
            if problem.code not in _USELESS:
                raise
            return Answer(why_none=f"{problem.reason} ({problem.code})")
        changes = tuple(clip(line, LONGEST_CHANGE) for line in answer.changes[:MOST_CHANGES])
        return Answer(passage=as_draft(answer.passage), changes=changes)

    def _settle(self, place: int, passage: Passage, answer: Answer) -> None:
        """Take a revision over, or note why the passage keeps its words."""
        before = as_draft(passage)
        if answer.passage is None:
            self._keep(passage, answer.why_none)
            return
        after = keeping_sources(answer.passage, self._known)
        if after == before:
            return
        why = refusal(before, after, self._known)
        if why is not None:
            self._keep(passage, why)
            return
        article = put_back(self._article, place, after)
        judgement = self._judged(article)
        worse = worsened(self._judgement, judgement)
        if worse is not None:
            self._keep(passage, worse)
            return
        self._article, self._judgement = article, judgement
        self._revisions.append(
            Revision(passage=name(passage), diff=diff(name(passage), before, after), changes=answer.changes)
        )

    def _keep(self, passage: Passage, why: str) -> None:
        self._notes.append(f"review_prompts: “{name(passage)}” keeps its words, in the revision: {why}")

    def _judged(self, article: Article) -> Judgement:
        return judge(article, self._inp.request, self._inp.company, self._sources)

    def _quality(self) -> QualityReport | None:
        if not self._revisions:
            return None
        now = self._judgement
        return QualityReport(passed=now.passed, score=now.score, parts=now.parts)


def _task(request: ArticleRequest, passage: Passage, known: Backing) -> RevisePassage:
    """Return the task for a passage, with the sources that it cites."""
    cited = dict.fromkeys(each for claim in draft_claims(as_draft(passage)) for each in claim.source_ids)
    sources = tuple(known.sources[each] for each in cited if each in known.sources)
    prompts = request.review_prompts
    match passage:
        case Opening():
            return ReviseOpening(request=request, passage=passage, prompts=prompts, sources=sources)
        case Section():
            return ReviseSection(request=request, passage=passage, prompts=prompts, sources=sources)
        case Questions():
            return ReviseQuestions(request=request, passage=passage, prompts=prompts, sources=sources)
