"""Addresses that no webhook could ever reach are refused at the door, with the reason; others are not."""

from __future__ import annotations

import pytest

from chassis.egress import networks
from gateway.callbacks import CallbackRules, never
from gateway.errors import Refusal

NEVER = """
https://127.0.0.1/ https://127.1/ https://0x7f.1/ https://2130706433/ https://localhost/ https://LOCALHOST:8443/x https://[::1]/
https://[::ffff:127.0.0.1]/ https://10.0.0.1/ https://192.168.1.1/hook https://169.254.169.254/latest https://168.63.129.16/
https://[fd00::1]/ https://[64:ff9b::7f00:1]/ https://0/ https://127.0.0.1:9/ https://224.0.0.1/
http://127.0.0.1/ http://10.0.0.1:8080/ http://example.com/ http://93.184.216.34/ http://localhost:9000/hook
https://example.com:22/ https://example.com:80/ https://93.184.216.34:9000/
https://user@example.com/ https://user:word@example.com/ https://example.com@127.0.0.1/
https://example.com:99999/ https://example.com:word/ https://[broken/ https://127.0.0.1\\@example.com/
""".split()  # noqa: SIM905  forms to be read beside one another
PERHAPS = """
https://example.com/ https://example.com:443/hook https://example.com:8443/hook?a=b#c https://93.184.216.34/ https://a.b.c/
https://[2606:4700:4700::1111]/ https://münchen.example/ https://127.0.0.1.example.com/ https://EXAMPLE.com
""".split()  # noqa: SIM905  forms to be read beside one another
LOOPBACK = networks(("127.0.0.0/8", "::1/128"), "")
OPENED = """
http://127.0.0.1:9000/ https://127.2:1/ http://localhost:9000/hook http://[::1]:80/ http://receiver.internal:8080/
https://receiver.internal:22/ https://example.com/
""".split()  # noqa: SIM905  forms to be read beside one another


@pytest.mark.parametrize("url", NEVER)
def test_what_can_never_be_called_is_refused_by_field(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        CallbackRules().check(url, "jobs[3].callback_url")
    refusal = caught.value
    assert (refusal.status, refusal.code, refusal.field) == (
        422,
        "callback_not_allowed",
        "jobs[3].callback_url",
    )
    assert refusal.detail.startswith("jobs[3].callback_url can never be called: ")


@pytest.mark.parametrize("url", PERHAPS)
def test_what_may_be_called_is_let_in(url: str) -> None:
    assert never(url, ()) is None


@pytest.mark.parametrize("url", OPENED)
def test_networks_that_are_allowed_open_ports_and_plain_http(url: str) -> None:
    assert never(url, LOOPBACK) is None


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://10.0.0.1/", "http://93.184.216.34/"])
def test_an_exception_is_no_other_s(url: str) -> None:
    assert never(url, LOOPBACK) is not None


def test_the_reason_says_what_to_do() -> None:
    assert "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS" in str(never("http://127.0.0.1:9000/", ()))
    assert "https only" in str(never("http://example.com/", ()))
    assert "443, 8443" in str(never("https://example.com:22/", ()))


def test_a_job_without_a_webhook_needs_no_address() -> None:
    CallbackRules().check(None, "callback_url")
