"""API keys and tokens as texts."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import SettingsError
from gateway.keys import KeyRecord, Scope, Standing, allows, fits, new_key, parse_key, standing
from gateway.tokens import JobToken, TokenSigner, secret_bytes

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
JOB = "550e8400-e29b-41d4-a716-446655440000"
TOKEN = JobToken(JOB, "default", int(NOW.timestamp()) + 60, "0123456789ab")


def record(**facts: object) -> KeyRecord:
    key = new_key()
    known = {
        "key_id": key.key_id,
        "tenant": "a",
        "name": "",
        "sha256": key.sha256(),
        "scopes": frozenset(Scope),
    }
    return KeyRecord(**{**known, "created_at": NOW, **facts})  # type: ignore[arg-type]


def test_a_key_is_read_back_and_never_shown_by_repr() -> None:
    key = new_key()
    assert parse_key(key.text()) == key
    assert key.secret not in repr(key)
    assert key.sha256() not in repr(record(sha256=key.sha256()))


def test_two_keys_share_nothing() -> None:
    first, second = new_key(), new_key()
    assert first.key_id != second.key_id
    assert first.secret != second.secret
    assert first.sha256() != second.sha256()


@given(st.data())
def test_a_key_with_one_character_changed_is_no_key(data: st.DataObject) -> None:
    text = new_key().text()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([letter for letter in "0123456789abcdefG_" if letter != text[place]]))
    assert parse_key(text[:place] + other + text[place + 1 :]) is None


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    assert parse_key(text) is None


def test_a_key_fits_its_own_record_alone() -> None:
    key = new_key()
    assert fits(key, record(sha256=key.sha256()))
    assert not fits(key, record())


def test_a_key_stands_until_it_is_revoked_or_expires() -> None:
    second = timedelta(seconds=1)
    assert standing(record(), NOW) is Standing.GOOD
    assert standing(record(expires_at=NOW + second), NOW) is Standing.GOOD
    assert standing(record(expires_at=NOW), NOW) is Standing.EXPIRED
    assert standing(record(revoked_at=NOW, expires_at=NOW), NOW) is Standing.REVOKED


def test_a_scope_covers_itself_and_admin_covers_all() -> None:
    covered = {(had, wanted) for had in Scope for wanted in Scope if allows(frozenset((had,)), wanted)}
    assert covered == {(had, had) for had in Scope} | {(Scope.ADMIN, wanted) for wanted in Scope}


def test_a_token_is_read_back_by_whoever_has_the_secret() -> None:
    signer = TokenSigner(b"s" * 32)
    text = signer.sign(TOKEN)
    assert signer.read(text) == TOKEN
    assert TokenSigner(b"s" * 32).read(text) == TOKEN
    assert TokenSigner(b"t" * 32).read(text) is None
    assert re.fullmatch(r"[\w.-]+", text)


@given(st.data())
def test_a_token_with_a_changed_character_is_none(data: st.DataObject) -> None:
    signer = TokenSigner(b"s" * 32)
    text = signer.sign(TOKEN)
    place = data.draw(st.integers(len("bwt_"), len(text) - 2))  # the last one has bits that mean nothing
    other = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != text[place]))
    assert signer.read(text[:place] + other + text[place + 1 :]) is None


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    assert TokenSigner(b"s" * 32).read("bwt_" + text) is None


def test_a_token_expires_on_the_second() -> None:
    assert not TOKEN.expired(NOW + timedelta(seconds=59))
    assert TOKEN.expired(NOW + timedelta(seconds=60))


@pytest.mark.parametrize("text", ["", "short", b64encode(b"x" * 31).decode(), "ü" * 50, "=" * 50])
def test_a_weak_secret_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match=r"BLOG_WRITER_SECRET_KEY.*32 random bytes") as refused:
        secret_bytes(text)
    assert not text or text not in str(refused.value)


def test_a_good_secret_is_its_bytes() -> None:
    assert secret_bytes(b64encode(b"x" * 32).decode()) == b"x" * 32
