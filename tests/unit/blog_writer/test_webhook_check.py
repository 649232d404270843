"""A receiver that takes no webhooks is told what is wrong, for each mistake that is often made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blog_writer.cli import app
from blog_writer.webhook_check import complaints, read_headers
from notifier.signing import headers, key_of

SECRET, OTHER = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
NOW = 1_750_000_000
BODY = '{"event":"completed","headline":"Wärme","seq":3}'.encode()
SIGNED = headers([key_of(SECRET)], "msg_a_3", NOW, BODY)


def digest(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def said(changed: dict[str, str] | None = None, body: bytes = BODY, *secrets: str, now: float = NOW) -> str:
    return "; ".join(complaints({**SIGNED, **(changed or {})}, body, secrets or (SECRET,), now))


def test_a_good_one_is_good_also_during_a_rotation() -> None:
    assert said() == ""
    assert said({}, BODY, OTHER, SECRET) == ""
    assert said({"webhook-signature": "v1a,abc " + SIGNED["webhook-signature"]}) == ""


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    assert said({name: ""}) == f"the header {name} is missing"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"webhook-timestamp": "2025-01-01"}, "whole Unix seconds"),
        ({"webhook-signature": SIGNED["webhook-signature"][3:]}, "no part that begins with 'v1,'"),
        ({"webhook-signature": "v1,short"}, "not 32 bytes in base64"),
        ({"webhook-id": "msg.a"}, "dot"),
        ({"webhook-id": "msg_b_3"}, "no signature fits"),
        ({"webhook-signature": digest(key_of(SECRET), BODY)}, "over the body alone"),
        ({"webhook-signature": digest(SECRET.encode(), b"msg_a_3.%d." % NOW + BODY)}, "the whole text"),
        ({"webhook-signature": digest(SECRET[6:].encode(), b"msg_a_3.%d." % NOW + BODY)}, "the text"),
    ],
)
def test_a_wrong_header_is_explained(changed: dict[str, str], words: str) -> None:
    assert words in said(changed)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BODY + b"\n", "line break at its end"),
        (json.dumps(json.loads(BODY), indent=1).encode(), "parsed and written again"),
        (json.dumps(json.loads(BODY)).encode(), "parsed and written again"),
        (BODY.replace(b"3", b"4"), "no signature fits"),
        (b"", "no signature fits"),
        (b"\xff", "no signature fits"),
    ],
)
def test_a_body_that_is_not_what_was_posted_is_explained(body: bytes, words: str) -> None:
    assert words in said({}, body)


def test_age_and_secret_are_told_apart() -> None:
    assert "301 s behind" in said(now=NOW + 301)
    assert "400 s ahead" in said(now=NOW - 400)
    assert said(now=NOW + 299) == ""
    assert said({}, BODY, OTHER).startswith("no signature fits")
    wrong = said({}, BODY, "hunter2")
    assert "whsec_" in wrong
    assert "hunter2" not in wrong


def test_headers_are_read_as_curl_and_as_programs_write_them() -> None:
    text = "POST /hook HTTP/1.1\r\nWebhook-Id: a:b\r\n\r\n"
    assert read_headers(text) == {"webhook-id": "a:b"}
    assert read_headers('{"Webhook-Id": "a:b", "n": 1}') == {"webhook-id": "a:b", "n": "1"}


def test_the_command_says_it_and_ends_accordingly(tmp_path: Path) -> None:
    signed = headers([key_of(SECRET)], "msg_a_3", int(time.time()), BODY)
    (tmp_path / "headers").write_text("\n".join(f"{name}: {value}" for name, value in signed.items()))
    (tmp_path / "body").write_bytes(BODY)
    asked = ["verify-webhook", "--headers", str(tmp_path / "headers"), "--body"]
    run = CliRunner().invoke
    good = run(app, [*asked, str(tmp_path / "body"), "--secret", SECRET])
    assert (good.exit_code, good.output.startswith("ok: ")) == (0, True)
    bad = run(app, [*asked, "-", "--secret", SECRET], input=BODY + b"\n")
    assert bad.exit_code == 1
    assert "line break" in bad.output
    (tmp_path / "webhook-secret").write_text(SECRET)
    kept = run(
        app,
        [*asked, str(tmp_path / "body"), "--data-dir", str(tmp_path)],
        env={"BLOG_WRITER_WEBHOOK_SECRET": ""},
    )
    assert kept.exit_code == 0
    (tmp_path / "headers").write_text("\n".join(f"{name}: {value}" for name, value in SIGNED.items()))
    assert run(app, [*asked, str(tmp_path / "body"), "--secret", SECRET]).exit_code == 1
    assert run(app, [*asked, str(tmp_path / "body"), "--secret", SECRET, "--ignore-age"]).exit_code == 0
