"""Signatures hold what Standard Webhooks says, with the specification's own library as the judge."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from notifier.errors import InvalidMessageId, InvalidSecret
from notifier.signing import headers, key_of, secret_of, sign, tenant_keys

KEYS = st.binary(min_size=24, max_size=64)


def test_the_specifications_example_gives_the_specifications_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = sign([key_of(secret)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(key=KEYS, body=st.dictionaries(st.text(), st.text()))
def test_the_librarys_verifier_accepts_what_we_sign(key: bytes, body: dict[str, str]) -> None:
    data = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        data.decode()
    except UnicodeDecodeError:
        return
    signed = headers([key], "msg_a_1", int(time.time()), data)
    assert Webhook(secret_of(key)).verify(data, signed) == body


@given(key=KEYS)
def test_the_key_is_the_decoded_secret_and_not_its_text(key: bytes) -> None:
    assert key_of(secret_of(key)) == key
    assert key_of(secret_of(key).rstrip("=")) == key
    expected = base64.b64encode(hmac.new(key, b"id.7.body", hashlib.sha256).digest()).decode()
    assert sign([key], "id", 7, b"body") == f"v1,{expected}"


def test_during_a_rotation_the_old_and_the_new_secret_both_verify() -> None:
    old, new, other = (secret_of(bytes([n]) * 32) for n in (1, 2, 3))
    signed = headers([key_of(new), key_of(old)], "msg_a_1", int(time.time()), b"{}")
    for secret in (old, new):
        Webhook(secret).verify(b"{}", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(b"{}", signed)


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp"])
def test_nothing_that_is_signed_can_be_changed(changed: str) -> None:
    secret = secret_of(b"k" * 32)
    now = int(time.time())
    signed = headers([key_of(secret)], "msg_a_1", now, b"{}")
    forged = {
        **signed,
        changed: {"webhook-id": "msg_a_2", "webhook-timestamp": str(now + 1)}.get(changed, ""),
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"{ }" if changed == "body" else b"{}", forged)


@pytest.mark.parametrize("message_id", ["", "msg.1"])
def test_an_id_that_would_blur_the_signed_bytes_is_refused(message_id: str) -> None:
    with pytest.raises(InvalidMessageId):
        sign([b"k" * 32], message_id, 1, b"")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_c2hvcnQ=",
        secret_of(b"k" * 32)[6:],
        "whsec_" + "?" * 40,
        secret_of(b"k" * 65),
        "whsec_é" * 9,
    ],
)
def test_a_wrong_secret_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(InvalidSecret) as caught:
        key_of(secret)
    assert len(secret) < 7 or secret not in str(caught.value)


@given(key=KEYS)
def test_a_secret_is_read_back(key: bytes) -> None:
    assert key_of(secret_of(key)) == key


@given(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True))
def test_each_tenant_has_keys_of_its_own_that_tell_nothing_of_others(keys: list[bytes]) -> None:
    sets = [set(tenant_keys(keys, tenant)) for tenant in ("default", "shop", "shop2", "Shop")]
    assert sets[0] == set(keys), "who has no tenants signs as before"
    assert len(set.union(*sets)) == 4 * len(keys)
    assert tenant_keys(keys, "shop") == tenant_keys(keys, "shop")
    assert all(key_of(secret_of(key)) for one in sets for key in one), "receivers' libraries take them"
