"""HTML: templates with escaping on, then a sanitiser that knows what may remain.

Every text of an article comes, directly or not, from pages of others. The templates escape it; the sanitiser is the
second line, for the day when a template forgets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from urllib.parse import urlsplit

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from contracts.articles import Image, InternalLink, Sentence
from stage_workers.rendering.edition import Edition

_TAGS = {
    "a", "article", "caption", "em", "figcaption", "figure", "footer", "h1", "h2", "h3", "header", "img", "li", "nav",
    "ol", "p", "section", "strong", "sup", "table", "tbody", "td", "th", "thead", "time", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"id", "class", "lang"},
    "a": {"href", "rel", "title"},
    "img": {"src", "alt", "width", "height", "loading"},
    "nav": {"aria-label"},
    "section": {"aria-labelledby"},
    "th": {"scope"},
    "time": {"datetime"},
}
_SCHEMES = {"http", "https", "mailto"}
_SAFE_ID = re.compile(r"^[a-z0-9][a-z0-9-]*$")
_SPACE = re.compile(r">\s*\n\s*<")


@cache
def _environment() -> Environment:
    loader = PackageLoader("stage_workers.rendering")
    return Environment(
        loader=loader,
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def fragment(edition: Edition) -> str:
    """Return the ``<article>`` element, sanitised."""
    article = edition.article
    numbers = {citation.source_id: citation.number for citation in article.citations}
    links = {link.section: link for link in article.internal_links}
    pictures = {image.role: image for image in article.images}
    html = (
        _environment()
        .get_template("article.html.j2")
        .render(
            edition=edition,
            article=article,
            draft=article.draft,
            labels=edition.labels,
            anchors={entry.section: entry.anchor for entry in article.toc},
            images=pictures,
            middle=len(article.draft.sections) // 2,
            text=lambda sentences: _texts(sentences, numbers),
            marks=lambda claim: _marks(claim.source_ids, numbers),
            linked=lambda sentences, section: _texts(sentences, numbers, links, section),
            outside=lambda url: not _same_site(url, edition.company_url),
        )
    )
    return sanitised(html, frozenset(image_urls(article.images)))


def document(edition: Edition, body: str, json_ld: str) -> str:
    """Return a whole page around the article; ``json_ld`` is safe to stand in a script element."""
    hero = next((image for image in edition.article.images if image.role == "hero"), None)
    template = _environment().get_template("document.html.j2")
    safe = {"body": Markup(body), "json_ld": Markup(json_ld)}  # noqa: S704  the sanitiser and json_ld.script made them so
    return template.render(edition=edition, article=edition.article, hero=hero, **safe)


def sanitised(html: str, images: frozenset[str] = frozenset()) -> str:
    """Return HTML with only the elements, attributes and address schemes that an article has; no image is loaded
    from elsewhere than ``images``."""

    def kept(tag: str, name: str, value: str) -> str | None:
        unfit = name == "id" and not _SAFE_ID.match(value)
        foreign = tag == "img" and name == "src" and value not in images
        return None if unfit or foreign else value

    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel=None,
        attribute_filter=kept,
    )
    return _SPACE.sub(">\n<", clean).strip() + "\n"


def _join(parts: Iterable[Markup]) -> Markup:
    return Markup(" ").join(parts)


def _texts(
    sentences: Sequence[Sentence],
    numbers: dict[str, int],
    links: dict[int, InternalLink] | None = None,
    section: int = -1,
) -> Markup:
    """Return sentences with their sources as numbered links: ``… [1][3]``.

    Neighbours with the same sources share one mark, after the last of them. The section's link is taken out of
    ``links`` by the first place of its words.
    """
    links = {} if links is None else links
    rendered = []
    for sentence, following in zip(sentences, [*sentences[1:], None], strict=True):
        text = escape(sentence.text)
        link = links.get(section)
        if link is not None and link.anchor_text in sentence.text:
            text = _linked(sentence.text, links.pop(section))
        shared = following is not None and following.source_ids == sentence.source_ids
        rendered.append(text if shared else text + _marks(sentence.source_ids, numbers))
    return _join(rendered)


def _linked(text: str, link: InternalLink) -> Markup:
    before, words, after = text.partition(link.anchor_text)
    return escape(before) + Markup('<a href="{}">{}</a>').format(link.url, words) + escape(after)


def _marks(source_ids: Sequence[str], numbers: dict[str, int]) -> Markup:
    cited = sorted({numbers[name] for name in source_ids if name in numbers})
    marks = [Markup('<a class="citation" href="#source-{0}">[{0}]</a>').format(number) for number in cited]
    return Markup(" ") + Markup("").join(marks) if marks else Markup("")


def _same_site(url: str, site: str) -> bool:
    return urlsplit(url).netloc == urlsplit(site).netloc


def image_urls(images: tuple[Image, ...]) -> list[str]:
    """Return the images' addresses, the hero's first."""
    return [image.url for image in sorted(images, key=lambda image: image.role != "hero")]
