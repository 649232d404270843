"""What the schema.org data of pages says of the company and its authors."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urljoin

from contracts.articles import Author

_ORGANIZATIONS = frozenset(
    {
        "Organization",
        "Corporation",
        "LocalBusiness",
        "ProfessionalService",
        "Store",
        "OnlineBusiness",
        "NGO",
        "EducationalOrganization",
        "MedicalOrganization",
        "HomeAndConstructionBusiness",
    }
)
_OFFERS = frozenset(("Product", "Service", "SoftwareApplication"))
_DEPTH = 6


def organization(objects: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the organization that is described most fully; an empty dict when there is none."""
    found = [each for each in _walk(objects) if _types(each) & _ORGANIZATIONS and _text(each.get("name"))]
    return max(found, key=len, default={})


def offers(objects: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of the products and services that the data names."""
    names = (_text(each.get("name")) for each in _walk(objects) if _types(each) & _OFFERS)
    return tuple(dict.fromkeys(name for name in names if name))


def people(objects: Iterable[dict[str, Any]], page_url: str) -> tuple[Author, ...]:
    """Return the persons that the data names, with absolute addresses."""
    found = [each for each in _walk(objects) if "Person" in _types(each) and _text(each.get("name"))]
    return tuple(
        Author(
            name=_text(each.get("name")),
            url=urljoin(page_url, _text(each.get("url"))) if _text(each.get("url")) else None,
            role=_text(each.get("jobTitle")) or None,
        )
        for each in found
    )


def merge(authors: Iterable[Author]) -> tuple[Author, ...]:
    """Return each author once, with what any of the entries says."""
    by_name: dict[str, Author] = {}
    for author in authors:
        known = by_name.get(author.name, author)
        by_name[author.name] = Author(
            name=author.name, url=known.url or author.url, role=known.role or author.role
        )
    return tuple(by_name.values())


def _walk(found: object, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > _DEPTH:
        return
    if isinstance(found, dict):
        yield found
        for inner in found.values():
            yield from _walk(inner, depth + 1)
    elif isinstance(found, (list, tuple)):
        for inner in found:
            yield from _walk(inner, depth + 1)


def _types(found: dict[str, Any]) -> set[str]:
    stated = found.get("@type")
    names = stated if isinstance(stated, list) else [stated]
    return {name.rpartition("/")[2] for name in names if isinstance(name, str)}


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
