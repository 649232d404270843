"""ChatModel: Gemini's library and plain HTTP to OpenAI's interface, over real sockets, faults included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from blog_writer.fake_model import FakeModel, Fault, serve_fake_model
from blog_writer.fake_model.exchange import THOUGHT_TOKENS
from stage_workers.adapters.gemini import Gemini
from stage_workers.adapters.openai_compatible import OpenAICompatible
from stage_workers.chat import Conversation, ModelTurn, Reply, Tool, ToolResult, ToolTurn, UserTurn
from stage_workers.errors import Permanent, Transient
from stage_workers.written.schema import schema_of

KEY = "fake-key"
PAGE = (
    "# Chains\n\nA bicycle chain lasts between two and three thousand kilometres in dry weather. "
    "A chain that is cleaned once a month lasts about a third longer than one that never is."
)
TEXT = f"""<request>
{{"primary_keyword":"bicycle chain","company_url":"https://workshop.example"}}
</request>
<brief>
{{"audience":"","intent":"informational","angle":"","outline":["Wear"],"questions":["How long?"],
"queries":["chain wear","chain life"],"word_target":900,"language":"en","country":"US","tone":""}}
</brief>
<limit>
5
</limit>
<material url="https://workshop.example/chains" title="Chains">
{PAGE}
</material>"""


class Kind(msgspec.Struct):
    """The fields that a list of quotes has, some of the other kinds, and one that may be missing."""

    quotes: tuple[str, ...]
    count: int = 0
    sure: bool | None = None


class Search(msgspec.Struct):
    query: str
    """Words."""


class Nothing(msgspec.Struct):
    pass


TOOLS = (
    Tool(name="web_search", description="Search.", parameters=schema_of(Search)),
    Tool(name="company_pages", description="List.", parameters=schema_of(Nothing)),
)
ASKING = Conversation(system="Be exact.", turns=(UserTurn(text=TEXT),), schema=schema_of(Kind))
USING = Conversation(system="Use tools.", turns=(UserTurn(text=TEXT),), tools=TOOLS)


@pytest.fixture
async def provider() -> AsyncIterator[FakeModel]:
    async with serve_fake_model(key=KEY) as server:
        yield server


Made = Callable[..., Any]


@pytest.fixture(params=["gemini", "openai-compatible"])
async def make(request: pytest.FixtureRequest, provider: FakeModel) -> AsyncIterator[Made]:
    """Make an adapter for the provider."""
    made: list[Any] = []

    def make(*, model: str = "fake-writer", key: str = KEY, seconds: float = 20, url: str = "") -> Any:
        url = url or provider.url
        is_gemini = request.param == "gemini"
        made.append(
            Gemini(model, key, url, seconds)
            if is_gemini
            else OpenAICompatible(f"{url}/v1/", model, key, seconds)
        )
        return made[-1]

    yield make
    for each in made:
        await each.__aexit__(None, None, None)


@pytest.fixture
def model(make: Made) -> Any:
    return make()


async def test_it_is_named_after_adapter_and_model(model: Any) -> None:
    assert model.name in {"gemini/fake-writer", "openai-compatible/fake-writer"}


async def test_an_answer_of_the_asked_form_comes_with_its_tokens(model: Any) -> None:
    reply = await model.complete(ASKING)
    (quote,) = json.loads(reply.text)["quotes"]
    assert quote in PAGE
    assert reply.calls == ()
    assert reply.finish == "stop"
    assert reply.usage.input_tokens > 100
    assert reply.usage.output_tokens == 1 + len(reply.text) // 4 + THOUGHT_TOKENS
    assert reply.model == "fake-writer"


async def test_the_schema_the_instructions_and_the_limits_arrive(model: Any, provider: FakeModel) -> None:
    wanted = msgspec.structs.replace(ASKING, temperature=0.5, most_tokens=1000)
    await model.complete(wanted)
    sent = json.dumps(provider.seen[-1].body)
    for part in ("Be exact.", "quotes", "count", "sure", "1000", "0.5"):
        assert part in sent


async def test_what_is_not_wanted_is_not_sent(model: Any, provider: FakeModel) -> None:
    await model.complete(ASKING)
    sent = json.dumps(provider.seen[-1].body)
    for part in ("temperature", "max_tokens", "maxOutputTokens", "tools"):
        assert part not in sent


async def test_tools_are_asked_for_and_their_results_understood(model: Any) -> None:
    first = await model.complete(USING)
    (call,) = first.calls
    assert (call.name, call.arguments) == ("company_pages", {})
    assert call.call_id
    result = ToolResult(
        call_id=call.call_id, name=call.name, content={"pages": "https://workshop.example/ Home"}
    )
    turns = (*USING.turns, ModelTurn(calls=first.calls), ToolTurn(results=(result,)))
    second = await model.complete(msgspec.structs.replace(USING, turns=turns))
    assert [each.name for each in second.calls] == ["web_search"] * 4
    assert second.calls[0].arguments == {"query": "chain wear"}
    assert len({each.call_id for each in second.calls}) == 4


async def test_a_reply_can_be_recorded(model: Any) -> None:
    reply = await model.complete(USING)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply


async def test_an_empty_answer_is_returned_as_it_is(model: Any, provider: FakeModel) -> None:
    provider.faults.append(Fault.EMPTY)
    reply = await model.complete(ASKING)
    assert (reply.text, reply.calls, reply.finish) == ("", (), "stop")


async def test_an_answer_that_is_cut_at_its_limit_says_so(model: Any, provider: FakeModel) -> None:
    provider.faults.append(Fault.TRUNCATED)
    reply = await model.complete(ASKING)
    assert reply.finish == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.text)


async def test_a_late_answer_is_an_answer(model: Any, provider: FakeModel) -> None:
    provider.faults.append(Fault.SLOW)
    assert (await model.complete(ASKING)).text


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.RATE_LIMITED, "model_rate_limited"),
        (Fault.SERVER_ERROR, "model_unavailable"),
        (Fault.OVERLOADED, "model_unavailable"),
        (Fault.CUT, "model_unreachable"),
        (Fault.GARBLED, "model_malformed"),
    ],
)
async def test_what_may_pass_is_transient_and_asked_once(
    model: Any, provider: FakeModel, fault: Fault, code: str
) -> None:
    provider.faults.append(fault)
    with pytest.raises(Transient) as caught:
        await model.complete(ASKING)
    assert caught.value.code == code
    assert len(provider.seen) == 1
    assert (await model.complete(ASKING)).text


async def test_the_time_to_wait_is_the_provider_s(model: Any, provider: FakeModel) -> None:
    provider.faults.append(Fault.RATE_LIMITED)
    with pytest.raises(Transient) as caught:
        await model.complete(ASKING)
    assert caught.value.after_seconds == 7


@pytest.mark.parametrize("fault", [Fault.HANGING, Fault.DRIPPING])
async def test_a_provider_that_never_answers_is_given_up(
    make: Made, provider: FakeModel, fault: Fault
) -> None:
    provider.faults.append(fault)
    with pytest.raises(Transient) as caught:
        await make(seconds=0.4).complete(ASKING)
    assert caught.value.code == "model_timeout"


async def test_a_provider_that_is_not_there_may_come_later(make: Made) -> None:
    with pytest.raises(Transient) as caught:
        await make(url="http://127.0.0.1:9").complete(ASKING)
    assert caught.value.code == "model_unreachable"


async def test_a_withheld_answer_is_final(model: Any, provider: FakeModel) -> None:
    provider.faults.append(Fault.BLOCKED)
    with pytest.raises(Permanent) as caught:
        await model.complete(ASKING)
    assert caught.value.code == "model_blocked"


async def test_a_wrong_key_is_final_and_not_told(make: Made) -> None:
    with pytest.raises(Permanent) as caught:
        await make(key="sk-wrong-and-secret").complete(ASKING)
    assert caught.value.code == "model_key"
    assert "secret" not in str(caught.value)


async def test_a_model_that_does_not_exist_is_final(make: Made) -> None:
    with pytest.raises(Permanent) as caught:
        await make(model="no-such-model").complete(ASKING)
    assert caught.value.code == "model_unknown"


async def test_a_request_that_the_provider_refuses_is_final(model: Any) -> None:
    unknown = msgspec.structs.replace(ASKING, schema=schema_of(Search))
    with pytest.raises(Permanent) as caught:
        await model.complete(unknown)
    assert caught.value.code == "model_request"


async def test_a_cancelled_call_has_no_effect_on_the_next_one(model: Any, provider: FakeModel) -> None:
    provider.faults.append(Fault.HANGING)
    call = asyncio.create_task(model.complete(ASKING))
    while not provider.seen:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await model.complete(ASKING)).text


async def test_calls_run_side_by_side(model: Any, provider: FakeModel) -> None:
    provider.faults.extend([Fault.SLOW] * 6)
    replies = await asyncio.gather(*(model.complete(ASKING) for _ in range(6)))
    assert len({reply.text for reply in replies}) == 1


async def test_cancelling_closes_the_call_over_plain_http(provider: FakeModel) -> None:
    provider.faults.append(Fault.HANGING)
    async with OpenAICompatible(f"{provider.url}/v1", "fake-writer", KEY) as chat:
        call = asyncio.create_task(chat.complete(ASKING))
        while not provider.seen:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(provider.hung_up.wait, 10)
