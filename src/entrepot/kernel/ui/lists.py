"""List pages: one query for the rows, one for the names of what they refer to, a count only when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from entrepot.kernel.commands import describe
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.layouts import layout_of
from entrepot.kernel.lists import EXPORT_LIMIT, Listing, read_page, totals_of
from entrepot.kernel.sheets import SHEETS
from entrepot.kernel.ui import saved
from entrepot.kernel.ui.arranging import arranges, entity_of_list
from entrepot.kernel.ui.declare import ListPage
from entrepot.kernel.ui.filters import chips_of, filters_of
from entrepot.kernel.ui.rows import (
    chosen_columns,
    columns_of,
    crumbs_of,
    default_columns,
    definitions_of,
    names_of,
    readable,
    row_of,
)
from entrepot.kernel.ui.site import Place
from entrepot.kernel.ui.tiles import money
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import Invalid, NotFound, Refusal
from entrepot.pure.ids import id_of


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
        entity = entity_of_list(place, visit.exchange.values)
        layout = await layout_of(ctx, entity, "list")
        if asked.get("format") in SHEETS:
            await export(visit, ctx, page, {**asked, **fixed})
            return
        problem = ""
        if asked.get("sum"):
            asked.pop("count", None)  # the sum counts as well
        try:
            found = await read_page(ctx, page.listing, {**readable(visit, page.listing, asked), **fixed})
        except Invalid as refusal:
            problem = visit.say(refusal)
            found = await read_page(ctx, page.listing, fixed)
            asked = {k: v for k, v in asked.items() if k == "columns"}
        total, sums = found.total, dict[str, Decimal]()
        summed = asked["sum"] if asked.get("sum") in summable(page.listing) else ""
        if summed:
            total, sums = await totals_of(ctx, page.listing, {**readable(visit, page.listing, asked), **fixed}, summed)
        names = await names_of(
            visit, ctx, page.listing, found.data, chosen_columns(page, definitions, asked, fixed, layout)
        )
        filters = await filters_of(visit, ctx, page, asked, fixed)
    here = visit.url(place.at(visit.exchange.values))
    columns = columns_of(visit, page, definitions, asked, fixed, here, layout)
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
        "total": visit.formats.number(total) if isinstance(total, int) else None,
        "sums": (visit.label(summed), money(visit, sums)) if summed else None,
        "next": f"{here}?{urlencode({**kept, 'cursor': found.next_cursor})}" if found.next_cursor else "",
        "first": f"{here}?{urlencode(kept) or 'sort='}" if asked.get("cursor") else "",
        "count": f"{here}?{urlencode({**kept, 'count': 'true'})}",
        "export": {kind: f"{here}?{urlencode({**kept, 'format': kind})}" for kind in SHEETS},
        "arrange": arranges(visit, entity, "list"),
        "bulk": [child for child in place.bulk if visit.may(child.needs)],
        "new": place.new if place.new and visit.may(place.new.needs) else None,
        "new_href": visit.url(place.new.at(visit.exchange.values)) if place.new else "",
        "filtered": bool(kept.keys() - {"columns", "sort", "limit", "sum"}),
        "crumbs": crumbs_of(visit, place),
        "page_title": visit.t(place.title),
    }
    await visit.page("list_body.html" if visit.is_partial else "list.html", **facts)


def summable(listing: Listing[Any]) -> list[str]:
    """The fields of a list that can be added up."""
    return [name for name in listing.columns if listing.filterable(name) and listing.scalar(name) is Decimal]


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
            await saved.forget_view(ctx, place.path, id_of("view", forget))
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
    chosen = list(dict.fromkeys(data.get("row", [])))[:500]
    described = describe(place.page.command)
    first, kind = next(iter(described.parameters.items()))
    form = form_of(place.page, (first,))
    done, refused = 0, ""
    for identifier in chosen:
        try:
            async with visit.unit() as ctx:
                await call_command(ctx, form, {first: msgspec.convert(identifier, kind, strict=False)}, {})
            done += 1
        except Refusal as error:
            refused = visit.say(error)
        except msgspec.ValidationError:
            refused = visit.t("there is no such {what}", what=first.removesuffix("_id"))
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
