"""Language and country decide how an article is written, whom it believes and whose law it quotes."""

from datetime import date

import msgspec
import pytest

from contracts.jobs import ArticleRequest
from contracts.stages import BriefInput, CompanyOutput
from stage_workers import markets
from stage_workers.extractive.topics import gather
from stage_workers.stages import brief

PAIRS = ("en-US", "en-GB", "de-DE", "de-AT", "de-CH", "fr-FR", "es-ES", "it-IT", "nl-NL")
LANGUAGES = {"en", "de", "fr", "es", "it", "nl"}


def test_every_file_is_read_when_a_worker_starts():
    markets.check()
    assert set(markets.markets()) == {*PAIRS, *LANGUAGES, "neutral"}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_market_says_all_that_a_writer_needs(pair):
    language, _, country = pair.partition("-")
    chosen = markets.choose(language, country)
    market = chosen.market
    assert chosen.notes == ()
    assert market == markets.markets()[pair]
    assert all((market.spelling, market.numbers, market.currency, market.units, market.authorities))
    assert len(market.laws) >= 3
    assert len(set(market.months)) == 12
    text = "\n".join(chosen.rules)
    for part in (
        *market.spelling,
        market.numbers,
        market.currency,
        market.units,
        *market.authorities,
        *market.laws,
    ):
        assert part in text


@pytest.mark.parametrize("broken", ['spelling = ["x"]', 'spelling = "x"', "unknown = 1"])
def test_a_file_with_a_missing_a_wrong_or_an_unknown_field_is_refused(broken):
    good = 'numbers = "n"\ndate_form = "{iso}"\nmonths = []\n'
    with pytest.raises(msgspec.ValidationError):
        msgspec.toml.decode(broken if broken == 'spelling = ["x"]' else good + broken, type=markets.Market)


@pytest.mark.parametrize(
    ("pair", "written"),
    [
        ("en-US", "January 5, 2025"),
        ("en-GB", "5 January 2025"),
        ("de-DE", "5. Januar 2025"),
        ("de-AT", "5. Jänner 2025"),
        ("de-CH", "5. Januar 2025"),
        ("fr-FR", "5 janvier 2025"),
        ("es-ES", "5 de enero de 2025"),
        ("it-IT", "5 gennaio 2025"),
        ("nl-NL", "5 januari 2025"),
        ("pl-PL", "2025-01-05"),
    ],
)
def test_dates_are_written_as_readers_write_them(pair, written):
    language, _, country = pair.partition("-")
    assert markets.choose(language, country).market.written(date(2025, 1, 5)) == written


def test_the_languages_region_rules_spelling_and_the_country_the_rest():
    chosen = markets.choose("de-CH", "AT")
    assert "Swiss spelling with ss in place of ß" in chosen.rules
    assert "Currency EUR: € 1.234,50" in chosen.rules
    assert chosen.notes == ()


def test_an_unknown_pair_takes_the_languages_rules_and_what_is_known_of_the_country():
    canada = markets.choose("fr", "CA")
    assert {"No space before ; ! ?", "Currency CAD: $1,234.50"} <= set(canada.rules)
    assert [rule for rule in canada.rules if rule.startswith("Dates")] == [
        "Dates: 2025-01-31 or January 31, 2025"
    ]
    assert canada.notes == ("no market is known for fr-CA: the rules of language fr hold",)
    germany = markets.choose("en", "DE")
    assert germany.market.authorities == markets.markets()["de-DE"].authorities
    assert germany.market.months[0] == "January"
    assert "country of de-DE" in germany.notes[0]


def test_what_nothing_is_known_of_takes_neutral_rules_and_says_so():
    chosen = markets.choose("xx", "ZZ")
    assert chosen.market == markets.markets()["neutral"]
    assert [note.partition(":")[0] for note in chosen.notes] == [
        "no market is known for xx-ZZ",
        "no currency, units, authorities and laws are known for country ZZ",
    ]


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://www.gov.uk/vat", True),
        ("https://legislation.gov.uk/", True),
        ("https://notgov.uk/", False),
        ("https://gov.uk.example/", False),
        ("http://[broken", False),
    ],
)
def test_an_authority_is_a_host_and_what_is_below_it(url, trusted):
    assert markets.choose("en", "GB").market.trusts(url) is trusted


async def test_the_brief_holds_the_rules_and_the_notes(make):
    request = ArticleRequest(
        primary_keyword="chain", company_url="https://w.example/", language="fr", country="CA"
    )
    company = CompanyOutput(name="W", url="https://w.example/", language="fr", country="CA")
    plan = (await brief.run(BriefInput(request=request, company=company), make.Context())).output
    chosen = markets.choose("fr", "CA")
    assert plan.rules == chosen.rules
    assert set(chosen.notes) <= set(plan.notes)


def test_of_two_pages_that_say_the_same_the_authoritys_counts_more(make):
    (source,) = make.write_draft("bicycle chain", [make.page("bicycle-chain")]).sources
    twin = msgspec.structs.replace(source, source_id="s2", url="https://www.gov.uk/guides/bicycle-chain")
    topics = gather((source, twin), "bicycle chain", "en", None, ("gov.uk",))
    best = {topic.source.source_id: topic.score for topic in reversed(topics)}
    assert best["s2"] > best["s1"]
