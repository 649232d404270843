"""Rules of spelling, units, currency and dates, by language and country."""

from functools import cache
from importlib import resources

import msgspec


class Locales(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of ``locales.toml``."""

    language: dict[str, tuple[str, ...]]
    country: dict[str, tuple[str, ...]]


def rules(language: str, country: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the rules for a language in a country, and notes on what there are no rules for."""
    known = _locales()
    base = language.split("-", maxsplit=1)[0].lower()
    names = (f"{base}-{country.upper()}", language, base)
    spelling = next((known.language[name] for name in names if name in known.language), None)
    habits = known.country.get(country.upper())
    notes = []
    if spelling is None:
        notes.append(f"no spelling rules are known for language {language}: its general rules hold")
    if habits is None:
        notes.append(
            f"no rules of currency, units and dates are known for country {country}: those of the sources hold"
        )
    return (*(spelling or ()), *(habits or ())), tuple(notes)


@cache
def _locales() -> Locales:
    text = (resources.files(__package__) / "locales.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=Locales)
