"""The documents that the gateway serves about itself: valid, complete, and without anything from elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts.events import Event, event_type

ROOT = Path(__file__).parents[3]
VALIDATOR = "@asyncapi/parser@3.6.6"
VALIDATE = """
const { Parser } = require('@asyncapi/parser');
const text = require('fs').readFileSync(0, 'utf8');
new Parser().parse(text).then(({ document, diagnostics }) => {
  const wrong = diagnostics.filter((one) => one.severity === 0);
  console.log(JSON.stringify({ version: document && document.version(), wrong }));
});
"""


async def output(*command: str, given: bytes = b"") -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answer, complaint = await process.communicate(given)
    assert process.returncode == 0, complaint.decode()
    return answer


@pytest.fixture
async def validator() -> Path:
    """The folder of the validator, which npm fetches the first time."""
    if shutil.which("npm") is None:
        message = "npm is needed to check the AsyncAPI document with the validator of its makers"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    folder = ROOT / ".venv" / VALIDATOR.replace("/", "-")
    if not (folder / "node_modules" / "@asyncapi" / "parser" / "package.json").exists():
        await output("npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", VALIDATOR)
    return folder


async def verdict(validator: Path, document: bytes) -> dict[str, Any]:
    script = validator / "validate.js"
    script.write_text(VALIDATE)
    return dict(json.loads(await output("node", str(script), given=document)))


async def test_the_asyncapi_document_is_valid(door: Any, validator: Path) -> None:
    async with door.gateway():
        served = (await door.http.get("/asyncapi")).content
    assert await verdict(validator, served) == {"version": "3.0.0", "wrong": []}
    broken = json.loads(served)
    broken["channels"]["jobEvents"]["messages"]["started"]["$ref"] = "#/components/messages/nothing"
    assert (await verdict(validator, json.dumps(broken).encode()))["wrong"]


async def test_the_asyncapi_document_describes_every_event(door: Any) -> None:
    async with door.gateway():
        document = (await door.http.get("/asyncapi")).json()
    names = {event_type(kind) for kind in get_args(Event)}
    assert set(document["channels"]["jobEvents"]["messages"]) == names
    assert set(document["components"]["messages"]) == names | {"webhook", "thinWebhook"}
    seq = document["components"]["schemas"]["Started"]["properties"]
    assert {"job_id", "seq", "at", "tenant", "batch_id", "type", "run", "deadline_at"} == set(seq)


class Loads(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, _attributes: Any) -> None:
        self.tags.add(tag)


@pytest.mark.parametrize("path", ["/schema", "/schema/plain", "/asyncapi"])
async def test_a_page_loads_nothing_from_anywhere(door: Any, path: str) -> None:
    async with door.gateway():
        answer = await door.http.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert Loads(answer.text).tags & {"script", "link", "img", "iframe", "object"} == set()
    assert not re.search(r"https?://|url\(|@import", answer.text.partition("</style>")[0])
    assert "blog-writer" in answer.text


async def test_the_page_of_the_http_api_names_every_route(door: Any) -> None:
    async with door.gateway():
        page = (await door.http.get("/schema")).text
        schema = (await door.http.get("/schema/openapi.json")).json()
    assert schema["paths"]
    assert all(path in page for path in schema["paths"])
