"""Why is it stuck? Every obstacle with the button that clears it: of one thing on its page, of all on a page of its own."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.obstacles import MOST, Obstacle, door, everywhere
from entrepot.kernel.ui.labels import label_of
from entrepot.kernel.ui.rows import crumbs_of, names_in
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import NotFound

CLEAR = "/stuck/clear"


class Blocked(msgspec.Struct, frozen=True):
    """An obstacle as templates show it."""

    kind: str
    name: str
    href: str
    reason: str
    since: str
    exact: str
    button: str
    action: str
    hidden: list[tuple[str, str]]


async def obstacles_of(visit: Visit, ctx: Ctx, entity: str, identifier: UUID) -> tuple[list[Blocked], list[str]]:
    """What keeps one thing from going on, for its own page."""
    found, silent = await everywhere(ctx, entity, identifier)
    return [blocked(visit, one, ctx.now, {}) for one in found if not one.sees or visit.may(one.sees)], silent


async def show_stuck(visit: Visit) -> None:
    """Every obstacle of what the visitor may see, by kind of thing."""
    place = visit.place
    assert place is not None
    wanted = visit.query.get("entity", "")
    async with visit.unit(read_only=True) as ctx:
        found, silent = await everywhere(ctx)
        found = [one for one in found if may_see(visit, one)]
        kinds = Counter(one.entity for one in found)
        shown = [one for one in found if wanted in ("", one.entity)]
        names = await names_of(visit, ctx, shown)
        rows = [blocked(visit, one, ctx.now, names) for one in shown]
    here = visit.url(place.path)
    await visit.page(
        "stuck.html",
        place=place,
        title=visit.t(place.title),
        page_title=visit.t(place.title),
        rows=rows,
        silent=[visit.t(title) for title in silent],
        all=visit.formats.number(len(found)),
        more=len(found) >= MOST,
        kinds=[
            (visit.t(label_of(kind)), visit.formats.number(count), visit.url(place.path, entity=kind), kind == wanted)
            for kind, count in sorted(kinds.items())
        ],
        wanted=wanted,
        here=here,
        crumbs=crumbs_of(visit, place),
    )


async def clear(visit: Visit) -> None:
    """The button of an obstacle: the module it belongs to clears it, here or elsewhere, if the visitor may."""
    data = await visit.data()
    module, key, what = (data.get(name, [""])[-1] for name in ("module", "key", "what"))
    catalogue = visit.house.catalogue
    if module not in catalogue.modules and module not in catalogue.elsewhere:
        raise NotFound("there is no such {what}", what="module")
    async with visit.unit() as ctx:
        await ctx.of(door(module)).clear(key, what)
    came_from = urlsplit(visit.exchange.header("referer"))
    back = came_from.path.removeprefix(visit.exchange.web.prefix)
    said = {"hold": "The hold is released"}.get(what, "It is tried again now")
    await visit.go(back if back.startswith("/") and not back.startswith("//") else "/", said=said)


def may_see(visit: Visit, one: Obstacle) -> bool:
    """Who may not see a thing learns nothing of what keeps it."""
    if one.sees:
        return visit.may(one.sees)
    place = visit.site.place_of(one.entity)
    return place is None or visit.may(place.needs)


async def names_of(visit: Visit, ctx: Ctx, found: list[Obstacle]) -> dict[UUID, str]:
    """Names for things that their obstacle could not name, with one query for each kind."""
    wanted: dict[str, set[UUID]] = {}
    for one in found:
        if not one.name and one.entity_id is not None:
            wanted.setdefault(one.entity, set()).add(one.entity_id)
    names: dict[UUID, str] = {}
    for kind, ids in wanted.items():
        place = visit.site.lookups.get(f"{kind}_id")
        if place is not None and place.here and visit.may(place.needs):
            names |= await names_in(ctx, place.page, ids)
    return names


def blocked(visit: Visit, one: Obstacle, now: datetime, names: dict[UUID, str]) -> Blocked:
    place = visit.site.place_of(one.entity) if one.entity_id is not None else None
    own = visit.url(visit.site.path_of(place, one.entity, str(one.entity_id))) if place else ""
    may = bool(one.button) and (not one.needs or visit.may(one.needs))
    short = str(one.entity_id)[:8] if one.entity_id is not None else ""
    return Blocked(
        kind=visit.t(label_of(one.entity)),
        name=one.name or (names.get(one.entity_id, short) if one.entity_id is not None else ""),
        href=own,
        reason=visit.told(one.reason),
        since=visit.formats.ago(one.since, now) if one.since else "",
        exact=visit.formats.long_moment(one.since) if one.since else "",
        button=visit.t(one.button) if may else "",
        action=visit.url(CLEAR) if one.what else own if one.path == "." else visit.url(one.path) if one.path else "",
        hidden=[("module", one.module), ("what", one.what), ("key", one.key)] if one.what else [],
    )
