"""ImageModel: drawn cards, Imagen and pixels."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from blog_writer.fake_model import FakeModel, Fault, serve_fake_model
from stage_workers.adapters.cards import CardPainter
from stage_workers.adapters.fakes import PixelPainter
from stage_workers.adapters.imagen import Imagen
from stage_workers.errors import Permanent, Transient


@pytest.fixture
async def provider() -> AsyncIterator[FakeModel]:
    async with serve_fake_model(key="fake-key") as server:
        yield server


@pytest.fixture(params=[CardPainter, PixelPainter, Imagen])
async def painter(request: pytest.FixtureRequest, provider: FakeModel) -> AsyncIterator[Any]:
    if request.param is not Imagen:
        yield request.param()
        return
    async with Imagen("fake-painter", "fake-key", provider.url) as imagen:
        yield imagen


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


async def test_imagen_s_refusals_are_final_and_its_failures_are_not(provider: FakeModel) -> None:
    async with Imagen("fake-painter", "wrong", provider.url) as imagen:
        with pytest.raises(Permanent) as refused:
            await draw(imagen)
    assert refused.value.code == "model_key"
    provider.faults.extend([Fault.BLOCKED, Fault.GARBLED, Fault.SERVER_ERROR])
    async with Imagen("fake-painter", "fake-key", provider.url) as imagen:
        with pytest.raises(Permanent) as withheld:
            await draw(imagen)
        codes = []
        for _ in range(2):
            with pytest.raises(Transient) as failed:
                await draw(imagen)
            codes.append(failed.value.code)
    assert withheld.value.code == "model_blocked"
    assert codes == ["model_malformed", "model_unavailable"]


async def test_imagen_is_asked_for_the_nearest_shape(provider: FakeModel) -> None:
    async with Imagen("fake-painter", "fake-key", provider.url) as imagen:
        await imagen.draw("Title", "Company", width=1200, height=630, seed="job/hero")
    assert provider.seen[-1].body["parameters"] == {"sampleCount": 1, "aspectRatio": "16:9"}
