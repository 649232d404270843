"""Settings: what the environment may say, and how it is told when it says something else."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, ClassVar, Literal

import msgspec
import pytest

from chassis.errors import SettingsError
from chassis.settings import load


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Example(msgspec.Struct, frozen=True, kw_only=True):
    ENV: ClassVar[dict[str, str]] = {"database_url": "DATABASE_URL"}

    database_url: str
    max_concurrent: Annotated[int, msgspec.Meta(ge=1)] = 3
    ratio: float = 0.5
    colour: bool = False
    names: tuple[str, ...] = ()
    steps: tuple[float, ...] | None = None
    size: Size = Size.SMALL
    engine: Literal["site", "brave"] = "site"
    limit: int | None = None
    api_key: Annotated[str, msgspec.Meta(pattern="^k_")] = "k_"


REQUIRED = {"DATABASE_URL": "postgresql://host/name"}


def test_every_kind_of_field_is_read_from_its_variable() -> None:
    settings = load(
        Example,
        REQUIRED
        | {
            "BLOG_WRITER_MAX_CONCURRENT": "7",
            "BLOG_WRITER_RATIO": "0.25",
            "BLOG_WRITER_COLOUR": "true",
            "BLOG_WRITER_NAMES": "one, two,,three ",
            "BLOG_WRITER_STEPS": "0,5",
            "BLOG_WRITER_SIZE": "large",
            "BLOG_WRITER_LIMIT": " 9 ",
        },
    )
    assert settings == Example(
        database_url="postgresql://host/name",
        max_concurrent=7,
        ratio=0.25,
        colour=True,
        names=("one", "two", "three"),
        steps=(0.0, 5.0),
        size=Size.LARGE,
        limit=9,
    )


def test_an_empty_variable_counts_as_unset() -> None:
    settings = load(Example, REQUIRED | {"BLOG_WRITER_MAX_CONCURRENT": "", "BLOG_WRITER_LIMIT": "  "})
    assert settings == Example(database_url="postgresql://host/name")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL is not set$"):
        load(Example, {"DATABASE_URL": ""})


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("BLOG_WRITER_MAX_CONCURRENT", "many", "expected `int`"),
        ("BLOG_WRITER_MAX_CONCURRENT", "0", "`int` >= 1"),
        ("BLOG_WRITER_RATIO", "nan", "finite"),
        ("BLOG_WRITER_STEPS", "1,inf", "finite"),
        ("BLOG_WRITER_COLOUR", "green", "`bool`"),
        ("BLOG_WRITER_SIZE", "huge", "use small, large"),
        ("BLOG_WRITER_ENGINE", "bing", "use site, brave"),
    ],
)
def test_a_wrong_value_is_shown_with_what_is_allowed(variable: str, text: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Example, REQUIRED | {variable: text})
    assert str(caught.value).startswith(f"{variable}: {text!r} is not allowed: ")
    assert allowed in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Example, {"BLOG_WRITER_MAX_CONCURRENT": "0", "BLOG_WRITER_SIZE": "huge"})
    for variable in ("DATABASE_URL", "BLOG_WRITER_MAX_CONCURRENT", "BLOG_WRITER_SIZE"):
        assert variable in str(caught.value)


def test_the_value_of_a_secret_is_never_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Example, REQUIRED | {"BLOG_WRITER_API_KEY": "hidden-value"})
    assert "BLOG_WRITER_API_KEY" in str(caught.value)
    assert "hidden-value" not in str(caught.value)
