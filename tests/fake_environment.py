"""Settings under which a system asks the fake model and searches the fake web."""

from __future__ import annotations


def environment(model: str, web: str, **more: str) -> dict[str, str]:
    """Return them for servers at these addresses, with what else is wanted."""
    return {
        "BLOG_WRITER_LANGUAGE_MODEL": "openai-compatible",
        "BLOG_WRITER_MODEL": "fake-writer",
        "BLOG_WRITER_MODEL_URL": f"{model}/v1",
        "BLOG_WRITER_MODEL_KEY": "fake-key",
        "BLOG_WRITER_SEARCH": "searxng",
        "BLOG_WRITER_SEARCH_URL": web,
        **more,
    }
