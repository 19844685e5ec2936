"""Ways to narrow a list, and what narrows it now in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.lists import RESERVED, Listing
from entrepot.kernel.ui.declare import ListPage
from entrepot.kernel.ui.labels import kind_of
from entrepot.kernel.ui.rows import names_in
from entrepot.kernel.ui.site import Site
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import Malformed
from entrepot.pure.ids import parse_id


class Filter(msgspec.Struct, frozen=True):
    """One way to narrow a list."""

    name: str
    label: str
    kind: str
    value: str = ""
    until: str = ""
    options: list[tuple[str, str]] = []
    pick: str = ""
    shown: str = ""


class Chip(msgspec.Struct, frozen=True):
    """A filter that holds now, and the address without it."""

    text: str
    without: str


async def filters_of(
    visit: Visit, ctx: Ctx, page: ListPage, asked: Mapping[str, str], fixed: Mapping[str, str]
) -> list[Filter]:
    """The filters of a list with what they hold now."""
    listing, found = page.listing, []
    for name in page.filters or default_filters(page, visit.site):
        if name in fixed:
            continue
        kind = kind_of(listing.kinds[name])
        options = [(word, visit.label(word)) for word in kind.choices]
        if not options and name in ("state", "status"):
            options = [(word, visit.label(word)) for word in states_of(visit.site, listing)]
        value, pick, shown = asked.get(name, ""), "", ""
        if kind.name == "id":
            lookup = visit.site.lookups.get(name)
            if lookup is None or not lookup.here or not visit.may(lookup.needs):
                continue
            pick = visit.url(f"/pick/{lookup.page.listing.name}")
            shown = await picked(ctx, lookup.page, value)
        if kind.name in ("date", "moment"):
            value = asked.get(f"{name}__gte", "")
        found.append(
            Filter(
                name=name,
                label=visit.label(name),
                kind="choice" if options else kind.name,
                value=value
                if kind.name not in ("text", "number", "integer") or options
                else asked.get(text_name(name, kind.name), ""),
                until=asked.get(f"{name}__lte", ""),
                options=options,
                pick=pick,
                shown=shown,
            )
        )
    return found


def text_name(name: str, kind: str) -> str:
    return f"{name}__contains" if kind == "text" else name


def default_filters(page: ListPage, site: Site) -> list[str]:
    """States, flags, dates, and what is chosen from another list."""
    wanted = []
    for name in page.listing.columns:
        if name in ("id", "version", "tenant_id", "updated_at") or not page.listing.filterable(name):
            continue
        kind = kind_of(page.listing.kinds[name]).name
        if kind in ("choice", "flag", "date", "moment") or name in ("state", "status") or name in site.lookups:
            wanted.append(name)
    return wanted[:6]


def states_of(site: Site, listing: Listing[Any]) -> list[str]:
    """The states of the machine that governs what is listed."""
    for stateful in site.catalogue.machines.values():
        if stateful.table.table is listing.view.select.get_final_froms()[0]:
            return [str(state.value) for state in stateful.machine.states]
    return []


async def picked(ctx: Ctx, page: ListPage, value: str) -> str:
    try:
        found = await names_in(ctx, page, {parse_id(value)})
    except Malformed:
        return ""
    return next(iter(found.values()), "")


def chips_of(
    visit: Visit, page: ListPage, asked: Mapping[str, str], filters: Sequence[Filter], here: str
) -> list[Chip]:
    """What narrows the list now, in words."""
    signs = {"gte": "≥", "lte": "≤", "gt": ">", "lt": "<", "ne": "≠", "contains": "~", "in": "=", "": ":"}
    shown = {f.name: f.shown for f in filters if f.shown}
    chips = []
    for parameter, value in asked.items():
        if parameter in RESERVED or parameter == "sum":
            continue
        name, _, operator = parameter.partition("__")
        text = (
            shown.get(name)
            or {"true": visit.t("Yes"), "false": visit.t("No")}.get(value)
            or words_of(visit, name, value)
        )
        if operator == "null":
            operator, text = "", visit.t("empty" if value == "true" else "filled in")
        rest = {k: v for k, v in asked.items() if k not in (parameter, "cursor", "view")}
        chips.append(
            Chip(
                f"{visit.label(name)}{'' if operator == '' else ' '}{signs.get(operator, operator)} {text}",
                f"{here}?{urlencode(rest) or 'sort='}",
            )
        )
    return chips


def words_of(visit: Visit, name: str, value: str) -> str:
    if name in ("state", "status", "kind"):
        return ", ".join(visit.label(word) for word in value.split(","))
    return value
