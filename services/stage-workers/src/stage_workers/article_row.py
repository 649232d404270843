"""A finished article as a row of the table that its client keeps of articles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from contracts.articles import ArticleResult

LONGEST_ID = 200


class ArticleRow(msgspec.Struct, frozen=True, kw_only=True):
    """The columns, by name. ``job_id`` is the key: another attempt writes the same row again."""

    job_id: str
    article_id: str
    """What the client calls the article: ``client_info.article_id``."""
    tenant: str
    headline: str
    slug: str
    meta_title: str
    meta_description: str
    language: str
    country: str
    html_content: str
    markdown_content: str
    word_count: int
    aeo_score: float
    quality_passed: bool
    image_url: str | None
    article_url: str | None
    published_at: datetime | None
    generator: str
    result: dict[str, Any]
    """The whole result, as in the job's status, without the texts that have columns of their own."""


def article_id(client_info: dict[str, Any] | None) -> str | None:
    """Return what the client calls the article, None when it does not say. Raises ValueError for what is no name."""
    given = (client_info or {}).get("article_id")
    if given is None:
        return None
    text = str(given).strip() if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if not text or len(text) > LONGEST_ID or "\0" in text:
        raise ValueError(f"client_info.article_id must be a number or a text of 1 to {LONGEST_ID} characters")
    return text


def row_of(result: ArticleResult, article: str, tenant: str) -> ArticleRow:
    """Return the row of a result, for the client's article of this id."""
    whole: dict[str, Any] = msgspec.to_builtins(result)
    own = {name: whole[name] for name in ArticleRow.__struct_fields__ if name in whole}
    rest = {name: value for name, value in whole.items() if name not in _TEXTS}
    fields = {**own, "published_at": result.published_at}
    return ArticleRow(**fields, article_id=article, tenant=tenant, result=rest)


_TEXTS = frozenset({"html_content", "markdown_content"})
