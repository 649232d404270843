import asyncio
from typing import Annotated

import msgspec

from stage_workers.chat import Conversation, ModelTurn, Reply, ToolCall, ToolTurn, UserTurn
from stage_workers.tool_loop import Function, Limits, run

ASKED = Conversation(system="s", turns=(UserTurn(text="go"),))
LIMITS = Limits(calls=6, turns=10)


class Words(msgspec.Struct):
    words: Annotated[str, msgspec.Meta(max_length=10)]


class Echo:
    """A tool that returns its argument, and the model that asks for it."""

    def __init__(self, *replies):
        self.replies, self.asked, self.called = list(replies), [], []
        self.at_once = self.most_at_once = 0

    async def call(self, asked):
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.called.append(asked.words)
        return {"said": asked.words}

    @property
    def functions(self):
        return {
            "echo": Function("Say it.", Words, self.call),
            "other": Function("Say it too.", Words, self.call),
        }

    async def complete(self, conversation):
        self.asked.append(conversation)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def calls(*words, name="echo"):
    made = (
        ToolCall(call_id=f"c{n}", name=name, arguments=each if isinstance(each, (dict, str)) else {})
        for n, each in enumerate(words)
    )
    return Reply(calls=tuple(made))


def say(word):
    return {"words": word}


async def loop(echo, go_on=lambda: None, limits=LIMITS):
    return await run(echo.complete, ASKED, echo.functions, limits, go_on)


async def test_results_go_back_in_the_order_of_the_calls():
    echo = Echo(calls(say("one"), say("two")), Reply(text="done"))
    assert await loop(echo) == 2
    assert [tool.name for tool in echo.asked[0].tools] == ["echo", "other"]
    said, results = echo.asked[1].turns[1:]
    assert said == ModelTurn(calls=calls(say("one"), say("two")).calls)
    assert isinstance(results, ToolTurn)
    assert [(each.call_id, each.content) for each in results.results] == [
        ("c0", {"said": "one"}),
        ("c1", {"said": "two"}),
    ]


async def test_an_unknown_tool_and_wrong_arguments_are_told_and_the_loop_goes_on():
    wrong = (
        calls(say("x"), name="rm").calls
        + calls("no object", {"words": "far too long to be taken"}, {"other": 1}).calls
    )
    echo = Echo(Reply(calls=wrong), calls(say("right")), Reply(text="done"))
    await loop(echo)
    errors = [each.content["error"] for each in echo.asked[1].turns[-1].results]
    assert errors[0] == "there is no tool rm; there are echo, other"
    assert errors[1] == "the arguments are no JSON object"
    assert "length <= 10" in errors[2]
    assert "missing required field `words`" in errors[3]
    assert echo.called == ["right"]


async def test_a_model_that_asks_for_tools_for_ever_is_ended():
    echo = Echo(calls(say("again"), say("again")))
    assert await loop(echo) == 6
    assert len(echo.called) == 6
    assert len(echo.asked) == 3


async def test_more_calls_at_once_than_are_left_are_not_made():
    echo = Echo(calls(*[say("x")] * 50))
    assert await loop(echo) == 6
    assert len(echo.called) == 6


async def test_a_model_that_stops_early_is_told_to_go_on_and_for_ever_it_is_not():
    echo = Echo(Reply(text="I am done."))
    assert await loop(echo, lambda: "more, please") == 0
    assert len(echo.asked) == LIMITS.turns
    assert echo.asked[1].turns[1:] == (ModelTurn(text="I am done."), UserTurn(text="more, please"))


async def test_an_empty_turn_is_not_sent_back_as_one():
    echo = Echo(Reply(), Reply(text="done"))
    reminders = iter(["go on", None])
    await loop(echo, lambda: next(reminders))
    assert echo.asked[1].turns[1].text


async def test_calls_of_one_tool_run_together_but_only_so_many():
    echo = Echo(calls(*[say("x")] * 6), Reply(text="done"))
    await loop(echo)
    assert echo.most_at_once == LIMITS.at_once


async def test_different_tools_run_after_one_another():
    mixed = calls(say("1")).calls + calls(say("2"), name="other").calls + calls(say("3")).calls
    echo = Echo(Reply(calls=mixed), Reply(text="done"))
    await loop(echo)
    assert echo.most_at_once == 1
    assert echo.called == ["1", "2", "3"]
