"""The numbers and charts of dashboards: each counts or sums rows of a list, and leads to exactly these rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from entrepot.kernel import db
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.lists import Listing, asked_by, conditions_of, scope_of, totals_of
from entrepot.kernel.ui.declare import Panel, Tile
from entrepot.kernel.ui.rows import names_in, readable
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.groups import grouped

Counted = dict[tuple[Any, ...], dict[str, Decimal]]


class TileShown(msgspec.Struct, frozen=True):
    """A number and where it comes from; `advice` says what to do while there is nothing."""

    title: str
    number: str
    href: str
    icon: str
    advice: str = ""
    tone: str = ""
    unit: str = ""
    more: str = ""


class Slice(msgspec.Struct, frozen=True):
    """One group of a chart: its words, its number, how much of the largest it is, and its rows."""

    name: str
    number: str
    part: str
    href: str


class PanelShown(msgspec.Struct, frozen=True):
    """A chart with the rows behind it."""

    title: str
    icon: str
    kind: str
    total: str
    href: str
    advice: str
    slices: list[Slice]
    chart: dict[str, Any] | None


async def tiles_of(visit: Visit, tiles: Sequence[Tile]) -> list[TileShown]:
    """Each tile with one statement, under the very filter that its link opens."""
    async with visit.unit(read_only=True) as ctx:
        return [await _tile(visit, ctx, tile) for tile in tiles if visit.may(tile.listing.needs)]


async def _tile(visit: Visit, ctx: Ctx, tile: Tile) -> TileShown:
    place = visit.site.list_of(tile.listing)
    where = {name: value.replace("{today}", visit.today.isoformat()) for name, value in tile.where.items()}
    count, sums = await totals_of(ctx, tile.listing, readable(visit, tile.listing, where), tile.sum)
    amounts = money(visit, sums) if tile.sum else [visit.formats.number(count)]
    number, _, unit = amounts[0].partition(" ")
    return TileShown(
        visit.t(tile.title),
        number,
        _link(visit, tile.listing, where, tile.sum),
        tile.icon or (place.icon if place else "list"),
        visit.t(tile.empty) if tile.empty and not count else "",
        tile.tone if count else "",
        unit,
        " · ".join(amounts[1:]),
    )


def money(visit: Visit, sums: Mapping[str, Decimal]) -> list[str]:
    """A sum for each currency, for currencies do not add up; the largest first."""
    if not sums:
        return [visit.formats.number(Decimal("0.00"))]
    ordered = sorted(sums.items(), key=lambda item: (-abs(item[1]), item[0]))
    return [f"{visit.formats.number(amount)} {currency}".strip() for currency, amount in ordered]


def _link(visit: Visit, listing: Listing[Any], where: Mapping[str, str], total: str) -> str:
    place = visit.site.list_of(listing)
    if place is None:
        return ""
    asked = {**where, **({"sum": total} if total else {}), "count": "true"}
    return f"{visit.url(place.path)}?{urlencode(asked)}"


# ── charts ──


async def panels_of(visit: Visit, panels: Sequence[Panel]) -> list[PanelShown]:
    """The charts. Those over the same rows are counted together, in one walk through them; the others at the same time, each
    on a connection of its own, so that nobody waits for their sum."""
    allowed = [panel for panel in panels if visit.may(panel.listing.needs)]
    alike = grouped(allowed, _rows_of)
    shown = dict(zip(alike, await asyncio.gather(*(_alike(visit, these) for these in alike.values())), strict=True))
    return [shown[_rows_of(panel)].pop(0) for panel in allowed]


async def _alike(visit: Visit, panels: Sequence[Panel]) -> list[PanelShown]:
    async with visit.unit(read_only=True) as ctx:
        counted, fields = await _cube(visit, ctx, panels), _fields(panels)
        return [await _panel(visit, ctx, panel, fields, counted) for panel in panels]


def _rows_of(panel: Panel) -> Any:
    # A chart of the largest few is counted by itself, so that the database leaves out the many others.
    own = panel.by if panel.top else ""
    return panel.listing.name, panel.sum, panel.over, panel.days, tuple(sorted(panel.where.items())), own


def _fields(panels: Iterable[Panel]) -> list[str]:
    return list(dict.fromkeys(panel.by for panel in panels))


async def _cube(visit: Visit, ctx: Ctx, panels: Sequence[Panel]) -> Counted:
    """The rows of the panels counted by all their fields at once, and by currency where amounts are added up."""
    panel, fields = panels[0], _fields(panels)
    days, columns = days_of(visit, panel), panel.listing.columns
    groups = [columns[name].label(name) for name in fields if name != panel.over]
    held = panel.sum and panel.listing.in_currency(panel.sum)
    if held:
        groups.append(columns["currency"].label("_currency"))
    each_day = panel.over in fields
    select = _counting(visit, ctx, panel, groups, days if each_day else [])
    sql, arguments = db.compiled(asked_by(ctx, panel.listing, select))
    counted: Counted = {}
    for row in await ctx.connection.fetch(sql, *arguments):
        *values, number = row
        day = days[int(values.pop(0)) - 1] if each_day else None
        currency = str(values.pop()) if held else ""
        plain = iter(values)
        key = tuple(day if name == panel.over else next(plain) for name in fields)
        counted.setdefault(key, {})[currency] = number
    return counted


def _counting(
    visit: Visit, ctx: Ctx, panel: Panel, groups: Sequence[sa.Label[Any]], each: Sequence[date]
) -> sa.Select[Any]:
    """What counts or adds up the rows of a panel by these groups, before them by the place of a day where `each` day is
    counted. Each is a range of its own: the index finds it, and no row's moment has to be turned into a day."""
    listing, columns, days = panel.listing, panel.listing.columns, days_of(visit, panel)
    day = _ranges(visit, each or days[:1], each or days[-1:])
    measure = sa.func.sum(columns[panel.sum]) if panel.sum else sa.func.count()
    found = (
        listing.view.select.with_only_columns(*groups, measure.label("_number"))
        .where(*conditions_of(listing, readable(visit, listing, panel.where)), *scope_of(ctx, listing))
        .where(columns[panel.over] >= day.c.since, columns[panel.over] < day.c.until)
    )
    inner = (found.group_by(*(group.element for group in groups)) if groups else found).lateral("found")
    outer = [*([day.c.at] if each else []), *(inner.c[group.name] for group in groups)]
    total = sa.func.sum(inner.c["_number"])
    select = sa.select(*outer, total.label("_total")).select_from(day.join(inner, sa.true())).group_by(*outer)
    if panel.top:
        select = select.order_by(total.desc(), *outer).limit(panel.top)
    return select.having(total.is_not(None))


def _ranges(visit: Visit, firsts: Sequence[date], lasts: Sequence[date]) -> Any:
    """A row for each range of days, with its place, from the midnight its first day begins with to the one its last ends with."""
    moments = sa.DateTime(timezone=True)
    return (
        sa.func.unnest(
            sa.literal([_midnight(visit, first) for first in firsts], sa.ARRAY(moments)),
            sa.literal([_midnight(visit, last + timedelta(days=1)) for last in lasts], sa.ARRAY(moments)),
        )
        .table_valued(sa.column("since", moments), sa.column("until", moments), with_ordinality="at")
        .render_derived(name="day")
    )


def days_of(visit: Visit, panel: Panel) -> list[date]:
    """The days of a chart, today the last."""
    return [visit.today - timedelta(days=back) for back in range(panel.days - 1, -1, -1)]


def _midnight(visit: Visit, day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(visit.zone)).astimezone(UTC)


async def _panel(visit: Visit, ctx: Ctx, panel: Panel, fields: Sequence[str], counted: Counted) -> PanelShown:
    at = fields.index(panel.by)
    groups: dict[Any, dict[str, Decimal]] = {}
    totals: dict[str, Decimal] = {}
    for key, sums in counted.items():
        for currency, number in sums.items():
            mine = groups.setdefault(key[at], {})
            mine[currency] = mine.get(currency, Decimal(0)) + number
            totals[currency] = totals.get(currency, Decimal(0)) + number
    days = days_of(visit, panel)
    order = days if panel.by == panel.over else sorted(groups, key=lambda value: (-_size(groups[value]), str(value)))
    window = {f"{panel.over}__gte": days[0].isoformat(), f"{panel.over}__lte": days[-1].isoformat()}
    names = await _names(visit, ctx, panel, order)
    most = max((_size(sums) for sums in groups.values()), default=Decimal(0)) or Decimal(1)
    currencies = sorted(totals, key=lambda code: (-abs(totals[code]), code)) or [""]
    slices = []
    for value in order:
        sums = groups.get(value, {})
        if panel.by == panel.over:
            where = {**window, f"{panel.over}__gte": value.isoformat(), f"{panel.over}__lte": value.isoformat()}
        else:
            where = {**window, panel.by: str(value)}
        href = _link(visit, panel.listing, {**panel.where, **where}, panel.sum)
        part = format(max(Decimal(0), _size(sums)) / most, ".3f")
        slices.append(Slice(names[value], " · ".join(_numbers(visit, panel, sums)), part, href))
    several = len(currencies) > 1
    series = [
        {
            "name": code or visit.label(panel.sum or "count"),
            "data": [str(groups.get(v, {}).get(code, 0)) for v in order],
        }
        for code in currencies
    ]
    return PanelShown(
        visit.t(panel.title),
        panel.icon or "chart-bar",
        panel.kind,
        " · ".join(_numbers(visit, panel, totals)) if not panel.top else "",
        _link(visit, panel.listing, {**panel.where, **window}, panel.sum),
        visit.t(panel.empty) if panel.empty and not groups else "",
        slices,
        {
            "kind": "bar" if panel.kind == "pie" and several else panel.kind,
            "label": visit.t(panel.title),
            "data": {"x": [s.name for s in slices], "series": series, "links": [s.href for s in slices]},
        }
        if groups and panel.kind != "ranking"
        else None,
    )


def _size(sums: Mapping[str, Decimal]) -> Decimal:
    return max(sums.values(), default=Decimal(0))


def _numbers(visit: Visit, panel: Panel, sums: Mapping[str, Decimal]) -> list[str]:
    if panel.sum and panel.listing.in_currency(panel.sum):
        return money(visit, sums)
    return [visit.formats.number(number) for number in sums.values()] or ["0"]


async def _names(visit: Visit, ctx: Ctx, panel: Panel, values: Sequence[Any]) -> dict[Any, str]:
    """What people call each group."""
    if panel.by == panel.over:
        return {value: visit.formats.short_date(value) for value in values}
    known: dict[Any, str] = {}
    ids = {value for value in values if isinstance(value, UUID)}
    place = visit.site.lookups.get(panel.by)
    if ids and place is not None and place.here and visit.may(place.needs):
        known = await names_in(ctx, place.page, ids)
    if ids and visit.principal is not None:
        known = {**{id: code for code, id in visit.principal.entities.items()}, **known}
    return {value: known.get(value) or visit.formats.cell(value, panel.by).text for value in values}
