"""ImageModel: drawn cards and pixels."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from stage_workers.adapters.cards import CardPainter
from stage_workers.adapters.fakes import PixelPainter


@pytest.fixture(params=[CardPainter, PixelPainter])
def painter(request: pytest.FixtureRequest) -> Any:
    return request.param()


async def draw(painter: Any, title: str = "Title", seed: str = "job/hero") -> Any:
    return await painter.draw(title, "Company", width=240, height=126, seed=seed)


async def test_a_painter_has_a_name(painter: Any) -> None:
    assert painter.name


async def test_a_picture_is_what_it_says_it_is(painter: Any) -> None:
    picture = await draw(painter)
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    assert Image.MIME[str(image.format)] == picture.content_type
    assert (picture.width, picture.height) == (240, 126)


async def test_the_same_seed_gives_the_same_picture(painter: Any) -> None:
    assert await draw(painter) == await draw(painter)


async def test_any_title_has_a_picture(painter: Any) -> None:
    for title in ("", "word " * 200, "日本語\n\0"):
        assert (await draw(painter, title)).data
