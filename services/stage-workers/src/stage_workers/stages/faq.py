"""stage_08: questions and answers without repetitions, each answer backed by sources."""

from collections.abc import Iterable

from contracts.articles import QuestionAnswer
from contracts.stages import FaqInput, FaqOutput
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.tasks import AnswerQuestions, Questions


async def run(inp: FaqInput, ctx: StageContext) -> Outcome[FaqOutput]:
    """Leave out answers that stand on no source of the research."""
    task = AnswerQuestions(request=inp.request, draft=inp.draft, sources=inp.research.sources)
    await ctx.progress("questions and answers")
    found = await ctx.checkpoint("questions", Questions, lambda: ctx.model.perform(task))
    known = frozenset(source.source_id for source in inp.research.sources)
    return Done(FaqOutput(faq=_backed(found.faq, known), paa=_backed(found.paa, known)))


def _backed(items: Iterable[QuestionAnswer], known: frozenset[str]) -> tuple[QuestionAnswer, ...]:
    return tuple(item for item in items if _is_backed(item, known))


def _is_backed(item: QuestionAnswer, known: frozenset[str]) -> bool:
    claims = [sentence for sentence in item.answer if not sentence.connective]
    return bool(claims) and all(known.intersection(sentence.source_ids) for sentence in claims)
