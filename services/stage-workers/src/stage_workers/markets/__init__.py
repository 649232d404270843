"""What readers of a language in a country expect: spelling, units, money, dates, whom they believe, whose law holds."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

import msgspec

NEUTRAL = "neutral"
_COUNTRIES = "countries"


class Market(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: a language in a country (``de-AT``), a language (``de``), or what holds anywhere (``neutral``)."""

    spelling: tuple[str, ...]
    numbers: str
    date_form: str
    """How a date is written: ``day``, ``month``, ``year`` or ``iso`` in braces."""
    months: tuple[str, ...]
    currency: str = ""
    units: str = ""
    authorities: tuple[str, ...] = ()
    """Hosts whose word counts, with all that ends in them: ``gov.uk`` covers ``www.gov.uk``."""
    laws: tuple[str, ...] = ()
    """What is often misquoted."""

    def rules(self) -> tuple[str, ...]:
        """Return what a writer has to know, a line each."""
        example = self.written(date(2025, 1, 31))
        lines = [*self.spelling, self.numbers]
        lines += [f"Currency {self.currency}"] if self.currency else []
        lines += [self.units] if self.units else []
        lines += [f"Dates: {example}"]
        lines += (
            [f"Prefer these authorities as sources: {', '.join(self.authorities)}"]
            if self.authorities
            else []
        )
        return (*lines, *(f"Law, not to be misquoted: {law}" for law in self.laws))

    def written(self, day: date) -> str:
        """Return the date as readers write it."""
        month = self.months[day.month - 1] if self.months else f"{day:%m}"
        return self.date_form.format(day=day.day, month=month, year=day.year, iso=day.isoformat())

    def trusts(self, url: str) -> bool:
        """Whether an address is an authority's."""
        return is_authority(url, self.authorities)


class Countries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``countries.toml``: a little on pairs that have no file of their own."""

    language: dict[str, tuple[str, ...]]
    country: dict[str, tuple[str, ...]]


class Chosen(msgspec.Struct, frozen=True):
    """The market of a job, its rules, and notes on what is not known of it."""

    market: Market
    rules: tuple[str, ...]
    notes: tuple[str, ...] = ()


def is_authority(url: str, hosts: tuple[str, ...]) -> bool:
    """Whether an address is on one of these hosts or below it."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return False
    return any(host == known or host.endswith(f".{known}") for known in hosts)


@cache
def choose(language: str, country: str) -> Chosen:
    """Return the market: the pair's own, else the language's with what is known of the country, else the neutral one.

    A language's region rules spelling, the country everything else: ``de-CH`` for readers in Austria has no ß."""
    base, region = language.split("-", maxsplit=1)[0].lower(), language.partition("-")[2].upper()
    name = f"{base}-{country.upper()}"
    known = markets()
    if name not in known:
        return _fallback(language, base, country.upper())
    market = known[name]
    spelt = known.get(f"{base}-{region}", market)
    market = msgspec.structs.replace(market, spelling=spelt.spelling)
    return Chosen(market, market.rules())


def _fallback(language: str, base: str, country: str) -> Chosen:
    """Put together what is known of the language, and of the country in another language or in short."""
    known, little = markets(), countries()
    name = base if base in known else NEUTRAL
    pairs = (f"{base}-{country}", language)
    spelling = next(
        (little.language[pair] for pair in pairs if pair in little.language), known[name].spelling
    )
    market = msgspec.structs.replace(known[name], spelling=spelling)
    other = next((pair for pair in sorted(known) if pair.endswith(f"-{country}")), None)
    if other is not None:
        market = _with_country(market, known[other])
        note = f"no market is known for {base}-{country}: the rules of {_called(name)} and the country of {other} hold"
        return Chosen(market, market.rules(), (note,))
    habits = little.country.get(country, ())
    notes = [f"no market is known for {base}-{country}: the rules of {_called(name)} hold"]
    if not habits:
        notes.append(
            f"no currency, units, authorities and laws are known for country {country}: see the sources"
        )
    rules = [rule for rule in market.rules() if not (habits and rule.startswith("Dates: "))]
    return Chosen(market, (*rules, *habits), tuple(notes))


def _with_country(market: Market, other: Market) -> Market:
    return msgspec.structs.replace(
        market, currency=other.currency, units=other.units, authorities=other.authorities, laws=other.laws
    )


def _called(name: str) -> str:
    return "the neutral market" if name == NEUTRAL else f"language {name}"


@cache
def markets() -> dict[str, Market]:
    """Return all markets by name. Raises msgspec.ValidationError when a file is not as it should be."""
    folder = resources.files(__package__)
    return {
        entry.name.removesuffix(".toml"): msgspec.toml.decode(entry.read_text("utf-8"), type=Market)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml") and entry.name != f"{_COUNTRIES}.toml"
    }


@cache
def countries() -> Countries:
    """Return what ``countries.toml`` says. Raises msgspec.ValidationError."""
    text = (resources.files(__package__) / f"{_COUNTRIES}.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Countries)


def check() -> None:
    """Read all files, so that a worker with a broken one does not start. Raises msgspec.ValidationError."""
    countries()
    markets()
