"""The table of articles is set up by two variables, and never by half."""

from contextlib import AsyncExitStack

import pytest

from chassis.errors import SettingsError
from chassis.settings import load
from stage_workers.settings import Settings
from stage_workers.tables import open_article_table

BASE = {"NATS_URL": "nats://x", "BLOG_WRITER_ARTICLE_STORE": "file:///x"}
URL, KEY = "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"
GOOD = {URL: "https://project.supabase.co", KEY: "a-key"}


def settings(env):
    return load(Settings, BASE | env)


async def opened(env):
    async with AsyncExitStack() as stack:
        return await open_article_table(settings(env), (), stack)


async def test_there_is_a_table_when_both_are_given_and_none_without():
    assert await opened({}) is None
    assert await opened(GOOD) is not None


@pytest.mark.parametrize(("given", "named"), [(URL, KEY), (KEY, URL)])
def test_one_alone_is_half_a_setting(given, named):
    with pytest.raises(SettingsError, match=f"{named} is not set"):
        settings({given: GOOD[given]})


@pytest.mark.parametrize(
    "url",
    [
        "project.supabase.co",
        "ftp://x",
        "https://",
        "https://x:99999",
        "https://x/?a=b",
        "https://x#y",
        "http://[x",
    ],
)
def test_what_is_no_address_is_refused_without_being_shown(url):
    with pytest.raises(SettingsError, match="SUPABASE_URL: its value") as caught:
        settings(GOOD | {URL: url})
    assert url not in str(caught.value).replace("https://project.supabase.co", "")


@pytest.mark.parametrize("key", ["with space", "two\nlines", "ümlaut"])
def test_a_key_that_fits_in_no_header_is_refused(key):
    with pytest.raises(SettingsError, match="SUPABASE_SERVICE_ROLE_KEY: its value") as caught:
        settings(GOOD | {KEY: key})
    assert key not in str(caught.value)


@pytest.mark.parametrize("table", ["a b", "1st", "a;drop", "public.articles", "a/b"])
def test_a_table_s_name_is_one_word(table):
    with pytest.raises(SettingsError, match="BLOG_WRITER_SUPABASE_TABLE"):
        settings(GOOD | {"BLOG_WRITER_SUPABASE_TABLE": table})
