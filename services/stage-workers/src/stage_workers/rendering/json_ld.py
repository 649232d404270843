"""Structured data: Article, FAQPage and BreadcrumbList of schema.org."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.articles import Author, QuestionAnswer
from stage_workers.rendering.edition import Edition
from stage_workers.rendering.html import image_urls

_CONTEXT = "https://schema.org"


def objects(edition: Edition) -> list[dict[str, Any]]:
    """Return the objects that describe an article; no FAQPage when there are no questions."""
    asked = (*edition.article.faq, *edition.article.paa)
    described = [_article(edition), _breadcrumbs(edition)]
    return [*described, _faq(asked)] if asked else described


def script(described: list[dict[str, Any]]) -> str:
    """Return the objects as JSON that cannot end the script element it stands in."""
    text = msgspec.json.encode(described).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _article(edition: Edition) -> dict[str, Any]:
    article = edition.article
    publisher = {"@type": "Organization", "name": edition.company_name, "url": edition.company_url}
    described: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "Article",
        "headline": article.draft.headline[:110],
        "description": article.meta_description,
        "inLanguage": edition.language,
        "keywords": edition.keyword,
        "datePublished": edition.published_at.isoformat(),
        "dateModified": edition.published_at.isoformat(),
        "image": image_urls(article.images),  # an empty list would be an error where none is a warning
        "author": publisher if article.author is None else _person(article.author),
        "publisher": publisher,
        "citation": [citation.url for citation in article.citations],
    }
    return {name: value for name, value in described.items() if value}


def _person(author: Author) -> dict[str, str]:
    person = {"@type": "Person", "name": author.name, "url": author.url, "jobTitle": author.role}
    return {key: value for key, value in person.items() if value}


def _breadcrumbs(edition: Edition) -> dict[str, Any]:
    home = {"@type": "ListItem", "position": 1, "name": edition.labels.home, "item": edition.company_url}
    here = {"@type": "ListItem", "position": 2, "name": edition.article.draft.headline}
    return {"@context": _CONTEXT, "@type": "BreadcrumbList", "itemListElement": [home, here]}


def _faq(asked: tuple[QuestionAnswer, ...]) -> dict[str, Any]:
    return {
        "@context": _CONTEXT,
        "@type": "FAQPage",
        "mainEntity": [
            {
                "@type": "Question",
                "name": item.question,
                "acceptedAnswer": {"@type": "Answer", "text": " ".join(part.text for part in item.answer)},
            }
            for item in asked
        ],
    }
