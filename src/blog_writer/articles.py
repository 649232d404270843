"""A finished article as files on disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec


def write_files(result: dict[str, Any], folder: Path, download: Callable[[str], bytes]) -> list[Path]:
    """Write article.html, article.md, article.json and the images into ``folder``; return their paths.

    ``download`` reads the bytes of a stored file from its address. Links to images are made relative, so that
    the folder can be opened or moved as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = {image["url"]: image["name"] for image in result.get("images", [])}
    files = {
        "article.html": _relative(_page(result, download), images).encode(),
        "article.md": _relative(result["markdown_content"], images).encode(),
        "article.json": msgspec.json.format(msgspec.json.encode(result)),
    } | {name: download(url) for url, name in images.items()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def _page(result: dict[str, Any], download: Callable[[str], bytes]) -> str:
    """Return the stored page, or the article's fragment when it was stored somewhere this machine can't read."""
    url = result.get("article_url") or ""
    return download(url).decode() if url.startswith("http") else str(result["html_content"])


def _relative(text: str, images: dict[str, str]) -> str:
    for url, name in images.items():
        text = re.sub(re.escape(url), name, text)
    return text
