"""The last look: how like other articles this one is. What review prompts do is tested in test_revising.py."""

import pytest

from contracts.articles import ArticleReference
from contracts.jobs import BatchSibling
from contracts.stages import QualityOutput, ReviewInput
from stage_workers.adapters.fakes import FakeContext
from stage_workers.similarity import DUPLICATE
from stage_workers.stages import review


async def reviewed(make, earlier=(), **request):
    quality = QualityOutput(article=make.article(), score=90, passed=True, parts=())
    inp = ReviewInput(
        request=make.request(**request), company=make.company(), quality=quality, earlier_articles=earlier
    )
    return (await review.run(inp, FakeContext())).output


async def test_without_prompts_and_other_articles_nothing_changes(make):
    output = await reviewed(make)
    assert output.article == make.article()
    assert output.changes == output.notes == output.revisions == ()
    assert output.quality is None
    assert (output.similarity_score, output.similar_to, output.is_potential_duplicate) == (0, None, False)


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
