"""The last look: review prompts, and how like other articles this one is."""

import msgspec
import pytest

from contracts.articles import ArticleReference
from contracts.jobs import BatchSibling
from contracts.stages import QualityOutput, ReviewInput
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.adapters.fakes import FakeContext, ScriptedModel
from stage_workers.similarity import DUPLICATE
from stage_workers.stages import review
from stage_workers.tasks import ReviseDraft, Revision


async def reviewed(make, ctx=None, earlier=(), article=None, **request):
    quality = QualityOutput(article=article or make.article(), score=90, passed=True, parts=())
    inp = ReviewInput(
        request=make.request(**request), company=make.company(), quality=quality, earlier_articles=earlier
    )
    return (await review.run(inp, ctx or FakeContext())).output


async def test_without_prompts_and_other_articles_nothing_changes(make):
    output = await reviewed(make)
    assert output.article == make.article()
    assert output.changes == output.notes == ()
    assert (output.similarity_score, output.similar_to, output.is_potential_duplicate) == (0, None, False)


def reviewer(draft, *changes):
    return FakeContext(model=ScriptedModel({ReviseDraft: Revision(draft=draft, changes=changes)}))


async def test_a_model_that_follows_prompts_changes_the_draft_once(make):
    better = make.draft(headline="Bicycle chains, explained", faq=(), paa=())
    ctx = reviewer(better, "shorter headline")
    for _ in range(2):
        output = await reviewed(make, ctx, review_prompts=("Shorten the headline.",))
        assert output.article.draft == better
        assert output.changes == ("shorter headline",)
        assert output.notes == ()
    assert [task.prompts for task in ctx.model.tasks] == [("Shorten the headline.",)]


async def test_a_revision_takes_contents_links_and_citations_along(make):
    first, second, _, fourth = make.sections()
    fresh = msgspec.structs.replace(second, heading="How worn is it?", blocks=second.blocks[1:])
    bare = make.draft(takeaways=(), sections=(fourth, fresh, first), faq=(), paa=())
    output = await reviewed(
        make, reviewer(bare), article=make.article(faq=(), paa=()), review_prompts=("Turn round.",)
    )
    article = output.article
    assert [entry.label for entry in article.toc] == [fourth.heading, "How worn is it?", first.heading]
    assert [entry.section for entry in article.toc] == [0, 1, 2]
    assert [(link.section, link.anchor_text) for link in article.internal_links] == [(2, "weekly wash")]
    assert [(c.number, c.source_id) for c in article.citations] == [(1, "s1")]


async def test_a_revision_cannot_bring_in_claims_without_a_source(make):
    invented = (*map(make.sentence, make.answer), make.sentence("Chains last a hundred years.", "s9"))
    output = await reviewed(
        make, reviewer(make.draft(direct_answer=invented, faq=(), paa=())), review_prompts=("Praise it.",)
    )
    assert [sentence.text for sentence in output.article.draft.direct_answer] == list(make.answer)


async def test_a_revision_that_the_gate_would_refuse_is_not_taken(make):
    spoilt = make.draft(headline="<script>x</script>", faq=(), paa=())
    output = await reviewed(make, reviewer(spoilt, "more script"), review_prompts=("Add a script.",))
    assert output.article == make.article()
    assert output.changes == ()
    assert "markup_in_text" in output.notes[0]


async def test_a_writer_that_follows_no_instructions_says_so(make):
    output = await reviewed(
        make, FakeContext(model=ExtractiveModel()), review_prompts=("Be funny.", "Be brief.")
    )
    assert output.article == make.article()
    assert any(
        "review_prompts" in text and "not applied" in text for text in (*output.changes, *output.notes)
    )


@pytest.mark.parametrize(
    "others",
    [
        {"existing_blog_slugs": ("something-else", "bicycle-chain")},
        {"batch_siblings": (BatchSibling(slug="x", keyword="Chain, bicycle"),)},
        {"batch_siblings": (BatchSibling(slug="x", headline="Bicycle chain: what the workshop says!"),)},
        {"batch_siblings": (BatchSibling(slug="bicycle-chain"),)},
        {
            "earlier": (
                ArticleReference(
                    slug="x", headline="Bicycle chain: what a workshop says", primary_keyword="bicycle chain"
                ),
            )
        },
    ],
)
async def test_an_article_that_is_there_already_is_found(make, others):
    output = await reviewed(make, **others)
    assert output.is_potential_duplicate
    assert output.similarity_score >= DUPLICATE
    assert output.similar_to in {"bicycle-chain", "x"}


@pytest.mark.parametrize(
    "others",
    [
        {"existing_blog_slugs": ("winter-tyres", "how-to-choose-a-saddle")},
        {
            "batch_siblings": (
                BatchSibling(slug="bicycle-brakes", keyword="bicycle brakes", headline="Brakes that hold"),
            )
        },
        {
            "earlier": (
                ArticleReference(
                    slug="gold", headline="How gold chains are made", primary_keyword="gold chain"
                ),
            )
        },
    ],
)
async def test_another_article_is_no_duplicate(make, others):
    output = await reviewed(make, **others)
    assert not output.is_potential_duplicate
    assert 0 < output.similarity_score < DUPLICATE


async def test_the_most_similar_of_many_is_named(make):
    output = await reviewed(
        make,
        existing_blog_slugs=("winter-tyres", "chain-oil"),
        batch_siblings=(BatchSibling(slug="bicycle-chains"),),
        earlier=(ArticleReference(slug="saddles", headline="Saddles", primary_keyword="saddle"),),
    )
    assert output.similar_to == "bicycle-chains"
