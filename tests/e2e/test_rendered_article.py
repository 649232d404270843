"""A finished article as its readers get it: from the gateway, in Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any

import html5lib
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, async_playwright

# The first test waits for a whole system, an article and a browser to start.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
WAIT_MS = 60_000
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()


class Opened:
    """The article's page, and all that the browser had to say of it. ``elsewhere`` is the same page as another server
    would give it out: in the gateway's sandbox no script may run, and so no checker of ours."""

    def __init__(self, page: Page, elsewhere: Page, result: dict[str, Any]) -> None:
        self.page = page
        self.elsewhere = elsewhere
        self.result = result
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("response", lambda response: self.complaints.extend(_refused(response)))


def _refused(response: Any) -> list[str]:
    return [f"{response.status}: {response.url}"] if response.status >= 400 else []


async def _without_sandbox(route: Route) -> None:
    response = await route.fetch()
    headers = {name: value for name, value in response.headers.items() if name != "content-security-policy"}
    await route.fulfill(response=response, headers=headers)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Who has none is told how to get it; CI must have it."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, browsers)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("CI must have Chromium: `make browser` installs it")
    return found or pytest.skip("there is no Chromium on this machine: `make browser` installs it")


@pytest.fixture(scope="module")
def result(system: Any, site: str) -> dict[str, Any]:
    job_id = system.submit(primary_keyword="energy efficiency", company_url=site)
    return dict(system.wait_for(job_id, "completed")["result"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(chromium: str, result: dict[str, Any]) -> AsyncIterator[Opened]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"], timeout=WAIT_MS
        )
        page = await browser.new_page(viewport={"width": 1000, "height": 1400})
        page.set_default_timeout(WAIT_MS)
        elsewhere = await browser.new_page(viewport={"width": 1000, "height": 1400})
        await elsewhere.route(result["article_url"], _without_sandbox)
        made = Opened(page, elsewhere, result)
        for each in (page, elsewhere):
            await each.goto(result["article_url"], wait_until="load", timeout=WAIT_MS)
        yield made
        await browser.close()


async def test_the_browser_has_nothing_to_complain_of(opened: Opened) -> None:
    for image in await opened.page.locator("img").all():
        await image.scroll_into_view_if_needed()
        await opened.page.wait_for_function(
            "image => image.complete", arg=await image.element_handle(), timeout=WAIT_MS
        )
        assert await image.evaluate("image => image.naturalWidth") > 1
    assert await opened.page.locator("img").count() == len(opened.result["images"]) == 3
    assert opened.complaints == []


async def test_the_page_is_read_by_the_standard(opened: Opened) -> None:
    assert await opened.page.evaluate("document.compatMode") == "CSS1Compat"
    response = await opened.page.request.get(opened.result["article_url"])
    html5lib.HTMLParser(strict=True).parse(await response.text())


async def test_structured_data_parse_in_the_page(opened: Opened) -> None:
    script = "JSON.parse(document.querySelector('script[type=\"application/ld+json\"]').textContent)"
    described = await opened.page.evaluate(script)
    assert [each["@type"] for each in described] == ["Article", "BreadcrumbList", "FAQPage"]
    assert described == json.loads(json.dumps(opened.result["json_ld"]))
    assert described[0]["headline"] == await opened.page.locator("h1").inner_text()
    asked = [item["question"] for item in (*opened.result["faq"], *opened.result["paa"])]
    assert [question["name"] for question in described[2]["mainEntity"]] == asked


async def test_the_page_breaks_no_rule_of_accessibility(opened: Opened) -> None:
    async with asyncio.timeout(90):
        report = await opened.elsewhere.evaluate(f"{AXE};axe.run(document)")
    assert [(each["id"], each["nodes"][0]["html"]) for each in report["violations"]] == []
    passed = {each["id"] for each in report["passes"]}
    assert passed >= {
        "color-contrast", "document-title", "heading-order", "html-has-lang", "image-alt", "landmark-one-main",
        "link-name", "list", "page-has-heading-one", "region",
    }  # fmt: skip


async def test_every_entry_of_the_contents_leads_to_its_heading(opened: Opened) -> None:
    entries = await opened.page.locator("nav a").all()
    assert len(entries) == len(opened.result["table_of_contents"]) > 2
    for entry in entries:
        await entry.click()
        anchor = str(await entry.get_attribute("href"))
        assert await opened.page.evaluate("location.hash") == anchor
        assert await opened.page.locator(f"h2{anchor}").bounding_box() is not None


async def test_the_page_fits_a_narrow_screen(opened: Opened) -> None:
    await opened.page.set_viewport_size({"width": 360, "height": 800})
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await opened.page.evaluate(wide) == 0
