"""The demo costs nothing, whatever lies in the user's environment."""

import pytest

from blog_writer.demo import undisturbed
from chassis.settings import load
from stage_workers.settings import Settings

WORKER = {"NATS_URL": "nats://x", "BLOG_WRITER_ARTICLE_STORE": "file:///x"}


@pytest.mark.parametrize(
    ("named", "writer"),
    [(None, "extractive"), ("", "extractive"), ("gemini", "gemini"), ("extractive", "extractive")],
)
def test_a_stray_key_of_google_does_not_choose_the_demo_s_writer(monkeypatch, named, writer):
    monkeypatch.delenv("BLOG_WRITER_LANGUAGE_MODEL", raising=False)
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    if named is not None:
        monkeypatch.setenv("BLOG_WRITER_LANGUAGE_MODEL", named)
    assert load(Settings, undisturbed("data") | WORKER).writer == writer
