"""What an editor would strike out of an extractive article does not come into it."""

from contracts.articles import BulletList, Paragraph, Quote, Section, Sentence, Source, Table
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.extractive import introduction, questions
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.retelling import without_retelling
from stage_workers.extractive.topics import gather

TOLD = (
    "A house loses heat in three ways: conduction through walls, roof, floor and windows; air that leaves through "
    "gaps and open windows; and losses of the boiler, such as flue gas and hot pipes in cold rooms."
)
RETOLD = (
    "Most houses lose heat in three ways, through walls, roof, floor and glass, with warm air that leaves by gaps "
    "and open windows, and in the boiler as flue gas or in hot pipes."
)
OTHER = (
    "Solar panels turn light into electricity, cover a part of the demand in summer, and sell what is left to the "
    "grid, while in midwinter they hardly produce anything on a cloudy northern afternoon."
)


def paragraph(*texts):
    return Paragraph(sentences=tuple(Sentence(text=text, source_ids=("s1",)) for text in texts))


def blocks(*sections):
    made = [Section(heading=str(at), blocks=found) for at, found in enumerate(sections)]
    return [section.blocks for section in without_retelling(made, "en")]


def topics_of(*quotes, keyword="heat pump"):
    made = tuple(Quote(text=text, heading=heading) for heading, text in quotes)
    source = Source(source_id="s1", url="https://firm.example/a", title="Heat", kind="company", quotes=made)
    return gather((source,), keyword, "en")


def test_a_paragraph_that_another_section_tells_already_is_left_out():
    told, retold, other = paragraph(TOLD), paragraph(RETOLD), paragraph(OTHER)
    assert blocks((told,), (other, retold)) == [(told,), (other,)]
    assert blocks((told,), (other,)) == [(told,), (other,)]


def test_of_two_sections_that_tell_the_same_one_keeps_it():
    told, retold, other = paragraph(TOLD), paragraph(RETOLD), paragraph(OTHER)
    assert sorted(map(len, blocks((told, other), (retold, other)))) != [0, 0]
    assert any(told in found or retold in found for found in blocks((told, other), (retold, other)))


def test_a_retold_paragraph_stays_when_it_is_all_or_something_leans_on_it():
    told, retold = paragraph(TOLD), paragraph(RETOLD)
    assert blocks((told,), (retold,))[1] == (retold,)
    leaning = paragraph("These losses can be measured with a camera on a cold day.")
    assert blocks((told,), (retold, leaning))[1] == (retold, leaning)
    lead = paragraph(RETOLD[:-1] + ":")
    listed = BulletList(items=(Sentence(text="one"), Sentence(text="two")))
    assert blocks((told,), (lead, listed))[1] == (lead, listed)


def test_an_answer_begins_with_its_pages_first_sentence_or_is_none():
    answer = "A heat pump moves heat from the cold side to the warm side. The motor of it is small and quiet."
    found = topics_of(("What does a heat pump do?", answer))
    (whole,) = questions.ask(found, "en", Ledger(), (), 5)
    assert whole.answer[0].text.startswith("A heat pump moves")
    taken = Ledger()
    taken.take("A heat pump moves heat from the cold side to the warm side.")
    assert questions.ask(found, "en", taken, (), 5) == []


ABOUT = [
    (
        "Where does a heat pump stand?",
        "It stands beside the house, where the neighbours hear little of the fan.",
    ),
    (
        "What drives the compressor?",
        "An electric motor of a few kilowatts drives the compressor of the heat pump.",
    ),
    ("Which noise is allowed at night?", "At the window next door, a heat pump may be as loud as a library."),
    (
        "How warm is the water?",
        "Fifty degrees are enough for a heat pump in an insulated house with radiators.",
    ),
    ("Who may install one?", "Trained fitters may install a heat pump, and they report it to the grid."),
    (
        "When does ice form outside?",
        "Near freezing, moisture of the air turns to ice on the heat pump outside.",
    ),
    ("Why is the buffer tank large?", "A large tank lets the heat pump run for an hour without a stop."),
    (
        "Do old radiators suffice?",
        "Many do, since they were chosen too large for the heat pump that follows.",
    ),
]


def test_questions_beside_the_keyword_are_asked_only_while_there_are_too_few():
    beside = (
        "Which lamp saves power?",
        "A lamp with light emitting diodes saves the most power of all of them.",
    )
    asked = [item.question for item in questions.ask(topics_of(*ABOUT, beside), "en", Ledger(), (), 10)]
    assert sorted(asked) == sorted(question for question, _ in ABOUT)
    few = [item.question for item in questions.ask(topics_of(*ABOUT[:3], beside), "en", Ledger(), (), 10)]
    assert "Which lamp saves power?" in few


def test_a_page_is_not_asked_what_it_says_on_its_own_title():
    text = "Heat is what a heat pump moves from the cold side to the warm side of a house."
    asked = [item.question for item in questions.ask(topics_of(("Heat", text)), "en", Ledger(), (), 5)]
    assert asked == ["What does “Heat” say?"]
    other = [item.question for item in questions.ask(topics_of(("The pump", text)), "en", Ledger(), (), 5)]
    assert other == ["What does “Heat” say about “The pump”?"]


def test_key_takeaways_say_nothing_of_the_company_and_lean_on_nothing():
    found = topics_of(
        ("A", "Bright Spark Heating sells a heat pump to every house in the county."),
        ("D", "We sell a heat pump only where it pays for the people who live there."),
        ("B", "A heat pump should still not become so cool that the water freezes."),
        ("C", "A heat pump lasts for about twenty years in an ordinary house."),
    )
    taken = introduction.take_away(found, "heat pump", "en", Ledger(), "Bright Spark Heating")
    assert [sentence.text for sentence in taken] == [
        "A heat pump lasts for about twenty years in an ordinary house."
    ]


async def test_a_tables_caption_is_the_heading_it_stood_under(make):
    task = make.write_draft("bicycle chain", make.bicycle_pages())
    draft = await ExtractiveModel().perform(task)
    tables = [b for section in draft.sections for b in section.blocks if isinstance(b, Table)]
    assert [table.caption for table in tables] == ["When is a chain worn?"]
