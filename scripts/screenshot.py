"""Opens an article in Chromium and writes a picture of its beginning: ``screenshot.py article.html picture.png``."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SIZE = {"width": 1000, "height": 1900}
COLORS = 128
"""A picture for a page about the article, not of it: fewer colors keep the repository small."""


def taken(page_url: str) -> bytes:
    """Return the picture as PNG. Raises SystemExit when there is no Chromium."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, browsers)), None)
    if path is None:
        raise SystemExit("there is no Chromium on this machine: `make browser` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(page_url, wait_until="networkidle")
        picture = page.screenshot()
        browser.close()
    return picture


def main(article: Path, picture: Path) -> None:
    image = Image.open(io.BytesIO(taken(article.absolute().as_uri())))
    image.convert("RGB").quantize(COLORS).save(picture, optimize=True)
    print(f"{picture}: {picture.stat().st_size} bytes")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
