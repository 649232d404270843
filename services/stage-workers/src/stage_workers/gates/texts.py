"""Checks of single texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contracts.articles import Finding, Paragraph
from stage_workers.article_text import words
from stage_workers.scoring.material import Material

LONGEST_PARAGRAPH = 150
"""Words."""
LOWEST_DENSITY, HIGHEST_DENSITY = 0.5, 1.5
"""Keyword occurrences in a hundred words."""
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-z]+|#\d+);|\]\(https?:|\{\{|\*\*")


def missing_fields(material: Material) -> Iterator[Finding]:
    """An article needs a headline, a teaser, a direct answer, an introduction, sections, a title and a slug."""
    draft, article = material.article.draft, material.article
    present = {
        "headline": draft.headline.strip(),
        "teaser": draft.teaser.strip(),
        "direct_answer": draft.direct_answer,
        "intro": draft.intro,
        "sections": draft.sections,
        "meta_title": article.meta_title,
        "meta_description": article.meta_description,
        "slug": article.slug,
        "citations": article.citations,
    }
    for name, value in present.items():
        if not value:
            yield Finding(
                code="missing_field", message=f"the article has no {name}", critical=True, where=name
            )


def long_paragraphs(material: Material) -> Iterator[Finding]:
    """Nobody reads a paragraph of more than 150 words."""
    for section in material.article.draft.sections:
        for block in section.blocks:
            if isinstance(block, Paragraph) and words(block.sentences) > LONGEST_PARAGRAPH:
                message = f"a paragraph has {words(block.sentences)} words"
                yield Finding(code="long_paragraph", message=message, critical=True, where=section.heading)


def truncated_items(material: Material) -> Iterator[Finding]:
    """A sentence that ends in the middle was cut off. Items of lists may be phrases, so they are left out."""
    for sentence in material.sentences():
        text = sentence.text.strip()
        if len(text.split()) > _SHORTEST_SENTENCE and text.endswith(
            (",", " and", " or", " the", "…", "...", "-")
        ):
            yield Finding(code="truncated_item", message="a sentence is cut off", critical=True, where=text)


_SHORTEST_SENTENCE = 3


def markup(material: Material) -> Iterator[Finding]:
    """Texts are plain: tags, entities and Markdown in them would be shown, or worse, work."""
    draft = material.article.draft
    headings = (section.heading for section in draft.sections)
    for text in (
        draft.headline,
        draft.teaser,
        *headings,
        *(sentence.text for sentence in material.sentences()),
    ):
        if _MARKUP.search(text):
            yield Finding(code="markup_in_text", message="a text holds markup", critical=True, where=text)


def keyword_density(material: Material) -> Iterator[Finding]:
    """The keyword should come in 0.5 to 1.5 of a hundred words: less misses the subject, more reads like spam."""
    text = " ".join(sentence.text for sentence in material.sentences()).casefold()
    count = len(text.split())
    if not count:
        return
    density = 100 * text.count(material.keyword.casefold()) / count
    if not LOWEST_DENSITY <= density <= HIGHEST_DENSITY:
        yield Finding(code="keyword_density", message=f"the keyword's density is {density:.2f} %")
