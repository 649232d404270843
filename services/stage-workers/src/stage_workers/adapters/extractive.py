"""The language model that is none: composes from the words of pages (:mod:`stage_workers.extractive`)."""

import asyncio
from typing import Any, TypeVar

from stage_workers.errors import Permanent
from stage_workers.extractive import brief, draft, profile, questions_task, quotes
from stage_workers.tasks import (
    AnswerQuestions,
    ProfileCompany,
    ReviseOpening,
    ReviseQuestions,
    ReviseSection,
    SelectQuotes,
    Task,
    WriteBrief,
    WriteDraft,
)

T = TypeVar("T")


class ExtractiveModel:
    """A LanguageModel without a model. It cannot follow instructions in prose: review prompts change nothing."""

    @property
    def name(self) -> str:
        return "extractive"

    async def perform(self, task: Task[T]) -> T:
        """Return the task's result, computed in a thread. Raises Permanent."""
        result: T = await asyncio.to_thread(self._perform, task)
        return result

    def _perform(self, task: Task[Any]) -> Any:
        match task:
            case ProfileCompany():
                return profile.profile(task)
            case WriteBrief():
                return brief.plan(task)
            case SelectQuotes():
                return quotes.select(task)
            case WriteDraft():
                return draft.compose(task, self.name)
            case AnswerQuestions():
                return questions_task.complete(task)
            case ReviseOpening() | ReviseSection() | ReviseQuestions():
                return task.RESULT(passage=task.passage, changes=())
            case _:
                raise Permanent("unknown_task", f"the extractive model cannot perform {type(task).__name__}")
