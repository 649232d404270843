"""Opens the language model and the image model that the settings choose."""

from __future__ import annotations

from contextlib import AsyncExitStack

from stage_workers.adapters.cards import CardPainter
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.adapters.gemini import Gemini
from stage_workers.adapters.imagen import Imagen
from stage_workers.adapters.openai_compatible import OpenAICompatible
from stage_workers.adapters.written import WritingModel
from stage_workers.ports import ImageModel, LanguageModel
from stage_workers.settings import Settings

GEMINI = "gemini-2.5-flash"
"""When no model is named. Later generations want their thought signatures back, which the library does not know."""


async def open_language_model(settings: Settings, stack: AsyncExitStack) -> LanguageModel:
    """Return the writer. Raises SettingsError when its library is not installed."""
    if settings.writer == "extractive":
        return ExtractiveModel()
    if settings.writer == "gemini":
        endpoint = settings.model_url or None
        gemini = Gemini(settings.model or GEMINI, _google_key(settings), endpoint, settings.model_seconds)
        return WritingModel(await stack.enter_async_context(gemini))
    chat = OpenAICompatible(settings.model_url, settings.model, settings.model_key, settings.model_seconds)
    return WritingModel(await stack.enter_async_context(chat))


async def open_image_model(settings: Settings, stack: AsyncExitStack) -> ImageModel:
    """Return the painter."""
    if not settings.image_model:
        return CardPainter()
    endpoint = settings.model_url or None
    painter = Imagen(settings.image_model, _google_key(settings), endpoint, settings.model_seconds)
    return await stack.enter_async_context(painter)


def _google_key(settings: Settings) -> str:
    return settings.model_key or settings.google_api_key
