"""A LanguageModel over any ChatModel: asks, checks, and asks once more when the answer does not fit."""

from __future__ import annotations

from string import Template
from typing import TypeVar

import msgspec

from chassis import logs
from stage_workers.chat import ChatModel, Conversation, ModelTurn, Reply, Turn, UserTurn
from stage_workers.errors import Transient
from stage_workers.tasks import Task
from stage_workers.written import answers, prompts
from stage_workers.written.schema import schema_of

log = logs.get_logger(__name__)

T = TypeVar("T")

_QUOTED = 300


class WritingModel:
    """Performs tasks by prompts. Calls that read pages have no tools."""

    def __init__(self, chat: ChatModel) -> None:
        self.chat = chat

    @property
    def name(self) -> str:
        return self.chat.name

    async def perform(self, task: Task[T]) -> T:
        """See LanguageModel. Raises Transient ``model_malformed`` when the second answer does not fit either."""
        asked = prompts.prompt(task)
        schema = schema_of(task.RESULT, answers.given(task, self.name).keys())
        conversation = Conversation(system=asked.system, turns=(UserTurn(text=asked.text),), schema=schema)
        reply = await self._complete(conversation, type(task).__name__)
        try:
            return answers.read(reply.text, task, self.name)
        except msgspec.DecodeError as error:
            problem = _problem(reply, error)
        log.warning("model_answer_repaired", model=self.name, task=type(task).__name__, reason=problem)
        reply = await self._complete(_repaired(conversation, reply, problem), type(task).__name__)
        try:
            return answers.read(reply.text, task, self.name)
        except msgspec.DecodeError as error:
            reason = f"{self.name} answered twice what cannot be used: {_problem(reply, error)}"
            raise Transient("model_malformed", reason) from error

    async def converse(self, conversation: Conversation) -> Reply:
        """See ToolUser."""
        return await self._complete(conversation, "Converse")

    async def _complete(self, conversation: Conversation, task: str) -> Reply:
        reply = await self.chat.complete(msgspec.structs.replace(conversation, purpose=task))
        log.info(
            "model_answered",
            model=reply.model,
            task=task,
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
        )
        return reply


def _problem(reply: Reply, error: msgspec.DecodeError) -> str:
    if not reply.text.strip():
        return "it was empty"
    cut = "it was cut at the limit of tokens, so be briefer; " if reply.finish == "length" else ""
    return f"{cut}{str(error)[:_QUOTED]}"


def _repaired(conversation: Conversation, reply: Reply, problem: str) -> Conversation:
    """Return the conversation with a turn that quotes what was wrong. Some providers refuse an empty turn of the
    model, and two turns of the user after one another."""
    asked = Template(prompts.instructions("repair")).substitute(problem=problem)
    if reply.text.strip():
        turns: tuple[Turn, ...] = (*conversation.turns, ModelTurn(text=reply.text), UserTurn(text=asked))
        return msgspec.structs.replace(conversation, turns=turns)
    *earlier, last = conversation.turns
    said = last.text if isinstance(last, UserTurn) else ""
    return msgspec.structs.replace(conversation, turns=(*earlier, UserTurn(text=f"{said}\n\n{asked}")))
