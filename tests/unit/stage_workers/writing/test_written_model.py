import msgspec
import pytest

from contracts.articles import BulletList, Draft, Paragraph, QuestionAnswer, Section, Sentence, Table
from stage_workers import tasks
from stage_workers.adapters.written import WritingModel
from stage_workers.chat import ModelTurn, Reply, UserTurn
from stage_workers.errors import Permanent, Transient


class Chat:
    """A ChatModel that says what it is told to, and remembers what it was asked."""

    name = "chat/test"

    def __init__(self, *replies):
        self.replies, self.asked = list(replies), []

    async def complete(self, conversation):
        self.asked.append(conversation)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Reply) else Reply(text=reply)


@pytest.fixture
def writing(make):
    return make.write_draft("bicycle chain", make.bicycle_pages())


@pytest.fixture
def quoting(make, writing):
    chain = make.bicycle_pages()[1]
    page = tasks.PageText(url=chain.url, title=chain.title, text=chain.text)
    return tasks.SelectQuotes(request=writing.request, brief=writing.brief, page=page, limit=2)


def quotes(*texts):
    return msgspec.json.encode({"quotes": texts}).decode()


def claim(text, *ids):
    return Sentence(text=text, source_ids=ids)


DRAFT = Draft(
    headline="H",
    teaser="T",
    direct_answer=(claim("Backed.", "s1", "s99"), claim("Invented.", "s99"), claim("From nowhere.")),
    intro=(Sentence(text="So it goes.", connective=True),),
    sections=(
        Section(
            heading="Kept",
            blocks=(
                Paragraph(sentences=(claim("Known.", "s2"), claim("Unknown.", "x"))),
                BulletList(items=(claim("Nothing.", "x"),)),
                Table(caption="C", header=("a",), rows=(("1",),), source_ids=("x",)),
                Table(caption="D", header=("a",), rows=(("1",),), source_ids=("s1",)),
            ),
        ),
        Section(heading="Empty", blocks=(Paragraph(sentences=(claim("Unknown.", "x"),)),)),
    ),
    faq=(QuestionAnswer(question="Q?", answer=(claim("Unknown.", "x"),)),),
)


def sentences_of(task):
    return [line for line in task.page.text.splitlines() if len(line.split()) > 8 and line[0].isalpha()]


def encoded(value):
    return msgspec.json.encode(value).decode()


async def test_a_quote_that_is_not_on_the_page_is_dropped_and_no_more_than_the_limit_is_kept(quoting):
    lines = sentences_of(quoting)
    chat = Chat(
        quotes("These words stand nowhere on that page at all.", lines[0], lines[0], lines[1], lines[2])
    )
    chosen = await WritingModel(chat).perform(quoting)
    assert chosen.quotes == (lines[0], lines[1])


async def test_white_space_does_not_make_another_quote(quoting):
    line = sentences_of(quoting)[0]
    broken = "  ".join(line.split()).replace("  ", "\n", 1)
    chosen = await WritingModel(Chat(quotes(broken))).perform(quoting)
    assert len(chosen.quotes) == 1


async def test_a_call_that_reads_a_page_has_no_tools(quoting):
    chat = Chat(quotes())
    await WritingModel(chat).perform(quoting)
    assert chat.asked[0].tools == ()
    assert chat.asked[0].schema is not None


async def test_claims_without_a_source_of_the_research_are_dropped(writing):
    draft = await WritingModel(Chat(encoded(DRAFT))).perform(writing)
    assert draft.direct_answer == (claim("Backed.", "s1"),)
    assert draft.intro == DRAFT.intro
    (section,) = draft.sections
    assert section.blocks == (Paragraph(sentences=(claim("Known.", "s2"),)), DRAFT.sections[0].blocks[3])
    assert draft.faq == ()
    assert draft.generator == "chat/test"


async def test_what_the_request_says_is_not_the_model_s_choice(writing):
    fields = msgspec.to_builtins(writing.brief) | {"language": "xx", "country": "XX", "rules": ["none"]}
    task = tasks.WriteBrief(request=writing.request, company=writing.company, rules=("Metric.",))
    brief = await WritingModel(Chat(encoded(fields))).perform(task)
    assert (brief.language, brief.country, brief.rules) == ("en", "US", ("Metric.",))


async def test_json_in_a_fence_is_json(quoting):
    assert await WritingModel(Chat(f"```json\n{quotes()}\n```")).perform(quoting) == tasks.SelectedQuotes(
        quotes=()
    )


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("Certainly! Here is what I found.", "JSON is malformed"),
        ('{"quotes": ["half', "truncated"),
        ('{"words": []}', "missing required field `quotes`"),
        ('{"quotes": 5}', "Expected `array`"),
        ("[1]", "Expected `object`"),
        ('{"a":' * 5000, "unreadable"),
    ],
)
async def test_an_answer_that_does_not_fit_is_asked_for_once_more_with_the_reason(quoting, bad, told):
    chat = Chat(bad, quotes())
    assert await WritingModel(chat).perform(quoting) == tasks.SelectedQuotes(quotes=())
    first, second = chat.asked
    assert second.turns[:1] == first.turns
    assert second.turns[1] == ModelTurn(text=bad)
    assert told in second.turns[2].text
    assert second.schema == first.schema


async def test_an_empty_answer_is_asked_for_again_in_one_turn(quoting):
    chat = Chat(" \n", quotes())
    await WritingModel(chat).perform(quoting)
    (turn,) = chat.asked[1].turns
    assert isinstance(turn, UserTurn)
    assert chat.asked[0].turns[0].text in turn.text
    assert "it was empty" in turn.text


async def test_an_answer_that_was_cut_is_asked_for_in_fewer_words(quoting):
    chat = Chat(Reply(text='{"quotes": ["half', finish="length"), quotes())
    await WritingModel(chat).perform(quoting)
    assert "be briefer" in chat.asked[1].turns[-1].text


@pytest.mark.parametrize("bad", ["prose", "", '{"quotes": ["half'])
async def test_two_answers_that_do_not_fit_are_an_attempt_that_failed(quoting, bad):
    chat = Chat(bad, bad, quotes())
    with pytest.raises(Transient) as caught:
        await WritingModel(chat).perform(quoting)
    assert caught.value.code == "model_malformed"
    assert len(chat.asked) == 2


@pytest.mark.parametrize("problem", [Transient("model_timeout", "late"), Permanent("model_blocked", "no")])
async def test_the_provider_s_word_is_passed_on(quoting, problem):
    with pytest.raises(type(problem)) as caught:
        await WritingModel(Chat(problem)).perform(quoting)
    assert caught.value is problem
