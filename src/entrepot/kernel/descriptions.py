"""What a process says about itself: /openapi.json, /asyncapi.json, and /docs to read and try them."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from entrepot.kernel.asyncapi import asyncapi
from entrepot.kernel.http import JSON, Exchange, Headers, Web
from entrepot.kernel.i18n import translate
from entrepot.kernel.openapi import openapi
from entrepot.pure.encoding import encode

BUILT = Path(__file__).parent / "ui" / "static" / "built"
# Nothing inline and nothing from elsewhere; the viewer's images are data addresses in its stylesheet.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def mount(web: Web) -> None:
    """Add the addresses of the descriptions."""
    described = Descriptions(web)
    web.tree.add("GET", "/openapi.json", described.openapi)
    web.tree.add("GET", "/asyncapi.json", described.asyncapi)
    web.tree.add("GET", "/docs", described.docs)


class Descriptions:
    """The documents of one process, made when first asked for and kept: routes do not change while it runs."""

    def __init__(self, web: Web) -> None:
        self.catalogue = web.house.catalogue
        self.prefix = web.prefix
        self._made: dict[str, tuple[bytes, bytes]] = {}

    async def openapi(self, exchange: Exchange) -> None:
        """The routes of this process; with `?all=true` those of the other services as well."""
        everything = exchange.query.get("all") == "true"
        await self._answer(
            exchange,
            f"openapi {everything}",
            lambda: openapi(self.catalogue, elsewhere=everything, prefix=self.prefix),
        )

    async def asyncapi(self, exchange: Exchange) -> None:
        """Every event and who hears it here."""
        await self._answer(exchange, "asyncapi", lambda: asyncapi(self.catalogue))

    async def docs(self, exchange: Exchange) -> None:
        """The viewer, or how to build it."""
        page = _page(self.prefix, exchange.locale).encode()
        headers: Headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", POLICY),
            (b"referrer-policy", b"no-referrer"),
            (b"cache-control", b"no-cache"),
        ]
        await exchange.send(200, headers, page)

    async def _answer(self, exchange: Exchange, name: str, make: Callable[[], Any]) -> None:
        if name not in self._made:
            content = encode(make())
            self._made[name] = content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'.encode()
        content, tag = self._made[name]
        headers: Headers = [(b"etag", tag), (b"cache-control", b"no-cache")]
        seen = [part.strip().removeprefix("W/") for part in exchange.header("if-none-match").split(",")]
        if tag.decode() in seen or "*" in seen:
            await exchange.send(304, headers, b"")
            return
        await exchange.send(200, [(b"content-type", JSON), *headers], content)


def _page(prefix: str, locale: str) -> str:
    manifest = BUILT / "manifest.json"
    files: dict[str, dict[str, Any]] = msgspec.json.decode(manifest.read_bytes()) if manifest.is_file() else {}
    heading = html.escape(translate("API documentation", locale))
    if "docs/viewer.js" not in files:
        words = html.escape(translate("This page is not built yet. Run: {command}", locale, {"command": "make assets"}))
        return _HTML.format(
            locale=locale,
            title=heading,
            head="",
            body=f'<h1>{heading}</h1>\n<p>{words}</p>\n<p><a href="{prefix}/openapi.json">/openapi.json</a></p>',
        )
    served = {name: html.escape(f"{prefix}/static/{entry['file']}") for name, entry in files.items()}
    return _HTML.format(
        locale=locale,
        title=heading,
        head=f'<link rel="stylesheet" href="{served["docs/viewer.css"]}">\n'
        f'<script src="{served["docs/viewer.js"]}" defer></script>\n'
        f'<script src="{served["docs/init.js"]}" defer></script>\n',
        body=f'<div id="api-docs" data-spec="{prefix}/openapi.json"></div>',
    )


_HTML = """<!doctype html>
<html lang="{locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title} · Entrepot</title>
{head}</head>
<body>
{body}
</body>
</html>
"""
