"""stage_08: questions and answers without repetitions, each answer backed by sources."""

from collections.abc import Iterable

from contracts.articles import QuestionAnswer, Sentence, Source
from contracts.stages import FaqInput, FaqOutput
from stage_workers.article_text import draft_claims
from stage_workers.evidence import evidence, normal, supported
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.tasks import AnswerQuestions, Questions


async def run(inp: FaqInput, ctx: StageContext) -> Outcome[FaqOutput]:
    """Leave out answers that stand on no source of the research, and new ones that no quote bears."""
    sources = inp.research.sources if inp.company is None else evidence(inp.research.sources, inp.company)
    task = AnswerQuestions(request=inp.request, draft=inp.draft, sources=sources)
    await ctx.progress("questions and answers")
    found = await ctx.checkpoint("questions", Questions, lambda: ctx.model.perform(task))
    known = _Known(inp, sources)
    return Done(
        FaqOutput(
            faq=tuple(item for item in found.faq if known.bear(item)),
            paa=tuple(item for item in found.paa if known.bear(item)),
        )
    )


class _Known:
    """The claims of the draft, which are checked elsewhere, and the words that the sources were quoted with."""

    def __init__(self, inp: FaqInput, sources: Iterable[Source]) -> None:
        self._sources = {source.source_id: source for source in sources}
        self._drafted = {claim.text for claim in draft_claims(inp.draft)}
        self._texts = {
            name: normal("\n".join(quote.text for quote in source.quotes))
            for name, source in self._sources.items()
        }

    def bear(self, item: QuestionAnswer) -> bool:
        """Whether an answer claims something, and each claim has a source that says it."""
        claims = [sentence for sentence in item.answer if not sentence.connective]
        return bool(claims) and all(map(self._bears, claims))

    def _bears(self, claim: Sentence) -> bool:
        named = [name for name in claim.source_ids if name in self._sources]
        said = any(supported(claim, self._sources[name], self._texts[name]) for name in named)
        return bool(named) and (claim.text in self._drafted or said)
