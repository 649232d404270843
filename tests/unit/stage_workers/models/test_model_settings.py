import subprocess
import sys
from contextlib import AsyncExitStack

import pytest

from chassis.errors import SettingsError
from chassis.settings import load
from stage_workers.adapters.cards import CardPainter
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.adapters.fakes import MemoryPages
from stage_workers.engines import open_search_engine
from stage_workers.models import GEMINI, open_image_model, open_language_model
from stage_workers.settings import Settings

BASE = {"NATS_URL": "nats://x", "BLOG_WRITER_ARTICLE_STORE": "file:///x"}


def settings(**env):
    return load(Settings, BASE | {f"BLOG_WRITER_{name}": value for name, value in env.items()})


async def opened(chosen):
    async with AsyncExitStack() as stack:
        return (await open_language_model(chosen, stack)).name, (await open_image_model(chosen, stack)).name


async def test_without_settings_nothing_needs_a_key():
    assert await opened(settings()) == (ExtractiveModel().name, CardPainter().name)


async def test_gemini_takes_its_own_variable_or_google_s():
    given = settings(LANGUAGE_MODEL="gemini", MODEL_KEY="k", IMAGE_MODEL="imagen-4.0-generate-001")
    assert await opened(given) == (f"gemini/{GEMINI}", "imagen/imagen-4.0-generate-001")
    google = load(Settings, BASE | {"BLOG_WRITER_LANGUAGE_MODEL": "gemini", "GOOGLE_API_KEY": "k"})
    assert await opened(google) == (f"gemini/{GEMINI}", CardPainter().name)


async def test_google_s_key_alone_chooses_gemini_unless_another_writer_is_named():
    google = BASE | {"GOOGLE_API_KEY": "k"}
    assert (await opened(load(Settings, google)))[0] == f"gemini/{GEMINI}"
    named = {"BLOG_WRITER_LANGUAGE_MODEL": "extractive"}
    assert (await opened(load(Settings, google | named)))[0] == ExtractiveModel().name
    other = {"BLOG_WRITER_LANGUAGE_MODEL": "openai-compatible", "BLOG_WRITER_MODEL": "m"}
    address = {"BLOG_WRITER_MODEL_URL": "http://127.0.0.1:1/v1"}
    assert (await opened(load(Settings, google | other | address)))[0] == "openai-compatible/m"


async def test_another_provider_s_key_chooses_nobody():
    assert (await opened(settings(MODEL_KEY="k")))[0] == ExtractiveModel().name


async def test_an_openai_compatible_server_needs_no_key():
    given = settings(LANGUAGE_MODEL="openai-compatible", MODEL="qwen3", MODEL_URL="http://127.0.0.1:1/v1")
    assert await opened(given) == ("openai-compatible/qwen3", CardPainter().name)


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({}, "site"),
        ({"SEARCH": "searxng", "SEARCH_URL": "http://127.0.0.1:8888"}, "searxng"),
        ({"SEARCH": "brave", "SEARCH_KEY": "k"}, "brave"),
    ],
)
async def test_the_search_engine_is_the_one_that_is_chosen(env, name):
    async with AsyncExitStack() as stack:
        assert (await open_search_engine(settings(**env), MemoryPages({}), stack)).name == name


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"LANGUAGE_MODEL": "gpt"}, ["BLOG_WRITER_LANGUAGE_MODEL", "openai-compatible"]),
        ({"LANGUAGE_MODEL": "gemini"}, ["BLOG_WRITER_MODEL_KEY", "GOOGLE_API_KEY"]),
        ({"LANGUAGE_MODEL": "openai-compatible"}, ["BLOG_WRITER_MODEL_URL", "BLOG_WRITER_MODEL is"]),
        (
            {"LANGUAGE_MODEL": "openai-compatible", "MODEL": "m", "MODEL_URL": "host/v1"},
            ["BLOG_WRITER_MODEL_URL"],
        ),
        ({"IMAGE_MODEL": "imagen"}, ["BLOG_WRITER_IMAGE_MODEL"]),
        ({"MODEL_SECONDS": "0"}, ["BLOG_WRITER_MODEL_SECONDS"]),
        ({"SEARCH": "google"}, ["BLOG_WRITER_SEARCH", "searxng", "brave"]),
        ({"SEARCH": "searxng"}, ["BLOG_WRITER_SEARCH_URL is not set"]),
        ({"SEARCH": "searxng", "SEARCH_URL": "search.example"}, ["BLOG_WRITER_SEARCH_URL"]),
        ({"SEARCH": "brave"}, ["BLOG_WRITER_SEARCH_KEY is not set"]),
        ({"SEARCH_SECONDS": "0"}, ["BLOG_WRITER_SEARCH_SECONDS"]),
    ],
)
def test_what_is_missing_or_wrong_is_named(env, named):
    with pytest.raises(SettingsError) as caught:
        settings(**env)
    for name in named:
        assert name in str(caught.value)


async def test_a_worker_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.generativeai", None)
    for chosen in (
        settings(LANGUAGE_MODEL="gemini", MODEL_KEY="k"),
        load(Settings, BASE | {"GOOGLE_API_KEY": "k"}),
    ):
        with pytest.raises(SettingsError, match=r"blog-writer-stage-workers\[gemini\]") as caught:
            await opened(chosen)
        assert "BLOG_WRITER_LANGUAGE_MODEL=extractive" in str(caught.value)
        assert "GOOGLE_API_KEY" in str(caught.value)


def test_the_library_for_gemini_is_not_imported_before_it_is_chosen():
    program = "import sys, stage_workers.service; sys.exit('google.generativeai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
