import pytest

from stage_workers.extractive.feedback import choices
from stage_workers.extractive.phrases import languages, phrases
from stage_workers.extractive.profile import language_of, name_of
from stage_workers.site import addresses, structured_data

HOME = "https://www.workshop.example/"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "home"),
        ("about-us", "about"),
        ("de/impressum", "legal"),
        ("kontakt.html", "contact"),
        ("blog/2024/chain-care", "article"),
        ("leistungen/wartung", "product"),
        ("blog/terms", "legal"),
        ("something", "other"),
    ],
)
def test_the_kind_of_a_page_is_read_from_its_address(path, kind):
    assert addresses.kind_of(HOME + path, HOME) == kind


def test_addresses_are_compared_without_www_fragment_and_case():
    assert addresses.is_same_site("https://workshop.example/a", HOME)
    assert not addresses.is_same_site("https://shop.workshop.example/a", HOME)
    assert addresses.without_fragment("HTTPS://Workshop.Example#x") == "https://workshop.example/"


@pytest.mark.parametrize("path", ["a.pdf", "login", "style.css", "tag/chain"])
def test_files_and_forms_are_no_pages(path):
    assert not addresses.is_page(HOME + path)


@pytest.mark.parametrize("link", ["http://[bad", "http://\u2100.test/", ""])
def test_links_that_are_no_address_belong_nowhere_and_break_nothing(link):
    assert not addresses.is_page(link)
    assert not addresses.is_same_site(link, HOME)
    assert addresses.without_fragment(link) == link
    assert addresses.choose([link, f"{HOME}about"], HOME, "chain")[0] == f"{HOME}about"


def test_pages_about_the_keyword_are_read_first_and_not_all_of_them():
    urls = [f"{HOME}blog/post-{n}" for n in range(30)] + [
        f"{HOME}blog/bicycle-chain",
        f"{HOME}about",
        f"{HOME}legal",
    ]
    chosen = addresses.choose(urls, HOME, "bicycle chain")
    assert f"{HOME}blog/bicycle-chain" in chosen
    assert f"{HOME}about" in chosen
    assert f"{HOME}legal" not in chosen
    assert len(chosen) <= 16


def test_structured_data_is_found_at_any_depth_and_people_once():
    data = [
        {
            "@graph": [
                {"@type": ["Organization"], "name": "W", "url": "/"},
                {"author": [{"@type": "Person", "name": "A"}]},
            ]
        }
    ]
    assert structured_data.organization(data)["name"] == "W"
    twice = [
        *structured_data.people(data, HOME),
        *structured_data.people([{"@type": "Person", "name": "A", "url": "/a"}], HOME),
    ]
    assert [(author.name, author.url) for author in structured_data.merge(twice)] == [("A", HOME + "a")]


def test_malformed_structured_data_is_passed_over():
    data = [{"@type": 5, "name": ["x"]}, {"@type": "Organization", "name": None}, {"@graph": "no"}]
    assert structured_data.organization(data) == {}
    assert structured_data.people(data, HOME) == ()


def test_the_name_is_what_page_titles_share():
    assert name_of(["Start | Rolling Hill", "Chains | Rolling Hill", "About"]) == "Rolling Hill"
    assert name_of(["Rolling Hill: bicycles"]) == "Rolling Hill"
    assert name_of([]) == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The chain is oiled and it is the best that you can do for the bicycle.", "en"),
        ("Die Kette ist geölt und das ist das Beste, was man für das Rad tun kann.", "de"),
        ("12 34 56", None),
    ],
)
def test_the_language_shows_in_its_small_words(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize("language", sorted(languages()))
def test_connectives_of_every_language_have_the_same_gaps(language):
    known = phrases(language)
    gaps = {"keyword": "K", "company": "C", "count": 3, "title": "T", "topic": "O", "country": "L"}
    assert known.headlines[-1].format(**gaps) == known.headlines_many[-1].format(**gaps) == "K"
    related = (known.headline_related, known.teaser_related, known.answer_lead_related)
    for text in (
        known.teaser,
        known.teaser_one,
        known.teaser_many,
        *related,
        known.answer_lead,
        known.attribution,
        known.page_question,
        *known.questions,
    ):
        filled = text.format(**gaps)
        assert "{" not in filled
        assert filled != text
    assert len(known.aspects) >= 20


def test_unknown_languages_fall_back_to_english_and_are_noted():
    assert phrases("xx") is phrases("xx")
    assert phrases("xx") == phrases("en")
    assert phrases("de-AT") == phrases("de")


def test_without_earlier_rounds_nothing_is_varied():
    assert choices(()) == choices([])
    assert choices(()).answer_rank == 0
