"""stage_09: three images. An article without one is still an article, but a store that is away will be back."""

from __future__ import annotations

from functools import partial
from typing import Literal

import msgspec

from contracts.articles import Image
from contracts.stages import ImagesInput, ImagesOutput
from stage_workers.errors import PortError
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext

_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class Wanted(msgspec.Struct, frozen=True):
    """One image to make."""

    role: Literal["hero", "mid", "bottom"]
    title: str
    width: int
    height: int


class _NotDrawn(Exception):
    """The image model gave no picture."""


async def run(inp: ImagesInput, ctx: StageContext) -> Outcome[ImagesOutput]:
    """What can't be drawn is left out with a note; a failure of the store gets through, and is tried again."""
    images: list[Image] = []
    notes: list[str] = []
    for number, wanted in enumerate(plan(inp)):
        await ctx.progress(f"{wanted.role} image", number, 3)
        try:
            images.append(
                await ctx.checkpoint(f"image.{wanted.role}", Image, partial(_make, wanted, inp, ctx))
            )
        except _NotDrawn as error:
            notes.append(f"no {wanted.role} image: {error}")
    return Done(ImagesOutput(images=tuple(images), notes=tuple(notes)))


def plan(inp: ImagesInput) -> tuple[Wanted, ...]:
    """Return the images: the headline's, and those of a section in the middle and of the last one."""
    headings = [section.heading for section in inp.draft.sections] or [inp.draft.headline]
    return (
        Wanted("hero", inp.draft.headline, 1200, 630),
        Wanted("mid", headings[len(headings) // 2], 1200, 675),
        Wanted("bottom", headings[-1], 1200, 675),
    )


async def _make(wanted: Wanted, inp: ImagesInput, ctx: StageContext) -> Image:
    seed = f"{ctx.job_id}/{wanted.role}"
    try:
        picture = await ctx.images.draw(
            wanted.title, inp.company.name, width=wanted.width, height=wanted.height, seed=seed
        )
    except PortError as error:
        raise _NotDrawn(error.reason) from error
    name = f"{wanted.role}.{_ENDINGS.get(picture.content_type, 'bin')}"
    url = await ctx.store.put(f"{ctx.job_id}/{name}", picture.data, picture.content_type)
    return Image(
        role=wanted.role,
        name=name,
        url=url,
        alt=_alt(wanted.title, inp.company.name),
        width=picture.width,
        height=picture.height,
        content_type=picture.content_type,
        generator=ctx.images.name,
    )


def _alt(title: str, company: str) -> str:
    return title if company in title else f"{title} ({company})"
