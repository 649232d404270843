"""Puts together what the request, the site's data and the model say of a company: the first that knows wins."""

from typing import Any

from contracts.articles import Author
from contracts.jobs import ArticleRequest
from stage_workers.ports import Page
from stage_workers.site import competitors, structured_data
from stage_workers.tasks import CompanyFacts

_OFFER_KEYS = ("offers", "products", "services")
_MOST_AUTHORS = 20
_MOST_OFFERS = 20
_MOST_COMPETITORS = 50


def settle(request: ArticleRequest, pages: tuple[Page, ...], read: CompanyFacts, host: str) -> CompanyFacts:
    """Return the facts: ``company_data`` before the site's structured data before what the model read."""
    given = request.company_data or {}
    objects = [found for page in pages for found in page.json_ld]
    stated = structured_data.organization(objects)
    site_name = next((page.site_name for page in pages if page.site_name), None)
    return CompanyFacts(
        name=_first(
            given.get("name"), given.get("company_name"), request.company_name, stated.get("name"), site_name,
            read.name, host,
        ),
        language=request.language,
        industry=_first(given.get("industry"), stated.get("industry"), read.industry),
        description=_first(
            given.get("description"), stated.get("description"), pages[0].description if pages else "",
            read.description,
        ),
        offers=_given_offers(given) or _listed(structured_data.offers(objects), read.offers, stated.get("knowsAbout")),
        competitors=_competitors(given, read),
    )  # fmt: skip


def authors(request: ArticleRequest, pages: tuple[Page, ...]) -> tuple[Author, ...]:
    """Return the authors that the request or the pages name."""
    given = (request.company_data or {}).get("authors")
    named = given if isinstance(given, list) else [given]
    found = [author for entry in named if (author := _author(entry))]
    for page in pages:
        found += structured_data.people(page.json_ld, page.url)
        found += [Author(name=page.author)] if page.author else []
    return structured_data.merge(found)[:_MOST_AUTHORS]


def _competitors(given: dict[str, Any], read: CompanyFacts) -> tuple[str, ...]:
    """Return those that the client names and those that the model found."""
    named = (*competitors.given(given.get("competitors")), *read.competitors)
    return tuple(dict.fromkeys(named))[:_MOST_COMPETITORS]


def _author(entry: object) -> Author | None:
    if isinstance(entry, str) and entry.strip():
        return Author(name=entry.strip())
    if isinstance(entry, dict) and isinstance(entry.get("name"), str):
        url, role = entry.get("url"), entry.get("role")
        return Author(
            name=entry["name"].strip(),
            url=url if isinstance(url, str) else None,
            role=role if isinstance(role, str) else None,
        )
    return None


def _first(*values: object) -> str:
    texts = (" ".join(value.split()) for value in values if isinstance(value, str))
    return next((text for text in texts if text), "")


def _given_offers(given: dict[str, Any]) -> tuple[str, ...]:
    return _listed(*(given.get(key) for key in _OFFER_KEYS))


def _listed(*values: object) -> tuple[str, ...]:
    """Return the strings of the first value that is a list of any, or a text."""
    for value in values:
        entries = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
        texts = [entry.strip() for entry in entries if isinstance(entry, str) and entry.strip()]
        if texts:
            return tuple(dict.fromkeys(texts))[:_MOST_OFFERS]
    return ()
