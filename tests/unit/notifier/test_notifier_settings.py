"""Wrong settings are named by variable and secrets are not shown."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import SettingsError
from chassis.settings import load
from notifier.schedule import LADDER
from notifier.settings import WHSEC_FORMAT, Settings
from notifier.signing import key_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEEDED = {"DATABASE_URL": "postgresql://h/d", "NATS_URL": "nats://h", "BLOG_WRITER_WEBHOOK_SECRET": SECRET}


def test_defaults_are_the_documented_ones() -> None:
    settings = load(Settings, NEEDED)
    assert settings.webhook_secret == (SECRET,)
    assert (settings.webhook_timeout_seconds, settings.webhook_retry_seconds) == (15, LADDER)


def test_lists_are_separated_by_commas() -> None:
    settings = load(
        Settings,
        {
            **NEEDED,
            "BLOG_WRITER_WEBHOOK_SECRET": f"{SECRET}, {SECRET}",
            "BLOG_WRITER_WEBHOOK_RETRY_SECONDS": "0, 1.5,9",
        },
    )
    assert settings.webhook_secret == (SECRET, SECRET)
    assert settings.webhook_retry_seconds == (0, 1.5, 9)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BLOG_WRITER_WEBHOOK_SECRET", ""),
        ("BLOG_WRITER_WEBHOOK_SECRET", "hunter2"),
        ("BLOG_WRITER_WEBHOOK_SECRET", f"{SECRET},hunter2"),
        ("BLOG_WRITER_WEBHOOK_TIMEOUT_SECONDS", "0"),
        ("BLOG_WRITER_WEBHOOK_RETRY_SECONDS", "5,-1"),
        ("BLOG_WRITER_WEBHOOK_RETRY_SECONDS", "soon"),
        ("BLOG_WRITER_OPERATIONS_PORT", "70000"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        load(Settings, {**NEEDED, variable: value})
    assert "hunter2" not in str(caught.value)


@given(key=st.binary(min_size=24, max_size=64), padded=st.booleans())
def test_settings_let_every_good_secret_through(key: bytes, padded: bool) -> None:
    text = base64.b64encode(key).decode()
    secret = "whsec_" + (text if padded else text.rstrip("="))
    assert key_of(load(Settings, {**NEEDED, "BLOG_WRITER_WEBHOOK_SECRET": secret}).webhook_secret[0]) == key


@given(secret=st.from_regex(re.compile(WHSEC_FORMAT, re.ASCII), fullmatch=True))
def test_every_secret_that_settings_let_through_is_a_key(secret: str) -> None:
    assert 24 <= len(key_of(secret)) <= 64


@pytest.mark.parametrize("key", [b"k" * 23, b"k" * 65])
def test_settings_refuse_a_secret_of_a_wrong_length(key: bytes) -> None:
    with pytest.raises(SettingsError):
        load(Settings, {**NEEDED, "BLOG_WRITER_WEBHOOK_SECRET": "whsec_" + base64.b64encode(key).decode()})


def test_settings_show_no_secret() -> None:
    assert SECRET not in repr(load(Settings, NEEDED))
