"""Three images with words for those who do not see them; drawn cards are pictures, and always the same ones."""

import io

import pytest
from PIL import Image

from contracts.stages import ImagesInput
from stage_workers.adapters.cards import CardPainter
from stage_workers.adapters.fakes import FakeContext, MemoryArticles
from stage_workers.errors import Permanent, Transient
from stage_workers.stages import images


def wanted(make, **draft):
    return ImagesInput(request=make.request(), company=make.company(), draft=make.draft(**draft))


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image.convert("RGB")


async def test_three_images_are_stored_and_described(make):
    ctx = FakeContext(store=MemoryArticles())
    output = (await images.run(wanted(make), ctx)).output
    assert [image.role for image in output.images] == ["hero", "mid", "bottom"]
    assert output.notes == ()
    for image in output.images:
        assert ctx.store.files[f"{ctx.job_id}/{image.name}"][1] == image.content_type == "image/png"
        assert image.url.endswith(f"/{ctx.job_id}/files/{image.name}")
        assert image.generator == "pixel"
        assert image.alt
    hero, mid, bottom = output.images
    assert make.draft().headline in hero.alt
    assert make.headings[2] in mid.alt
    assert make.headings[3] in bottom.alt
    assert (hero.width, hero.height) == (1200, 630)


async def test_alt_texts_name_the_company_once(make):
    inp = wanted(make, headline="Chains: what Rolling Hill Workshop says")
    hero, mid, _ = (await images.run(inp, FakeContext())).output.images
    assert hero.alt == "Chains: what Rolling Hill Workshop says"
    assert mid.alt == f"{make.headings[2]} (Rolling Hill Workshop)"


async def test_an_article_without_sections_has_images_of_its_headline(make):
    output = (await images.run(wanted(make, sections=()), FakeContext())).output
    assert len({image.alt for image in output.images}) == 1


@pytest.mark.parametrize(
    "error", [Transient("quota", "no pictures left today"), Permanent("refused", "not this")]
)
async def test_what_cannot_be_drawn_is_noted_and_the_rest_is_there(make, error):
    class Moody:
        name = "moody"

        async def draw(self, title, subtitle, *, width, height, seed):  # noqa: ARG002  the port's
            if height == 630:
                raise error
            return await CardPainter().draw(title, subtitle, width=60, height=40, seed=seed)

    output = (await images.run(wanted(make), FakeContext(images=Moody()))).output
    assert [image.role for image in output.images] == ["mid", "bottom"]
    assert output.notes == (f"no hero image: {error.reason}",)


@pytest.mark.parametrize(
    "error", [Transient("store_unavailable", "the store is away"), Permanent("store_refused", "no entry")]
)
async def test_an_image_is_not_left_out_because_the_store_was_away(make, error):
    class Full(MemoryArticles):
        async def put(self, key, data, content_type):  # noqa: ARG002  the port's
            raise error

    with pytest.raises(type(error)) as caught:
        await images.run(wanted(make), FakeContext(store=Full()))
    assert caught.value is error


async def test_a_second_attempt_draws_nothing_again(make):
    class Counting:
        name = "counting"
        drawn = 0

        async def draw(self, title, subtitle, *, width, height, seed):  # noqa: ARG002  the port's
            self.drawn += 1
            return await CardPainter().draw(title, subtitle, width=60, height=40, seed=seed)

    ctx = FakeContext(images=Counting())
    first = await images.run(wanted(make), ctx)
    assert await images.run(wanted(make), ctx) == first
    assert ctx.images.drawn == 3


async def test_a_card_is_a_picture_of_the_size_asked_for():
    picture = await CardPainter().draw("Title", "Company", width=400, height=210, seed="a")
    assert (picture.content_type, picture.width, picture.height) == ("image/png", 400, 210)
    assert opened(picture.data).size == (400, 210)


async def test_the_same_arguments_give_the_same_card_and_others_another():
    async def card(title="Title", subtitle="Company", seed="a"):
        return (await CardPainter().draw(title, subtitle, width=300, height=160, seed=seed)).data

    assert await card() == await card()
    assert (
        len({await card(), await card(title="Other"), await card(subtitle="Other"), await card(seed="b")})
        == 4
    )


@pytest.mark.parametrize(
    "title", ["", " ", "One", "A long title " * 30, "Unbreakable" * 30, "日本語 Ελληνικά 🙂"]
)
async def test_any_title_can_be_drawn(title):
    picture = await CardPainter().draw(title, "Company", width=300, height=160, seed="a")
    assert opened(picture.data).size == (300, 160)


async def test_the_title_can_be_read_from_its_ground():
    """Where letters are, pixels are white; the ground is dark enough for them everywhere."""
    for seed in "abcdefgh":
        blank = opened((await CardPainter().draw("", "", width=300, height=160, seed=seed)).data)
        titled = opened(
            (await CardPainter().draw("Readable title", "", width=300, height=160, seed=seed)).data
        )
        white = sum(pixel == (255, 255, 255) for pixel in titled.get_flattened_data())
        assert white > 100
        brightest = max(sum(pixel) / 3 for pixel in blank.get_flattened_data())
        assert brightest < 150
