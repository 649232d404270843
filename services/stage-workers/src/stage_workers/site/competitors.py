"""Who the company competes with: not to be named in its articles, and never to be cited in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import msgspec

from contracts.jobs import ArticleRequest
from contracts.stages import CompanyOutput
from stage_workers.site.addresses import without_fragment

_SHORTEST_NAME = 2
_HOST = re.compile(r"(?i)^(?:www\.)?((?:[a-z0-9-]+\.)+[a-z]{2,})$")


class Competitors(msgspec.Struct, frozen=True):
    """Their names, and the hosts of their sites without ``www.``."""

    names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def mentioned(self, text: str) -> str | None:
        """Return the first competitor that the text names as a whole word, in any case."""
        folded = text.casefold()
        for name in (*self.names, *self.hosts):
            if name.casefold() in folded and re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", folded):
                return name
        return None

    def own(self, url: str) -> bool:
        """Whether the address is on a competitor's site, or on a part of it with a name of its own."""
        host = (urlsplit(without_fragment(url)).hostname or "").removeprefix("www.")
        return any(host == known or host.endswith(f".{known}") for known in self.hosts)


def of_company(company: CompanyOutput) -> Competitors:
    """Return the competitors that the company's profile lists by name, by host or by address."""
    return of_entries(entry for entry in company.competitors if entry.casefold() != company.name.casefold())


def of_request(request: ArticleRequest) -> Competitors:
    """Return the competitors that the client names in ``company_data``."""
    return of_entries(given((request.company_data or {}).get("competitors")))


def of_entries(entries: Iterable[str]) -> Competitors:
    """Return the competitors of a list that mixes names, hosts and addresses."""
    names: list[str] = []
    hosts: list[str] = []
    for entry in entries:
        host = _host(entry)
        if host:
            hosts.append(host)
        elif len(entry) >= _SHORTEST_NAME:
            names.append(entry)
    return Competitors(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(hosts)))


def given(value: object) -> Iterator[str]:
    """Yield the names and addresses in what a client wrote: a list or a text with commas, of texts or of objects
    with ``name`` and ``url``."""
    entries: Iterable[object] = value.split(",") if isinstance(value, str) else _listed(value)
    for entry in entries:
        found = (entry.get("name"), entry.get("url")) if isinstance(entry, dict) else (entry,)
        yield from (text.strip() for text in found if isinstance(text, str) and text.strip())


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


def _host(entry: str) -> str | None:
    name = (urlsplit(without_fragment(entry)).hostname or "") if "://" in entry else entry
    found = _HOST.match(name)
    return found[1].lower() if found else None
