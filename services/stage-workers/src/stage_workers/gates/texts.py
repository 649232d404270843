"""Checks of single texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

from contracts.articles import Finding, Paragraph, Sentence
from stage_workers.article_text import words
from stage_workers.gates.phrases import unwanted
from stage_workers.keywords import HIGHEST_DENSITY, LOWEST_DENSITY, density
from stage_workers.links_in_text import holds_markup
from stage_workers.scoring.material import Material

LONGEST_PARAGRAPH = 150
"""Words."""
_SHORTEST_SENTENCE = 3
"""Words of a phrase that need not be a sentence."""
_BROKEN_TAG = re.compile(r"</?(?:[a-z][a-z0-9]*\s+[a-z-]+=|/?[a-z][a-z0-9]*\s*$)[^<>]*$", re.IGNORECASE)
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "wbr"})
_CUT = (",", "…", "...", "-")
_ENDS = re.compile(r"[.!?:;。！？।][\"'”’»“)\]›]*$")  # noqa: RUF001  ends of sentences in other scripts


def missing_fields(material: Material) -> Iterator[Finding]:
    """An article needs a headline, a teaser, a direct answer, an introduction, sections, a title and a slug."""
    draft, article = material.article.draft, material.article
    present = {
        "headline": draft.headline.strip(),
        "teaser": draft.teaser.strip(),
        "direct_answer": draft.direct_answer,
        "intro": draft.intro,
        "sections": draft.sections,
        "meta_title": article.meta_title.strip(),
        "meta_description": article.meta_description.strip(),
        "slug": article.slug.strip(),
        "citations": article.citations,
    }
    for name, value in present.items():
        if not value:
            yield Finding(
                code="missing_field", message=f"the article has no {name}", critical=True, where=name
            )


def long_paragraphs(material: Material) -> Iterator[Finding]:
    """Nobody reads a paragraph of more than 150 words."""
    for where, sentences in _paragraphs(material):
        if words(sentences) > LONGEST_PARAGRAPH:
            message = f"a paragraph has {words(sentences)} words"
            yield Finding(code="long_paragraph", message=message, critical=True, where=where)


def _paragraphs(material: Material) -> Iterator[tuple[str, Sequence[Sentence]]]:
    """Yield what is shown as a paragraph, with the name of its place."""
    article = material.article
    yield "direct_answer", article.draft.direct_answer
    yield "intro", article.draft.intro
    for section in article.draft.sections:
        for block in section.blocks:
            if isinstance(block, Paragraph):
                yield section.heading, block.sentences
    for item in (*article.faq, *article.paa):
        yield item.question, item.answer


def truncated_items(material: Material) -> Iterator[Finding]:
    """What ends in the middle was cut off: a paragraph without an end, anything that ends with a word or a sign
    that more must follow. Items of lists may be phrases, so they need no full stop."""
    known = unwanted(material.language)
    last = {id(sentences[-1]) for _, sentences in _paragraphs(material) if sentences}
    for sentence in material.sentences():
        text = sentence.text.strip()
        if len(text.split()) <= _SHORTEST_SENTENCE:
            continue
        unfinished = id(sentence) in last and not _ENDS.search(text)
        if unfinished or text.endswith(_CUT) or known.ends_open(text):
            yield Finding(code="truncated_item", message="a sentence is cut off", critical=True, where=text)


def markup(material: Material) -> Iterator[Finding]:
    """Texts are plain: tags, entities and Markdown in them would be shown, or worse, work."""
    for text in material.texts():
        if holds_markup(text):
            yield Finding(code="markup_in_text", message="a text holds markup", critical=True, where=text)


def unclosed_html(material: Material) -> Iterator[Finding]:
    """A tag that is cut off, or opened and not closed, would swallow what follows it."""
    for text in material.texts():
        name = _unclosed(text)
        if name:
            message = f"<{name}> is not closed"
            yield Finding(code="unclosed_html", message=message, critical=True, where=text)


def _unclosed(text: str) -> str | None:
    broken = _BROKEN_TAG.search(text)
    if broken:
        return broken[0].strip("</ ").split()[0] or "tag"
    nesting = _Nesting()
    nesting.feed(text)
    nesting.close()
    return nesting.wrong or (nesting.open[-1] if nesting.open else None)


class _Nesting(HTMLParser):
    """Which elements are open, and the first end tag that closes something else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  its signature
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong = self.wrong or tag


def stock_phrases(material: Material) -> Iterator[Finding]:
    """Phrases that say nothing and show that nobody wrote this."""
    known = unwanted(material.language)
    for text in material.texts():
        for phrase in known.stock_phrases(text):
            message = f"the stock phrase “{phrase}”"
            yield Finding(code="stock_phrase", message=message, critical=True, where=text)


def keyword_density(material: Material) -> Iterator[Finding]:
    """The keyword should come in 0.5 to 1.5 of a hundred words: less misses the subject, more reads like spam."""
    share = density(material.prose(), material.keyword, material.language)
    if share is not None and not LOWEST_DENSITY <= share <= HIGHEST_DENSITY:
        message = f"the keyword's density is {share:.2f} %, not {LOWEST_DENSITY} to {HIGHEST_DENSITY} %"
        yield Finding(code="keyword_density", message=message, critical=True)
