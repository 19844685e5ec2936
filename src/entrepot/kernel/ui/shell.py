"""What stands around the pages: log-in and out, the home page, company and language, search, notifications."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup

from entrepot.kernel.access import MOST_UNREAD, LogIn, Notices, throttle
from entrepot.kernel.config import Config
from entrepot.kernel.ctx import NIL, SYSTEM
from entrepot.kernel.http import SESSION_COOKIE, STATUS, Exchange, same_origin
from entrepot.kernel.i18n import LOCALES
from entrepot.kernel.lists import read_page
from entrepot.kernel.ui.challenges import place_of, signed
from entrepot.kernel.ui.declare import FormPage, ListPage
from entrepot.kernel.ui.rows import href_of
from entrepot.kernel.ui.site import Place
from entrepot.kernel.ui.tiles import panels_of, tiles_of
from entrepot.kernel.ui.views import Views
from entrepot.kernel.ui.visit import ENTITY_COOKIE, LOCALE_COOKIE, Visit
from entrepot.kernel.units import unit
from entrepot.pure.errors import Denied, Invalid, Malformed, NotFound, Refusal, TooMany, Unauthenticated

LOG_INS_A_MINUTE = 20


class Found(msgspec.Struct, frozen=True):
    """One thing the palette leads to."""

    title: str
    hint: str
    href: str
    icon: str


class Rung(msgspec.Struct, frozen=True):
    """A notice as the bell shows it."""

    id: str
    text: str
    when: str
    unread: bool
    count: int


class Shell:
    """Handlers that belong to no page of a module."""

    def __init__(self, views: Views, config: Config) -> None:
        self.views = views
        most = LOG_INS_A_MINUTE if config.address_limit else 0
        self.attempts = throttle(most, config.redis_url, "login")

    # ── log-in ──

    async def login(self, exchange: Exchange) -> None:
        """The form, and on a post the session in a cookie that scripts cannot read."""
        visit = Visit(self.views, exchange)
        visit.choose_locale()
        await exchange.web.by_address.count(exchange.address)
        following = safe_path(visit.query.get("next", ""))
        if exchange.method != "POST":
            await self.login_page(visit, following)
            return
        data = await visit.data()
        following = safe_path(data.get("next", [""])[-1])
        given = {name: data.get(name, [""])[-1] for name in ("email", "password", "tenant", "code")}
        try:
            same_origin(exchange)
            await self.attempts.count(exchange.address)
            async with unit(exchange.house, NIL, SYSTEM, caller=exchange.caller, locale=visit.locale) as ctx:
                opened = await ctx.of(LogIn).open_browser(
                    given["email"], given["password"], given["tenant"].strip() or None, given["code"].strip() or None
                )
        except (Unauthenticated, TooMany, Invalid, Denied, Malformed) as refusal:
            await self.login_page(visit, following, refusal, given)
            return
        visit.logged_in(opened.credential, opened.lasts)
        await visit.go(following or "/")

    async def login_page(
        self, visit: Visit, following: str, refusal: Refusal | None = None, given: dict[str, str] | None = None
    ) -> None:
        given = given or {"email": "", "password": "", "tenant": "", "code": ""}
        async with unit(visit.house, NIL, SYSTEM, caller=visit.exchange.caller, read_only=True) as ctx:
            options = await ctx.of(LogIn).passkey_door(place_of(visit.exchange, visit.secure)[0])
        field = str(refusal.facts.get("field", "")) if refusal else ""
        await visit.page(
            "login.html",
            STATUS[refusal.code] if refusal else 200,
            page_title=visit.t("Log in"),
            following=following,
            email=given["email"],
            password=given["password"] if field == "code" else "",
            tenant=given["tenant"],
            asks_tenant=field == "tenant" or bool(given["tenant"]),
            asks_code=field == "code",
            problem=visit.say(refusal) if refusal else "",
            options=Markup(options.replace("<", "\\u003c").replace("'", "\\u0027")),  # noqa: S704
            token=signed(visit.house.config.secret, options, visit.house.clock()),
        )

    async def logout(self, visit: Visit) -> None:
        """End this session here and in the database."""
        async with visit.unit() as ctx:
            await ctx.of(LogIn).close(visit.credential)
        visit.house.forget(visit.principal.tenant_id if visit.principal else NIL)
        visit.set_cookie(SESSION_COOKIE, "", seconds=0)
        await visit.go("/login", said="You are logged out")

    # ── choices ──

    async def switch(self, visit: Visit) -> None:
        """Another company or language, from here on in this browser."""
        data = await visit.data()
        entity, locale = data.get("entity", [""])[-1], data.get("locale", [""])[-1]
        assert visit.principal is not None
        if entity in visit.principal.entities:
            visit.set_cookie(ENTITY_COOKIE, entity, seconds=365 * 86400)
        if locale in LOCALES:
            visit.set_cookie(LOCALE_COOKIE, locale, seconds=365 * 86400)
        came_from = urlsplit(visit.exchange.header("referer"))
        path = came_from.path.removeprefix(visit.exchange.web.prefix)
        await visit.go(safe_path(path + (f"?{came_from.query}" if came_from.query else "")) or "/")

    # ── home ──

    async def home(self, visit: Visit) -> None:
        """The numbers of the day, from every module the visitor may see."""
        pages = [page for _, page in sorted(visit.site.home, key=lambda found: found[1].order)]
        # Charts take longest, so they are asked for first.
        panels, tiles = await asyncio.gather(
            panels_of(visit, [panel for page in pages for panel in page.panels]),
            tiles_of(visit, [tile for page in pages for tile in page.tiles]),
        )
        start = [p for _, places in visit.site.groups(visit.may) for p in places if p.new and visit.may(p.new.needs)]
        name = visit.principal.name.split()[0] if visit.principal and visit.principal.name.strip() else ""
        await visit.page(
            "home.html",
            page_title=visit.t("Home"),
            greeting=visit.t("Good to see you, {name}", name=name),
            today=visit.formats.date(visit.today),
            tiles=tiles,
            panels=panels,
            start=[
                (visit.t(p.new.title), p.icon, visit.url(p.new.path))
                for p in start[:8]
                if p.new and not p.new.parameters
            ],
            crumbs=[],
        )

    async def go(self, visit: Visit) -> None:
        """The page of anything, by its kind and id: for lists, notices and obstacles that know no more."""
        kind, identifier = visit.exchange.values["entity"], visit.exchange.values["id"]
        place = visit.site.place_of(kind)
        if place is None:
            raise NotFound("there is no such {what}", what=kind)
        await visit.go(visit.site.path_of(place, kind, identifier))

    # ── search over everything ──

    async def palette(self, visit: Visit) -> None:
        """Pages and commands by their words, then rows of every list that can be searched."""
        words = visit.query.get("q", "").strip()[:80]
        groups: list[tuple[str, list[Found]]] = []
        if pages := self._pages(visit, words):
            groups.append((visit.t("Pages"), pages))
        if commands := self._commands(visit, words):
            groups.append((visit.t("Do"), commands))
        if len(words) >= 2:
            groups += await self._rows(visit, words)
        await visit.page("palette.html", groups=groups, words=words)

    def _pages(self, visit: Visit, words: str) -> list[Found]:
        found = [
            Found(visit.t(p.title), visit.t(p.menu), visit.url(p.path), p.icon)
            for p in visit.site.places
            if p.menu and visit.may(p.needs) and matches(words, visit.t(p.title), p.title, visit.t(p.menu))
        ]
        return found[:8]

    def _commands(self, visit: Visit, words: str) -> list[Found]:
        found = []
        for place in visit.site.places:
            if not isinstance(place.page, FormPage) or place.parameters or not visit.may(place.needs):
                continue
            if place.parent is not None and place.parent.new is not place:
                continue
            if matches(words, visit.t(place.title), place.title, visit.t("New")):
                found.append(Found(visit.t(place.title), "", visit.url(place.path), place.icon))
        return found[: 8 if words else 4]

    async def _rows(self, visit: Visit, words: str) -> list[tuple[str, list[Found]]]:
        groups = []
        async with visit.unit(read_only=True) as ctx:
            for place in visit.site.lists.values():
                page: ListPage = place.page
                if not place.here or not (page.searched and page.listing.search) or place.parameters:
                    continue
                if not visit.may(place.needs):
                    continue
                found = await read_page(ctx, page.listing, {"q": words, "limit": "4"})
                rows = [self._row(visit, place, row) for row in found.data]
                if rows:
                    groups.append((visit.t(place.title), rows))
        return groups

    def _row(self, visit: Visit, place: Place, row: Any) -> Found:
        page: ListPage = place.page
        names = [n for n in (page.name, *page.columns) if n in page.listing.columns]
        title = next((str(t) for n in names if (t := getattr(row, n, ""))), str(getattr(row, page.listing.key)))
        hint = visit.formats.cell(getattr(row, page.hint), page.hint).text if page.hint else ""
        href = href_of(visit, place, row, {}) or visit.url(place.path, q=title)
        return Found(title, hint, href, place.icon)

    # ── the bell ──

    async def bell(self, visit: Visit) -> None:
        """What the visitor should know: notices of the module that keeps them, where there is one."""
        notices: list[Rung] = []
        if _rings(visit):
            async with visit.unit(read_only=True) as ctx:
                notices = [
                    Rung(str(n.id), visit.told(n.said), visit.formats.ago(n.at, ctx.now), n.unread, n.count)
                    for n in await ctx.of(Notices).latest(8)
                ]
        await visit.page("bell.html", notices=notices, all=visit.site.lists.get("notices"))

    async def unread(self, visit: Visit) -> None:
        """How many notices are new, for the bell of every page."""
        count = 0
        if _rings(visit):
            async with visit.unit(read_only=True) as ctx:
                count = await ctx.of(Notices).unread()
        shown = f"{MOST_UNREAD}+" if count > MOST_UNREAD else visit.formats.number(count)
        await visit.page("unread.html", count=count, shown=shown)

    async def read(self, visit: Visit) -> None:
        """A notice is opened, or all are marked as read."""
        data = await visit.data()
        notice, path = data.get("notice", [""])[-1], ""
        async with visit.unit() as ctx:
            notices = ctx.of(Notices)
            if notice:
                found = next((n for n in await notices.latest(50) if str(n.id) == notice), None)
                if found is None:
                    raise NotFound("there is no such {what}", what="notice")
                await notices.mark_read(found.id)
                path = found.path
            else:
                await notices.mark_all_read()
        await visit.go(safe_path(path) or "/notices", said="" if notice else "Everything is read")


def _rings(visit: Visit) -> bool:
    return Notices in visit.house.catalogue.offers or Notices.facade_name in visit.house.topology.far


def matches(words: str, *texts: str) -> bool:
    """Every typed word begins some word of the texts."""
    known = " ".join(texts).lower().split()
    return all(any(k.startswith(word) for k in known) for word in words.lower().split())


def safe_path(path: str) -> str:
    """A path of this site, or nothing: a link in a mail must not send people elsewhere after they log in."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\", "/login")) else ""
