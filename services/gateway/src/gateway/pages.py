"""The documents of the API as pages that load nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.openapi.plugins import OpenAPIRenderPlugin

from gateway import asyncapi
from gateway.access import PUBLIC

Json = dict[str, Any]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "section{border-top:1px solid #ccc}code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{background:#f5f5f5;padding:.5rem;overflow:auto}td{vertical-align:top;padding-right:1rem}"
)


class PlainRenderPlugin(OpenAPIRenderPlugin):
    """Shows the HTTP API without a script."""

    def __init__(self) -> None:
        super().__init__(path="/plain")

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        """Return the page."""
        return http_page(json.loads(self.render_json(request, openapi_schema))).encode()


@get("/asyncapi", opt=PUBLIC, tags=["system"], summary="Events and webhooks, as AsyncAPI")
async def get_asyncapi(request: Request[Any, Any, Any]) -> Response[Any]:
    """Return the AsyncAPI document as JSON, or as a page when ``Accept`` asks for ``text/html``."""
    if (
        request.accept.best_match(["application/json", "text/html"], default="application/json")
        == "text/html"
    ):
        return Response(events_page(asyncapi.document()), media_type=MediaType.HTML)
    return Response(asyncapi.document())


def http_page(schema: Json) -> str:
    """Return the page of an OpenAPI document."""
    operations = [
        _operation(f"{method.upper()} {path}", operation)
        for path, methods in schema.get("paths", {}).items()
        for method, operation in methods.items()
        if isinstance(operation, dict)
    ]
    return _page(
        schema["info"],
        '<p>The same for programs: <a href="/schema/openapi.json">openapi.json</a>. '
        'What comes without being asked for: <a href="/asyncapi">/asyncapi</a>.</p>',
        operations,
        schema.get("components", {}).get("schemas", {}),
    )


def events_page(document: Json) -> str:
    """Return the page of an AsyncAPI document."""
    sections = [
        f"<section><h2><code>{escape(str(channel['address'] or channel['title']))}</code></h2>"
        f"<p>{escape(channel.get('description', ''))}</p>"
        f"<p>{' '.join(f'<code>{escape(name)}</code>' for name in channel['messages'])}</p></section>"
        for channel in document["channels"].values()
    ]
    note = "<p>The same for programs: this address with <code>Accept: application/json</code>.</p>"
    return _page(document["info"], note, sections, document["components"]["schemas"])


def _operation(title: str, operation: Json) -> str:
    rows = [
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td>"
        f"<td>{escape(each.get('description') or '')}</td></tr>"
        for each in operation.get("parameters") or ()
    ]
    return (
        f"<section><h2><code>{escape(title)}</code></h2><p>{escape(operation.get('description') or '')}</p>"
        f"<table>{''.join(rows)}</table>"
        f"<p>Takes {_references(operation.get('requestBody'))}; "
        f"answers {', '.join(map(escape, operation.get('responses') or ()))} "
        f"with {_references(operation.get('responses'))}.</p></section>"
    )


def _references(part: Any) -> str:
    """Name the schemas that a part of the document refers to, as links."""
    names = sorted(set(_referred(part)))
    links = [f'<a href="#{escape(name)}">{escape(name)}</a>' for name in names]
    return ", ".join(links) or "nothing named"


def _referred(part: Any) -> Iterable[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rsplit("/", 1)[1]
        for each in part.values():
            yield from _referred(each)
    elif isinstance(part, list):
        for each in part:
            yield from _referred(each)


def _page(info: Json, note: str, sections: Iterable[str], schemas: Json) -> str:
    shown = [
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3><pre>{escape(json.dumps(schema, indent=1))}</pre></section>'
        for name, schema in schemas.items()
    ]
    title = escape(info["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(info.get('description') or '')}</p>"
        f"{note}{''.join(sections)}<h2>Schemas</h2>{''.join(shown)}</body></html>"
    )
