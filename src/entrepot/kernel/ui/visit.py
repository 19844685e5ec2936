"""One visit of a browser: who comes, what they may, and the page they get."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from entrepot.kernel.access import Principal
from entrepot.kernel.ctx import Actor, Ctx
from entrepot.kernel.http import SESSION_COOKIE, Exchange, Headers, entity_of, same_origin
from entrepot.kernel.i18n import LOCALES, pick_locale, translate
from entrepot.kernel.ui.labels import label_of
from entrepot.kernel.ui.show import Formats
from entrepot.kernel.units import unit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Denied, Malformed, NotFound, Refusal, Unauthenticated
from entrepot.pure.said import Said

if TYPE_CHECKING:
    from entrepot.kernel.ui.site import Place
    from entrepot.kernel.ui.views import Views

ENTITY_COOKIE, LOCALE_COOKIE, FLASH_COOKIE = "entrepot_entity", "entrepot_locale", "entrepot_flash"
SAFE = ("GET", "HEAD")
Data = dict[str, list[str]]


class Undo(msgspec.Struct, frozen=True):
    """A way back: the form that a message's button sends."""

    action: str
    name: str
    value: str


class Flash(msgspec.Struct, frozen=True):
    """A message a redirect leaves for the next page, shown once."""

    tone: str
    text: str
    undo: Undo | None = None


class Visit:
    """What a page handler needs: the visitor, the language, links, and a unit of work in their name."""

    def __init__(self, views: Views, exchange: Exchange, place: Place | None = None) -> None:
        self.views = views
        self.site = views.site
        self.house = exchange.house
        self.exchange = exchange
        self.place = place
        self.principal: Principal | None = None
        self.by_cookie = False
        self.credential = ""
        self.locale = pick_locale(exchange.header("accept-language"), exchange.house.config.locale)
        self.zone = "UTC"
        self.crumbs: list[tuple[str, str]] = []
        self.cookies: list[tuple[bytes, bytes]] = []
        self._data: Data | None = None
        self.files: list[tuple[str, bytes]] = []

    # ── who ──

    async def enter(self) -> None:
        """Prove who comes; refuses with Unauthenticated, Denied or, without a token on a form, Denied."""
        exchange, web = self.exchange, self.exchange.web
        await web.by_address.count(exchange.address)
        self.choose_locale()
        self.credential, self.by_cookie = exchange.credential()
        if self.by_cookie and exchange.method not in SAFE:
            same_origin(exchange)
        self.principal = exchange.principal = await web.principal(exchange, self.credential)
        await web.agree(exchange, self.principal)
        await web.by_tenant.count(f"{self.principal.tenant_id}{self.principal.actor_id}")
        self.choose_locale()
        if self.by_cookie and exchange.method not in SAFE:
            token = exchange.header("x-csrf-token") or (await self.data()).get("csrf", [""])[-1]
            if not hmac.compare_digest(token.encode(), self.csrf.encode()):
                raise Denied("this form is too old; load the page again")
        if self.place is not None:
            self.need(self.place.needs)

    def choose_locale(self) -> None:
        chosen = self.exchange.cookie(LOCALE_COOKIE)
        if chosen in LOCALES:
            self.locale = chosen
        elif self.principal is not None and self.principal.locale in LOCALES:
            self.locale = self.principal.locale

    @property
    def actor(self) -> Actor:
        if self.principal is None:
            raise Unauthenticated("log in or send an API key")
        return self.principal.actor()

    def may(self, permission: str) -> bool:
        return permission == "any" or (self.principal is not None and self.actor.may(permission))

    def need(self, permission: str) -> None:
        if not self.may(permission):
            raise Denied("you need the permission {missing} for this", missing=permission)

    @property
    def entity_id(self) -> UUID:
        assert self.principal is not None
        try:
            return entity_of(self.exchange, self.principal)
        except NotFound:  # the cookie names a company that is gone; pages go on with the default
            return self.principal.default_entity

    @cached_property
    def today(self) -> date:
        """The day it is where the visitor is, the same for the whole page. Known once a unit was begun, as the zone is."""
        return self.house.clock().astimezone(ZoneInfo(self.zone)).date()

    @property
    def csrf(self) -> str:
        key = self.house.config.secret.encode()
        return hmac.new(key, b"csrf:" + self.credential.encode(), hashlib.sha256).hexdigest()

    @asynccontextmanager
    async def unit(self, **options: Any) -> AsyncIterator[Ctx]:
        """A unit of the visitor's tenant, with their rights, language and company."""
        assert self.principal is not None
        async with unit(
            self.house,
            self.principal.tenant_id,
            self.actor,
            entity_id=self.entity_id,
            caller=self.exchange.caller,
            locale=self.locale,
            **options,
        ) as ctx:
            if "platform.timezone" in self.house.catalogue.settings:
                self.zone = str(await self.house.settings.value(ctx, "platform.timezone"))
            yield ctx

    # ── what was sent ──

    @property
    def method(self) -> str:
        return self.exchange.method

    @property
    def query(self) -> dict[str, str]:
        return self.exchange.query

    @property
    def is_partial(self) -> bool:
        """htmx asks for a part of the page."""
        return self.exchange.header("hx-request") == "true"

    async def data(self) -> Data:
        """The fields of the posted form."""
        if self._data is None:
            raw = await self.exchange.body()
            kind = self.exchange.header("content-type").split(";")[0].strip().lower()
            if kind == "multipart/form-data":
                self._data = await self._several_parts(raw)
                return self._data
            if raw and kind != "application/x-www-form-urlencoded":
                raise Malformed("a form was expected")
            try:
                pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=10_000)
            except (UnicodeDecodeError, ValueError) as error:
                raise Malformed("the form cannot be read") from error
            self._data = {}
            for name, value in pairs:
                if "\x00" in value or "\x00" in name:
                    raise Malformed("the form cannot be read")
                self._data.setdefault(name, []).append(value.replace("\r\n", "\n"))
        return self._data

    async def _several_parts(self, raw: bytes) -> Data:
        """The fields of a form with files; the files themselves are in `files`."""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        found: Data = {}
        try:
            async with Request(self.exchange.scope, receive).form(max_files=5, max_fields=20) as form:
                for name, value in form.multi_items():
                    if isinstance(value, str):
                        found.setdefault(name, []).append(value)
                    elif value.filename:
                        self.files.append((value.filename, await value.read()))
        except HTTPException as error:
            raise Malformed("the form cannot be read") from error
        return found

    # ── words and links ──

    @property
    def formats(self) -> Formats:
        return Formats(self.locale, self.zone)

    def t(self, text: str, **facts: Any) -> str:
        """The English text in the reader's language."""
        return translate(text, self.locale, facts)

    def say(self, refusal: Refusal) -> str:
        """A refusal in the reader's language; lists in it are read out."""
        facts = {
            name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            for name, value in refusal.facts.items()
        }
        return self.t(refusal.message, **facts)

    def told(self, said: Said) -> str:
        """A sentence that was kept with its facts, in the reader's language and notation."""
        return self.formats.told(said)

    def label(self, name: str) -> str:
        return self.t(label_of(name))

    def url(self, path: str, **query: Any) -> str:
        """A link inside this installation, whatever prefix it is served under."""
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return self.exchange.web.prefix + path + (f"?{urlencode(given)}" if given else "")

    # ── answers ──

    async def page(self, template: str, status: int = 200, **facts: Any) -> None:
        await self.html(self.views.render(self, template, **facts), status)

    async def html(self, text: str, status: int = 200) -> None:
        headers: Headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-store"),
            *self.views.headers,
            *self.cookies,
        ]
        await self.exchange.send(status, headers, text.encode())

    async def json(self, content: Any) -> None:
        await self.exchange.json(200, content, [(b"cache-control", b"no-store"), *self.views.headers])

    async def go(
        self, path: str, *, said: str = "", tone: str = "success", undo: Undo | None = None, **facts: Any
    ) -> None:
        """Send the browser on, with a message to show there, and a way back where there is one."""
        if said:
            text = quote(encode(Flash(tone, self.t(said, **facts), undo)).decode())
            self.set_cookie(FLASH_COOKIE, text, seconds=30)
        location = path if path.startswith(self.exchange.web.prefix + "/") else self.url(path)
        await self.exchange.send(
            303, [(b"location", quote(location, safe="/?&=%:;,+~#@!$'()*[]").encode()), *self.cookies], b""
        )

    def set_cookie(self, name: str, value: str, *, seconds: int | None = None) -> None:
        parts = [f"{name}={value}", f"Path={self.exchange.web.prefix or '/'}", "HttpOnly", "SameSite=Lax"]
        if seconds is not None:
            parts.append(f"Max-Age={seconds}")
        if self.secure:
            parts.append("Secure")
        self.cookies.append((b"set-cookie", "; ".join(parts).encode()))

    @property
    def secure(self) -> bool:
        """Whether the browser came by https, here or at a proxy we trust."""
        client = self.exchange.scope.get("client") or ("",)
        trusted = str(client[0]) in self.exchange.web.trusted
        forwarded = self.exchange.header("x-forwarded-proto") if trusted else ""
        return (forwarded or self.exchange.scope.get("scheme", "http")) == "https"

    def logged_in(self, credential: str, seconds: int) -> None:
        self.set_cookie(SESSION_COOKIE, credential, seconds=seconds)


Handler = Callable[[Visit], Awaitable[None]]


def entering(views: Views, handler: Handler, place: Place | None = None) -> Callable[[Exchange], Awaitable[None]]:
    """An endpoint that proves who comes first; a browser that is not logged in is sent to do so."""
    name = f"ui.{place.path if place else getattr(handler, '__name__', 'page')}"

    async def endpoint(exchange: Exchange) -> None:
        visit = Visit(views, exchange, place)
        try:
            await visit.enter()
        except Unauthenticated:
            if exchange.method not in SAFE or visit.is_partial or "text/html" not in exchange.header("accept"):
                raise
            asked = exchange.path
            raw: bytes = exchange.scope["query_string"]
            following = asked + (f"?{raw.decode('latin-1')}" if raw else "")
            await visit.go(visit.url("/login", next=following if following != "/" else ""))
            return
        with exchange.house.metrics.timed(name):
            await handler(visit)

    return endpoint
