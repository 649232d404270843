"""What calls cost, by the prices that the settings name. Pure; nothing here knows a price by itself."""

from __future__ import annotations

import math
from fractions import Fraction

import msgspec

from contracts.usage import MICROS
from stage_workers.chat import Usage
from stage_workers.settings import Settings


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """Which ports cost money, and how much. A price of None is not known, one of 0 is."""

    model: bool = False
    search: bool = False
    images: bool = False
    input_tokens: float | None = None
    """USD for a million."""
    output_tokens: float | None = None
    """USD for a million."""
    search_price: float | None = None
    """USD for one."""
    image_price: float | None = None
    """USD for one."""
    most_output_tokens: int = 16384
    """Of one answer, where a job has a limit."""

    @property
    def costs(self) -> bool:
        """Whether anything costs money."""
        return self.model or self.search or self.images

    def missing(self) -> tuple[str, ...]:
        """Return the variables of the prices that a limit needs and that are not set."""
        needed = {
            "BLOG_WRITER_PRICE_INPUT_TOKENS": self.model and self.input_tokens is None,
            "BLOG_WRITER_PRICE_OUTPUT_TOKENS": self.model and self.output_tokens is None,
            "BLOG_WRITER_PRICE_SEARCH": self.search and self.search_price is None,
            "BLOG_WRITER_PRICE_IMAGE": self.images and self.image_price is None,
        }
        return tuple(name for name, is_missing in needed.items() if is_missing)

    def answer(self, used: Usage) -> int | None:
        """Return the cost of a model's answer in millionths of a dollar, rounded up; None without a price."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return math.ceil(
            used.input_tokens * _exactly(self.input_tokens)
            + used.output_tokens * _exactly(self.output_tokens)
        )

    def one_search(self) -> int | None:
        """Return the cost of a search, as above."""
        return None if self.search_price is None else math.ceil(_exactly(self.search_price) * MICROS)

    def one_image(self) -> int | None:
        """Return the cost of an image, as above."""
        return None if self.image_price is None else math.ceil(_exactly(self.image_price) * MICROS)


def tariff(settings: Settings) -> Tariff:
    """Return what the settings say. The extractive writer, the site's own search and drawn title cards cost nothing."""
    return Tariff(
        model=settings.writer != "extractive",
        search=settings.search != "site",
        images=bool(settings.image_model),
        input_tokens=settings.price_input_tokens,
        output_tokens=settings.price_output_tokens,
        search_price=settings.price_search,
        image_price=settings.price_image,
        most_output_tokens=settings.model_most_tokens,
    )


def _exactly(price: float) -> Fraction:
    """Return a price as it was written, not as the nearest binary number."""
    return Fraction(str(price))
