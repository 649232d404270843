"""Receivers accept webhooks that were signed with one of their secrets, lately, and nothing else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from blog_writer.client import InvalidWebhook, verify_webhook

NOW = 1_767_520_800
BODY = b'{"event": "completed", "job_id": "j"}'
SECRET, OTHER = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"a", b"b"))


def signed(secret: str = SECRET, body: bytes = BODY, at: int = NOW, **changed: str) -> dict[str, str]:
    """Return headers as another library makes them."""
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    names = {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}
    return {**names, **{name.replace("_", "-"): value for name, value in changed.items()}}


def test_a_webhook_signed_with_any_of_the_secrets_is_read() -> None:
    wanted = {"event": "completed", "job_id": "j"}
    assert verify_webhook(BODY, signed(), SECRET, now=NOW) == wanted
    assert verify_webhook(BODY, signed(OTHER), [SECRET, OTHER], now=NOW + 299) == wanted
    shouted = {name.upper(): value for name, value in signed().items()}
    assert verify_webhook(BODY, shouted, SECRET, now=NOW) == wanted
    two = signed()["webhook-signature"] + " v1a,unknown " + signed(OTHER)["webhook-signature"]
    assert verify_webhook(BODY, signed(webhook_signature=two), OTHER, now=NOW) == wanted


@pytest.mark.parametrize(
    ("body", "headers", "complaint"),
    [
        (BODY + b" ", signed(), "fits none of the secrets"),
        (BODY, signed(OTHER), "fits none of the secrets"),
        (BODY, signed(webhook_id="msg_2"), "fits none of the secrets"),
        (BODY, signed(webhook_signature=""), "fits none of the secrets"),
        (BODY, signed(webhook_signature="v1,ünicode"), "fits none of the secrets"),
        (BODY, signed(webhook_id="a.b"), "webhook-id"),
        (BODY, signed(webhook_timestamp=str(NOW + 1)), "fits none of the secrets"),
        (BODY, signed(at=NOW - 301), "more than 300 s"),
        (BODY, signed(at=NOW + 301), "more than 300 s"),
        (BODY, signed(webhook_timestamp="soon"), "webhook-timestamp is not a number"),
        (BODY, {"webhook-id": "msg_1"}, "webhook-timestamp is missing"),
        (BODY, {}, "webhook-id is missing"),
        (b"no json", signed(body=b"no json"), "not JSON"),
        (b"[]", signed(body=b"[]"), "not a JSON object"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(body: bytes, headers: dict[str, str], complaint: Any) -> None:
    with pytest.raises(InvalidWebhook, match=complaint):
        verify_webhook(body, headers, SECRET, now=NOW)
