"""Detail pages: one entity, where it stands, what may come next, and what happened to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import status
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.layouts import Placed, layout_of
from entrepot.kernel.lists import read_page
from entrepot.kernel.module import Stateful
from entrepot.kernel.ui.arranging import arranges, label_in
from entrepot.kernel.ui.declare import DetailPage, ListPage, Related, Section
from entrepot.kernel.ui.forms import path_values
from entrepot.kernel.ui.labels import kind_of, label_of, tone_of
from entrepot.kernel.ui.ports import Shelves
from entrepot.kernel.ui.rows import PLUMBING, Column, Row, crumbs_of, href_of, names_in
from entrepot.kernel.ui.show import Cell
from entrepot.kernel.ui.site import Place
from entrepot.kernel.ui.stuck import obstacles_of
from entrepot.kernel.ui.timeline import timeline_of
from entrepot.kernel.ui.visit import Undo, Visit
from entrepot.pure.errors import Invalid, NotFound

NOT_SHOWN = (*PLUMBING, "created_at", "updated_at")


class Step(msgspec.Struct, frozen=True):
    """A button to the next state."""

    name: str
    label: str
    href: str
    form: bool
    asks_reason: bool
    danger: bool
    target: str


class RelatedShown(msgspec.Struct, frozen=True):
    """A related list, its first rows and where all of them are."""

    title: str
    columns: list[Column]
    rows: list[Row]
    more: str


async def show_detail(visit: Visit) -> None:
    place = visit.place
    assert place is not None
    page: DetailPage = place.page
    values = path_values(visit, place, page.query)
    async with visit.unit(read_only=True) as ctx:
        known = {k: v for k, v in values.items() if k in _parameters(page)}
        shown = await page.query(ctx, **known)
        identifier = getattr(shown, "id", None) or next((v for v in known.values() if isinstance(v, UUID)), None)
        entity = place.entity.format_map(visit.exchange.values) if "{" in place.entity else place.entity
        custom = place.custom.format_map(visit.exchange.values) or entity
        sections = await sections_of(visit, ctx, page, shown, entity, custom)
        stateful = ctx.house.catalogue.machines.get(entity)
        standing = (
            await standing_of(visit, ctx, place, stateful, shown, identifier) if stateful and identifier else None
        )
        related = [await related_of(visit, ctx, r, identifier) for r in page.related if visit.may(r.listing.needs)]
        timeline = await timeline_of(visit, ctx, entity, identifier) if identifier else []
        shelf = await ctx.of(Shelves).shelf(identifier) if identifier and has_shelves(visit) else None
        stuck, silent = await obstacles_of(visit, ctx, entity, identifier) if identifier and entity else ([], [])
    crumbs = crumbs_of(visit, place)
    name = str(getattr(shown, page.name, "")) or visit.t(place.title)
    await visit.page(
        "detail.html",
        place=place,
        page=page,
        title=name,
        kind=visit.t(label_of(entity)) if entity else "",
        sections=sections,
        lines=lines_of(visit, shown, page),
        standing=standing,
        related=related,
        timeline=timeline,
        shelf=shelf,
        files=[(f.name, visit.formats.size(f.size), f.url) for f in shelf.files] if shelf else [],
        shelf_href=visit.url("/documents", entity_ref=str(identifier))
        if shelf and "documents" in visit.site.lists
        else "",
        arrange=arranges(visit, entity, "detail"),
        stuck=stuck,
        silent=[visit.t(title) for title in silent],
        actions=actions_of(visit, place, shown),
        links=links_of(visit, page, shown),
        here=visit.url(place.at(visit.exchange.values)),
        crumbs=crumbs,
        page_title=name,
    )


def _parameters(page: DetailPage) -> set[str]:
    from entrepot.kernel.commands import describe

    return set(describe(page.query).parameters)


# ── fields ──


async def sections_of(
    visit: Visit, ctx: Ctx, page: DetailPage, shown: Any, entity: str, custom: str
) -> list[tuple[str, list[tuple[str, Cell]]]]:
    """The fields in their sections; the tenant's own fields in one more."""
    names = [n for n in shown.__struct_fields__ if n not in NOT_SHOWN and n not in page.hidden]
    plain = [n for n in names if kind_of(_hints(shown)[n]).name != "lines"]
    sections: Sequence[Section] = page.sections or (Section("Details", plain),)
    references = await _references(visit, ctx, shown, plain)
    found = [
        (
            visit.t(section.title),
            [
                (visit.label(name), visit.formats.cell(getattr(shown, name), name, references.get(name)))
                for name in section.fields
            ],
        )
        for section in sections
    ]
    held = getattr(shown, "custom", None) or {}
    definitions = await ctx.house.fields.of(ctx, custom) if custom and hasattr(shown, "custom") else []
    layout = await layout_of(ctx, entity, "detail") if entity else []
    if layout:
        own = {f"custom.{d.name}": (label_in(visit, d), visit.formats.cell(held.get(d.name))) for d in definitions}
        cells = {
            **{n: (visit.label(n), visit.formats.cell(getattr(shown, n), n, references.get(n))) for n in plain},
            **own,
        }
        return _arranged(visit, page, layout, cells)
    if definitions:
        found.append(
            (
                visit.t("Own fields"),
                [
                    (
                        label_in(visit, d),
                        visit.formats.cell(held.get(d.name)),
                    )
                    for d in definitions
                ],
            )
        )
    return found


def _arranged(
    visit: Visit, page: DetailPage, layout: Sequence[Placed], cells: Mapping[str, tuple[str, Cell]]
) -> list[tuple[str, list[tuple[str, Cell]]]]:
    """The sections of a layout in the order of their first field; a field it does not know stands where it was."""
    first = visit.t(page.sections[0].title if page.sections else "Details")
    named = {one.name for one in layout}
    declared = [
        Placed(name, section=visit.t(section.title)) for section in page.sections for name in section.fields
    ] or [Placed(name) for name in cells]
    own = [Placed(name, section=visit.t("Own fields")) for name in cells if name.startswith("custom.")]
    late = [one for one in (*declared, *own) if one.name not in named]
    sections: dict[str, list[tuple[str, Cell]]] = {}
    for one in (*layout, *late):
        if one.shown and one.name in cells:
            sections.setdefault(one.section or first, []).append(cells[one.name])
    return list(sections.items())


def _hints(shown: Any) -> dict[str, Any]:
    from typing import get_type_hints

    return get_type_hints(type(shown))


async def _references(visit: Visit, ctx: Ctx, shown: Any, names: Sequence[str]) -> dict[str, dict[Any, str]]:
    found: dict[str, dict[Any, str]] = {}
    for name in names:
        place, value = visit.site.lookups.get(name), getattr(shown, name)
        if place is not None and place.here and isinstance(value, UUID) and visit.may(place.needs):
            found[name] = await names_in(ctx, place.page, {value})
    return found


def lines_of(visit: Visit, shown: Any, page: DetailPage) -> list[tuple[str, list[Column], list[Row]]]:
    """Fields that are lists of structs, as tables: the lines of a document."""
    tables = []
    for name, hint in _hints(shown).items():
        kind = kind_of(hint)
        if kind.name != "lines" or name in page.hidden:
            continue
        rows = getattr(shown, name) or []
        wanted = page.lines.get(name, ())
        by_name = {f.name: f for f in msgspec.structs.fields(kind.inner)}
        plain = [n for n in by_name if n not in (*PLUMBING, "position") and not n.endswith("_id")]
        inner = [by_name[n] for n in wanted or plain]
        columns = [
            Column(f.name, visit.label(f.name), "number" if kind_of(f.type).name in ("number", "integer") else "text")
            for f in inner
        ]
        body = [Row("", "", [visit.formats.cell(getattr(row, f.name), f.name) for f in inner]) for row in rows]
        tables.append((visit.label(name), columns, body))
    return tables


# ── where it stands ──


async def standing_of(
    visit: Visit, ctx: Ctx, place: Place, stateful: Stateful, shown: Any, identifier: UUID
) -> dict[str, Any]:
    """Status, deadline, holds, history and the steps the visitor may take from here."""
    machine = stateful.machine
    state = str(getattr(shown, stateful.column, "") or machine.initial)
    now = await status.current(ctx, machine.entity, identifier)
    past = await status.history(ctx, machine.entity, identifier)
    own = {child.entity: child for child in place.bulk}
    steps = []
    for move in machine.moves:
        if machine.states(state) not in move.sources or not visit.may(move.needs):
            continue
        child = own.get(move.name)
        if child is None and not stateful.open_to(move):
            continue
        steps.append(
            Step(
                name=move.name,
                label=visit.t(label_of(move.name)),
                href=visit.url(child.at(visit.exchange.values)) if child else "",
                form=child is not None,
                asks_reason=move.asks_reason,
                danger=tone_of(str(move.target)) == "danger",
                target=str(move.target),
            )
        )
    return {
        "state": visit.label(state),
        "tone": tone_of(state),
        "entity": machine.entity,
        "id": str(identifier),
        "deadline": visit.formats.moment(now.deadline) if now and now.deadline else "",
        "overdue": bool(now and now.overdue),
        "since": visit.formats.moment(now.since) if now else "",
        "steps": steps,
        "history": [
            (
                visit.label(s.to_status),
                tone_of(s.to_status),
                visit.formats.moment(s.at),
                s.actor_name or "",
                s.reason or "",
            )
            for s in reversed(past)
        ],
    }


async def take_step(visit: Visit) -> None:
    """A button of the machine: the universal status change, which runs the move's own command if it has one."""
    place = visit.place
    assert place is not None
    data = await visit.data()
    target, reason = data.get("to", [""])[-1], data.get("reason", [""])[-1].strip()
    values = path_values(visit, place, place.page.query)
    identifier = next((v for v in values.values() if isinstance(v, UUID)), None)
    if identifier is None:
        raise NotFound("there is no such {what}", what=place.entity)
    back = place.at(visit.exchange.values)
    try:
        async with visit.unit() as ctx:
            now = await status.current(ctx, place.entity, identifier)
            before = now.status if now else ""
            await status.change_status(ctx, place.entity, identifier, target, reason or None)
    except Invalid as refusal:
        await visit.go(back, said=visit.say(refusal), tone="danger")
        return
    undo = way_back(visit, place, before, target)
    await visit.go(back, said="Now {state}", undo=undo, state=visit.label(target).lower())


def way_back(visit: Visit, place: Place, before: str, target: str) -> Undo | None:
    """The step back to where it was, if the machine has one that the visitor may take without giving a reason."""
    stateful = visit.house.catalogue.machines[place.entity]
    machine = stateful.machine
    for move in machine.moves:
        if not stateful.open_to(move):
            continue
        if machine.states(target) in move.sources and str(move.target) == before and not move.asks_reason:
            return Undo(place.at(visit.exchange.values) + "/step", "to", before) if visit.may(move.needs) else None
    return None


# ── what hangs on it ──


async def related_of(visit: Visit, ctx: Ctx, related: Related, identifier: UUID | None) -> RelatedShown:
    """The first rows of a related list."""
    listing = related.listing
    query = {related.field: str(identifier), "limit": "6"}
    found = await read_page(ctx, listing, query)
    place = visit.site.list_of(listing)
    page: ListPage | None = place.page if place else None
    names = (
        list(related.columns or (page.columns if page else ())) or [n for n in listing.columns if n not in PLUMBING][:6]
    )
    columns = [
        Column(n, visit.label(n), "number" if kind_of(listing.kinds[n]).name in ("number", "integer") else "text")
        for n in names
        if n != related.field
    ]
    rows = [
        Row(
            str(getattr(row, listing.key)),
            href_of(visit, place, row, {}) if place else "",
            [visit.formats.cell(getattr(row, c.name), c.name) for c in columns],
        )
        for row in found.data[:5]
    ]
    more = visit.url(place.path, **{related.field: str(identifier)}) if place and len(found.data) > 5 else ""
    return RelatedShown(
        visit.t(related.title or (place.title if place else label_of(listing.name))), columns, rows, more
    )


def actions_of(visit: Visit, place: Place, shown: Any) -> list[dict[str, Any]]:
    """The buttons of the page: commands that ask something lead to their form, the others act at once."""
    from entrepot.kernel.ui.asking import form_of

    found = []
    for child in place.actions:
        if not visit.may(child.needs):
            continue
        if any(_holds(shown, name, wanted) is False for name, wanted in child.page.when.items()):
            continue
        form = form_of(child.page, tuple(child.parameters))
        found.append(
            {
                "title": visit.t(child.title),
                "icon": child.icon,
                "href": visit.url(child.at(visit.exchange.values)),
                "asks": bool(form.fields) or form.custom,
                "confirm": visit.t(child.page.confirm) if child.page.confirm else "",
                "danger": child.page.danger,
            }
        )
    return found


def links_of(visit: Visit, page: DetailPage, shown: Any) -> list[tuple[str, str]]:
    """Buttons that lead elsewhere: to the bytes of a document, to what something is about."""
    prefix = visit.exchange.web.prefix + "/"
    return [
        (visit.t(words), address if address.startswith(prefix) and prefix != "/" else visit.url(address))
        for words, name in page.links.items()
        if (address := str(getattr(shown, name) or "")).startswith("/")
    ]


def _holds(shown: Any, name: str, wanted: Any) -> bool:
    value = getattr(shown, name, None)
    value = getattr(value, "value", value)
    return value in wanted if isinstance(wanted, list | tuple | set) else value == wanted


def has_shelves(visit: Visit) -> bool:
    """Whether some module keeps documents, here or elsewhere."""
    return Shelves in visit.house.catalogue.offers or Shelves.facade_name in visit.house.topology.far


async def put_document(visit: Visit) -> None:
    """Hang files on an entity one can see."""
    place = visit.place
    assert place is not None
    await visit.data()
    values = path_values(visit, place, place.page.query)
    if not visit.files:
        raise Invalid.field("file", "this field is required")
    async with visit.unit() as ctx:
        shown = await place.page.query(ctx, **{k: v for k, v in values.items() if k in _parameters(place.page)})
        for name, content in visit.files:
            await ctx.of(Shelves).put(shown.id, place.entity, name, content)
    await visit.go(place.at(visit.exchange.values), said="Document added")
