"""The article speaks the language that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.articles import Finding
from stage_workers.article_text import answers, section_text
from stage_workers.languages import other_language
from stage_workers.scoring.material import Material


def wrong_language(material: Material) -> Iterator[Finding]:
    """No part of it that is long enough to judge is in another language."""
    article = material.article
    opening = " ".join(sentence.text for sentence in (*article.draft.direct_answer, *article.draft.intro))
    asked = " ".join(sentence.text for sentence in answers((*article.faq, *article.paa)))
    parts = [("opening", opening), ("questions", asked)]
    parts += [(section.heading, section_text(section)) for section in article.draft.sections]
    for where, text in parts:
        found = other_language(text, material.language)
        if found:
            message = f"this is in {found}, the article was asked for in {material.language}"
            yield Finding(code="wrong_language", message=message, critical=True, where=where)
