"""List pages: one query for the rows, one for the names of what they refer to, a count only when asked."""

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
from entrepot.kernel.lists import EXPORT_LIMIT, RESERVED, Listing, read_page
from entrepot.kernel.sheets import SHEETS
from entrepot.kernel.ui import saved
from entrepot.kernel.ui.declare import DetailPage, ListPage
from entrepot.kernel.ui.labels import kind_of, label_of
from entrepot.kernel.ui.show import Cell
from entrepot.kernel.ui.site import Place, Site
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import Invalid, NotFound, Refusal

PLUMBING = ("id", "version", "custom", "archived_at", "tenant_id")
FILTER_KINDS = ("choice", "flag", "date", "moment", "text", "number", "integer", "id")


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


async def show_list(visit: Visit) -> None:
    """The list page; htmx gets its body alone."""
    place = visit.place
    assert place is not None
    page: ListPage = place.page
    fixed = fixed_filters(place, visit)
    async with visit.unit(read_only=True) as ctx:
        views = await saved.views_of(ctx, place.path)
        asked = asked_of(visit.query, views)
        definitions = await definitions_of(ctx, page, visit)
        if asked.get("format") in SHEETS:
            await export(visit, ctx, page, {**asked, **fixed})
            return
        problem = ""
        try:
            found = await read_page(ctx, page.listing, {**readable(visit, page.listing, asked), **fixed})
        except Invalid as refusal:
            problem = visit.say(refusal)
            found = await read_page(ctx, page.listing, fixed)
            asked = {k: v for k, v in asked.items() if k == "columns"}
        names = await names_of(visit, ctx, page.listing, found.data, chosen_columns(page, definitions, asked, fixed))
        filters = await filters_of(visit, ctx, page, asked, fixed)
    here = visit.url(place.at(visit.exchange.values))
    columns = columns_of(visit, page, definitions, asked, fixed, here)
    shown = [column for column in columns if column.chosen]
    rows = [row_of(visit, place, row, shown, names, visit.exchange.values) for row in found.data]
    kept = {k: v for k, v in asked.items() if k not in ("cursor", "format", "view", "count")}
    facts: dict[str, Any] = {
        "place": place,
        "page": page,
        "title": visit.t(place.title),
        "here": here,
        "columns": columns,
        "shown": shown,
        "rows": rows,
        "problem": problem,
        "asked": asked,
        "kept": urlencode(kept),
        "searchable": bool(page.listing.search),
        "filters": filters,
        "chips": chips_of(visit, page, asked, filters, here),
        "views": [v for v in views if v.name],
        "current_view": visit.query.get("view", ""),
        "total": visit.formats.number(found.total) if isinstance(found.total, int) else None,
        "next": f"{here}?{urlencode({**kept, 'cursor': found.next_cursor})}" if found.next_cursor else "",
        "first": f"{here}?{urlencode(kept) or 'sort='}" if asked.get("cursor") else "",
        "count": f"{here}?{urlencode({**kept, 'count': 'true'})}",
        "export": {kind: f"{here}?{urlencode({**kept, 'format': kind})}" for kind in SHEETS},
        "bulk": [child for child in place.bulk if visit.may(child.needs)],
        "new": place.new if place.new and visit.may(place.new.needs) else None,
        "new_href": visit.url(place.new.at(visit.exchange.values)) if place.new else "",
        "filtered": bool(kept.keys() - {"columns", "sort", "limit"}),
        "crumbs": await crumbs_of(visit, place),
        "page_title": visit.t(place.title),
    }
    await visit.page("list_body.html" if visit.is_partial else "list.html", **facts)


def fixed_filters(place: Place, visit: Visit) -> dict[str, str]:
    """What the path itself says about the rows: /objects/{object} shows the rows of that object."""
    page: ListPage = place.page
    return {name: visit.exchange.values[name] for name in place.parameters if name in page.listing.columns}


def asked_of(query: Mapping[str, str], views: Sequence[saved.SavedView]) -> dict[str, str]:
    """The query of the address; without one, the view that opens by itself; without columns, those chosen before."""
    asked = {name: value for name, value in query.items() if value != "" and not name.startswith("_")}
    if not query:
        opening = next((view for view in views if view.opens), None)
        if opening is not None:
            asked = opening.asked
    if "columns" not in asked:
        chosen = next((view for view in views if view.name == ""), None)
        if chosen is not None:
            asked.update(chosen.asked)
    return asked


def readable(visit: Visit, listing: Listing[Any], asked: Mapping[str, str]) -> dict[str, str]:
    """The query as the list reads it: a day stands for the reader's whole day, from its midnight to the next."""
    found: dict[str, str] = {}
    for name, value in asked.items():
        if name in ("columns", "view", "format"):
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


async def definitions_of(ctx: Ctx, page: ListPage, visit: Visit) -> list[FieldDefinition]:
    """The custom fields of what is listed."""
    entity = page.custom or (page.listing.extensible.entity if page.listing.extensible else "")
    if not entity or "custom" not in page.listing.columns:
        return []
    entity = entity.format_map(visit.exchange.values) if "{" in entity else entity
    return await ctx.house.fields.of(ctx, entity)


def default_columns(page: ListPage) -> list[str]:
    if page.columns:
        return list(page.columns)
    return [n for n in page.listing.columns if n not in PLUMBING and n not in page.listing.hidden][:7]


def chosen_columns(
    page: ListPage, definitions: Sequence[FieldDefinition], asked: Mapping[str, str], fixed: Mapping[str, str]
) -> list[str]:
    """The columns that are shown, in order."""
    known = [n for n in page.listing.columns if n not in ("custom", "tenant_id")]
    known += [f"custom.{d.name}" for d in definitions]
    wanted = [name for name in asked.get("columns", "").split(",") if name in known]
    listed = [f"custom.{d.name}" for d in definitions if d.listed]
    return [n for n in (wanted or [*default_columns(page), *listed]) if n not in fixed]


def columns_of(
    visit: Visit,
    page: ListPage,
    definitions: Sequence[FieldDefinition],
    asked: Mapping[str, str],
    fixed: Mapping[str, str],
    here: str,
) -> list[Column]:
    """Chosen columns first, in their order, then those that could be chosen."""
    chosen = chosen_columns(page, definitions, asked, fixed)
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
    return Row(str(getattr(row, page.listing.key)), href_of(visit, place, row, values), cells)


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


# ── filters ──


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
        found = await names_in(ctx, page, {UUID(value)})
    except ValueError:
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
        if parameter in RESERVED:
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


# ── export, choosing, saving, bulk ──


async def export(visit: Visit, ctx: Ctx, page: ListPage, asked: dict[str, str]) -> None:
    """The rows under the same filters as CSV or XLSX, with the chosen columns."""
    kind, write = SHEETS[asked["format"]]
    query = {k: v for k, v in readable(visit, page.listing, asked).items() if k not in ("cursor", "limit", "count")}
    found = await read_page(ctx, page.listing, {**query, "limit": str(EXPORT_LIMIT)}, most=EXPORT_LIMIT)
    names = [n for n in asked.get("columns", "").split(",") if n in page.listing.columns] or default_columns(page)
    body = write(names, found.data)
    name = f'attachment; filename="{page.listing.name}.{asked["format"]}"'.encode()
    await visit.exchange.send(200, [(b"content-type", kind), (b"content-disposition", name)], body)


async def keep_view(visit: Visit) -> None:
    """Save a view under a name, forget one, or remember the chosen columns."""
    place = visit.place
    assert place is not None
    data = await visit.data()
    here = place.at(visit.exchange.values)
    query = data.get("query", [""])[0]
    async with visit.unit() as ctx:
        if forget := data.get("forget", [""])[0]:
            try:
                await saved.forget_view(ctx, place.path, UUID(forget))
            except ValueError:
                raise NotFound("there is no such {what}", what="view") from None
            said = "View removed"
        elif "columns" in data:
            await saved.save_view(ctx, place.path, "", urlencode({"columns": ",".join(data["columns"])}))
            said = "Columns remembered"
            query = without_columns(query)
        else:
            name = data.get("name", [""])[0].strip()
            if not name:
                raise Invalid.field("name", "this field is required")
            await saved.save_view(ctx, place.path, name, query, opens="opens" in data)
            said = "View saved"
    await visit.go(here + (f"?{query}" if query else ""), said=said)


def without_columns(query: str) -> str:
    return "&".join(part for part in query.split("&") if part and not part.startswith("columns="))


async def bulk(visit: Visit) -> None:
    """Run a command on every chosen row, each in a unit of its own; those refused stay as they were."""
    from entrepot.kernel.ui.asking import form_of
    from entrepot.kernel.ui.forms import call_command

    place = visit.place
    assert place is not None
    assert place.parent is not None
    data = await visit.data()
    chosen = data.get("row", [])[:500]
    form = form_of(place.page)
    done, refused = 0, ""
    for identifier in chosen:
        try:
            async with visit.unit() as ctx:
                await call_command(ctx, form, {form.first: UUID(identifier)}, {})
            done += 1
        except (Refusal, ValueError) as error:
            refused = visit.say(error) if isinstance(error, Refusal) else str(error)
    back = place.parent.at(visit.exchange.values)
    if refused:
        await visit.go(
            back,
            said="{done} of {all} done. The last refusal: {reason}",
            tone="warning",
            done=done,
            all=len(chosen),
            reason=refused,
        )
    else:
        await visit.go(back, said="{done} done", done=done)


async def pick(visit: Visit) -> None:
    """What a look-up field offers: a few rows of the list that match, as JSON."""
    place = visit.site.lists.get(visit.exchange.values["list"])
    if place is None or not place.here:
        raise NotFound("there is no such {what}", what="list")
    visit.need(place.needs)
    page: ListPage = place.page
    value = visit.query.get("value", page.listing.key)
    text = visit.query.get("text", page.name)
    hint = visit.query.get("hint", page.hint)
    for name in (value, text, hint):
        if name and name not in page.listing.columns:
            raise Invalid.field(name, "there is no such field")
    where = {k[2:]: v for k, v in visit.query.items() if k.startswith("w_")}
    words = visit.query.get("q", "") if page.listing.search else ""
    async with visit.unit(read_only=True) as ctx:
        found = await read_page(ctx, page.listing, {**where, "limit": "20", "q": words})
    await visit.json(
        [
            {
                "value": str(getattr(row, value)),
                "text": str(getattr(row, text)),
                "hint": visit.formats.cell(getattr(row, hint)).text if hint else "",
            }
            for row in found.data
        ]
    )


async def crumbs_of(visit: Visit, place: Place) -> list[tuple[str, str]]:
    """The way here: title and address of every page above."""
    crumbs: list[tuple[str, str]] = []
    above = place.parent
    while above is not None:
        name = "" if not isinstance(above.page, DetailPage) else visit.exchange.values.get("_name", "")
        crumbs.insert(0, (name or visit.t(above.title), visit.url(above.at(visit.exchange.values))))
        above = above.parent
    return crumbs
