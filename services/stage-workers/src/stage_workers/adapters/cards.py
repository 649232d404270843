"""Drawn pictures: a card with the title on a pattern of its own, for those who have no image model."""

from __future__ import annotations

import asyncio
import colorsys
import hashlib
import io
import random

from PIL import Image, ImageDraw, ImageFont

from stage_workers.errors import Permanent
from stage_workers.ports import Picture

_MARGIN = 0.07
_LARGEST_TITLE = 0.115
_SMALLEST_TITLE = 0.045
_TITLE_LINES = 4

Color = tuple[int, int, int]


class CardPainter:
    """The ImageModel that draws."""

    name = "drawn-card"

    async def draw(self, title: str, subtitle: str, *, width: int, height: int, seed: str) -> Picture:
        """See ImageModel. The same arguments always give the same picture."""
        data = await asyncio.to_thread(_paint, title, subtitle, (width, height), seed)
        return Picture(data=data, content_type="image/png", width=width, height=height)


def _paint(title: str, subtitle: str, size: tuple[int, int], seed: str) -> bytes:
    chance = random.Random(hashlib.sha256(seed.encode()).digest())  # noqa: S311  a pattern, not a secret
    hue = chance.random()
    image = _background(size, hue)
    _pattern(image, chance, hue)
    _write(image, title, subtitle)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _background(size: tuple[int, int], hue: float) -> Image.Image:
    """Two dark tones, from corner to corner: light text stays readable on both."""
    ramp = Image.linear_gradient("L").rotate(30, expand=True).resize(size)
    return Image.composite(
        Image.new("RGB", size, _tone(hue, 0.22)), Image.new("RGB", size, _tone(hue + 0.08, 0.36)), ramp
    )


def _tone(hue: float, light: float) -> Color:
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, light, 0.45)
    return round(red * 255), round(green * 255), round(blue * 255)


def _pattern(image: Image.Image, chance: random.Random, hue: float) -> None:
    width, height = image.size
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    brush = ImageDraw.Draw(layer)
    for _ in range(7):
        radius = chance.uniform(0.08, 0.4) * height
        x, y = chance.uniform(0.35, 1.05) * width, chance.uniform(-0.05, 1.05) * height
        brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*_tone(hue + 0.1, 0.6), 38))
    image.paste(layer, (0, 0), layer)


def _write(image: Image.Image, title: str, subtitle: str) -> None:
    width, height = image.size
    brush = ImageDraw.Draw(image)
    room = width * (1 - 2 * _MARGIN)
    font, lines = _fit(brush, title, room, height)
    step = font.size * 1.25
    top = height * 0.52 - step * len(lines) / 2
    for number, line in enumerate(lines):
        brush.text((width * _MARGIN, top + number * step), line, font=font, fill=(255, 255, 255))
    small = _font(height * 0.042)
    shown = _wrapped(brush, subtitle, small, room)[:1]
    if shown:
        brush.text(
            (width * _MARGIN, height * (1 - _MARGIN) - small.size), shown[0], font=small, fill=(225, 230, 235)
        )


def _fit(
    brush: ImageDraw.ImageDraw, title: str, room: float, height: int
) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """Return the largest font in which the title takes few enough lines; a title too long for all is cut."""
    share = _LARGEST_TITLE
    while True:
        font = _font(height * share)
        lines = _wrapped(brush, title, font, room)
        if len(lines) <= _TITLE_LINES or share <= _SMALLEST_TITLE:
            return font, lines[:_TITLE_LINES]
        share *= 0.9


def _wrapped(brush: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, room: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and brush.textlength(longer, font=font) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _font(size: float) -> ImageFont.FreeTypeFont:
    """Return the font that comes with Pillow, which needs its FreeType support to be scaled."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise Permanent("no_font", "Pillow was built without FreeType: install its standard wheel")
    return font
