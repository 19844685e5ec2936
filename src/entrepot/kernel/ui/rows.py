"""Rows and columns of a list as templates show them, and the names of what they refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import sqlalchemy as sa

from entrepot.kernel import db
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.fields import FieldDefinition
from entrepot.kernel.layouts import Placed
from entrepot.kernel.lists import Listing
from entrepot.kernel.ui.declare import ListPage
from entrepot.kernel.ui.labels import kind_of, label_of
from entrepot.kernel.ui.show import Cell
from entrepot.kernel.ui.site import Place
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import Invalid

PLUMBING = ("id", "version", "custom", "archived_at", "tenant_id")


class Column(msgspec.Struct, frozen=True):
    """One column of a list as the template shows it."""

    name: str
    label: str
    style: str
    sort: str = ""
    sorted: str = ""
    chosen: bool = True


class Row(msgspec.Struct, frozen=True):
    """One row, ready to be shown."""

    id: str
    href: str
    cells: list[Cell]


def default_columns(page: ListPage) -> list[str]:
    if page.columns:
        return list(page.columns)
    return [n for n in page.listing.columns if n not in PLUMBING and n not in page.listing.hidden][:7]


def chosen_columns(
    page: ListPage,
    definitions: Sequence[FieldDefinition],
    asked: Mapping[str, str],
    fixed: Mapping[str, str],
    layout: Sequence[Placed] = (),
) -> list[str]:
    """The columns that are shown, in order: those asked for, else those of the layout, else those declared."""
    known = [n for n in page.listing.columns if n not in ("custom", "tenant_id")]
    known += [f"custom.{d.name}" for d in definitions]
    wanted = [name for name in asked.get("columns", "").split(",") if name in known]
    placed = [one.name for one in layout if one.shown and one.name in known]
    listed = [f"custom.{d.name}" for d in definitions if d.listed and not any(d.name == p.name[7:] for p in layout)]
    return [n for n in (wanted or [*(placed or default_columns(page)), *listed]) if n not in fixed]


def columns_of(
    visit: Visit,
    page: ListPage,
    definitions: Sequence[FieldDefinition],
    asked: Mapping[str, str],
    fixed: Mapping[str, str],
    here: str,
    layout: Sequence[Placed] = (),
) -> list[Column]:
    """Chosen columns first, in their order, then those that could be chosen."""
    chosen = chosen_columns(page, definitions, asked, fixed, layout)
    labels = {
        f"custom.{d.name}": d.label.get(visit.locale) or d.label.get("en") or label_of(d.name) for d in definitions
    }
    rest = [n for n in page.listing.columns if n not in chosen and n not in ("custom", "tenant_id") and n not in fixed]
    rest += [name for name in labels if name not in chosen]
    sort = (asked.get("sort") or page.listing.sort).split(",")[0]
    kept = {k: v for k, v in asked.items() if k not in ("sort", "cursor", "view", "format", "count")}
    found = []
    for name in [*chosen, *rest]:
        kind = kind_of(page.listing.kinds.get(name, str)).name
        sortable = page.listing.sortable(name)
        down = sort == f"-{name}"
        found.append(
            Column(
                name=name,
                label=labels.get(name) or visit.label(name),
                style="number" if kind in ("number", "integer") else "text",
                sort=f"{here}?{urlencode({**kept, 'sort': f'-{name}' if sort == name else name})}" if sortable else "",
                sorted="descending" if down else "ascending" if sort == name else "",
                chosen=name in chosen,
            )
        )
    return found


def row_of(
    visit: Visit,
    place: Place,
    row: Any,
    columns: Sequence[Column],
    names: Mapping[str, dict[Any, str]],
    values: Mapping[str, str],
) -> Row:
    page: ListPage = place.page
    cells = []
    for column in columns:
        if column.name.startswith("custom."):
            cells.append(visit.formats.cell(row.custom.get(column.name[7:])))
        else:
            cells.append(visit.formats.cell(getattr(row, column.name), column.name, names.get(column.name)))
    return Row(str(getattr(row, page.by or page.listing.key)), href_of(visit, place, row, values), cells)


def href_of(visit: Visit, place: Place, row: Any, values: Mapping[str, str]) -> str:
    """Where a row leads: to its page, if there is one the visitor may see."""
    page: ListPage = place.page
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    if isinstance(page.open, str):
        return visit.url(page.open.format_map({**values, **fields}))
    if place.open is None or not visit.may(place.open.needs):
        return ""
    key = next((n for n in reversed(place.open.parameters) if n not in values), "")
    return visit.url(place.open.at({**fields, **values, key: getattr(row, place.open.page.by or page.listing.key)}))


async def names_of(
    visit: Visit, ctx: Ctx, listing: Listing[Any], rows: Sequence[Any], columns: Sequence[str]
) -> dict[str, dict[Any, str]]:
    """Names for the ids in the rows, with one query per list they are chosen from."""
    found: dict[str, dict[Any, str]] = {}
    for name in columns:
        place = visit.site.lookups.get(name)
        if place is None or not place.here or not visit.may(place.needs) or name not in listing.columns:
            continue
        ids = {value for row in rows if isinstance(value := getattr(row, name), UUID)}
        if ids:
            found[name] = await names_in(ctx, place.page, ids)
    return found


async def names_in(ctx: Ctx, page: ListPage, ids: set[UUID]) -> dict[Any, str]:
    """The names of these rows of a list."""
    columns = page.listing.columns
    key, name = columns[page.listing.key], columns[page.name]
    select = page.listing.view.select.with_only_columns(key.label("key"), name.label("name"))
    sql, arguments = db.compiled(select.where(key == sa.any_(sa.literal(list(ids), sa.ARRAY(key.type)))))
    return {row["key"]: row["name"] for row in await ctx.connection.fetch(sql, *arguments)}


async def definitions_of(ctx: Ctx, page: ListPage, visit: Visit) -> list[FieldDefinition]:
    """The custom fields of what is listed."""
    entity = page.custom or (page.listing.extensible.entity if page.listing.extensible else "")
    if not entity or "custom" not in page.listing.columns:
        return []
    entity = entity.format_map(visit.exchange.values) if "{" in entity else entity
    return await ctx.house.fields.of(ctx, entity)


def readable(visit: Visit, listing: Listing[Any], asked: Mapping[str, str]) -> dict[str, str]:
    """The query as the list reads it: a day stands for the reader's whole day, from its midnight to the next."""
    found: dict[str, str] = {}
    for name, value in asked.items():
        if name in ("columns", "view", "format", "sum"):
            continue
        field, _, operator = name.partition("__")
        if len(value) == 10 and field in listing.kinds and kind_of(listing.kinds[field]).name == "moment":
            try:
                day = date.fromisoformat(value)
            except ValueError:
                raise Invalid.field(name, "this is not a valid value: {value}", value=value) from None
            if operator == "lte":
                name, day = f"{field}__lt", day + timedelta(days=1)
            value = visit.formats.from_local(f"{day.isoformat()}T00:00").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found[name] = value
    return found


def crumbs_of(visit: Visit, place: Place) -> list[tuple[str, str]]:
    """The way here: title and address of every page above."""
    crumbs: list[tuple[str, str]] = []
    above = place.parent
    while above is not None:
        crumbs.insert(0, (visit.t(above.title), visit.url(above.at(visit.exchange.values))))
        above = above.parent
    return crumbs
