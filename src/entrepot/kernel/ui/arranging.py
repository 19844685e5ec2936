"""Layouts: an administrator says which fields a page shows, in which order and under which titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_type_hints

import msgspec

from entrepot.kernel.commands import describe
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.fields import FieldDefinition
from entrepot.kernel.layouts import PAGES, LayoutBook, Placed, arranged, layout_of
from entrepot.kernel.ui.asking import form_of
from entrepot.kernel.ui.declare import DetailPage, LayoutsPage, ListPage
from entrepot.kernel.ui.labels import kind_of, label_of
from entrepot.kernel.ui.rows import PLUMBING, crumbs_of, default_columns
from entrepot.kernel.ui.site import Place
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import NotFound

NOT_ARRANGED = (*PLUMBING, "created_at", "updated_at")


class Arranged(msgspec.Struct, frozen=True):
    """One field in the editor."""

    name: str
    label: str
    position: int
    shown: bool
    section: str
    fixed: bool


class Kind(msgspec.Struct, frozen=True):
    """A kind of thing with the pages that can be arranged."""

    title: str
    icon: str
    pages: list[tuple[str, str, bool]]


# ── the editor ──


async def show_layouts(visit: Visit) -> None:
    """Every kind of thing, and one page of one kind where the address names it."""
    place = visit.place
    assert place is not None
    entity, page = visit.query.get("object", ""), visit.query.get("page", "")
    if entity:
        await _editor(visit, place, entity, page)
        return
    async with visit.unit(read_only=True) as ctx:
        own = {(one.object, one.page) for one in await ctx.of(LayoutBook).layouts()}
    kinds = []
    for listed in visit.site.lists.values():
        if not isinstance(listed.page.open, DetailPage) or listed.open is None or not visit.may(listed.needs):
            continue
        entity = listed.open.entity
        if not entity or "{" in entity or visit.site.place_of(entity) is not listed.open:
            continue
        pages = [
            (visit.t(WORDS[p]), visit.url(place.path, object=entity, page=p), (entity, p) in own)
            for p in PAGES
            if p != "form" or _forms(listed)
        ]
        kinds.append(Kind(visit.t(listed.title), listed.icon, pages))
    await visit.page(
        "layouts.html",
        place=place,
        title=visit.t(place.title),
        page_title=visit.t(place.title),
        kinds=sorted(kinds, key=lambda kind: kind.title),
        crumbs=crumbs_of(visit, place),
    )


WORDS = {"list": "List", "detail": "Detail page", "form": "Form"}


async def _editor(visit: Visit, place: Place, entity: str, page: str) -> None:
    listed = _listed(visit, entity, page)
    async with visit.unit(read_only=True) as ctx:
        fields = await fields_of(visit, ctx, listed, entity, page)
        stored = [one for one in await ctx.of(LayoutBook).layouts() if (one.object, one.page) == (entity, page)]
    await visit.page(
        "layout.html",
        place=place,
        title=visit.t(WORDS[page]),
        kind=visit.t(listed.title) if "{" not in listed.path else visit.t(label_of(entity)),
        page_title=visit.t(WORDS[page]),
        fields=fields,
        sections=page == "detail",
        known=sorted({f.section for f in fields if f.section}),
        entity=entity,
        page=page,
        mine=any(one.owner_id == visit.actor.id for one in stored),
        changed=bool(stored),
        here=visit.url(place.path),
        back=visit.url(listed.path) if not listed.parameters else visit.url(place.path),
        crumbs=[*crumbs_of(visit, place), (visit.t(place.title), visit.url(place.path))],
    )


async def keep_layout(visit: Visit) -> None:
    """Keep what was arranged, or go back to how the page was declared."""
    place = visit.place
    assert place is not None
    page: LayoutsPage = place.page
    data = await visit.data()
    entity, kind = data.get("object", [""])[-1], data.get("page", [""])[-1]
    listed = _listed(visit, entity, kind)
    async with visit.unit() as ctx:
        ctx.need(describe(page.command).needs)
        fields = await fields_of(visit, ctx, listed, entity, kind)
        placed: list[Placed] = []
        if "reset" not in data:
            shown = set(data.get("shown", []))
            moved = sorted(fields, key=lambda f: (_position(data, f), f.position))
            placed = [
                Placed(f.name, f.fixed or f.name in shown, data.get(f"section.{f.name}", [""])[-1].strip()[:80])
                for f in moved
            ]
        await page.command(ctx, entity, kind, placed, mine="mine" in data)
    await visit.go(
        visit.url(place.path, object=entity, page=kind), said="Back to how it was" if "reset" in data else "Saved"
    )


def _position(data: dict[str, list[str]], field: Arranged) -> int:
    text = data.get(f"position.{field.name}", [""])[-1]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else field.position


def _listed(visit: Visit, entity: str, page: str) -> Place:
    """The list of a kind of thing, whose fields can be arranged."""
    found = visit.site.place_of(entity)
    if found is None or found.parent is None or not isinstance(found.parent.page, ListPage) or page not in PAGES:
        raise NotFound("there is no such {what}", what="page")
    visit.need(found.parent.needs)
    return found.parent


# ── what there is to arrange ──


async def fields_of(visit: Visit, ctx: Ctx, listed: Place, entity: str, page: str) -> list[Arranged]:
    """The fields of a page as they stand now, those that are hidden at their place as well."""
    custom = listed.open.custom.replace("{object}", entity) if listed.open is not None else ""
    definitions = await ctx.house.fields.of(ctx, custom) if custom else []
    own = {f"custom.{d.name}": d for d in definitions}
    layout = await layout_of(ctx, entity, page)
    if page == "list":
        found = _of_list(listed.page, definitions)
    elif page == "detail":
        assert isinstance(listed.page.open, DetailPage)
        found = _of_detail(visit, listed.page.open, definitions)
    else:
        found = _of_forms(listed, definitions)
    kept = {one.name: one for one in layout}
    ordered = arranged(found, [Placed(one.name) for one in layout], lambda field: field[0])
    shown = []
    for position, (name, visible, section, fixed) in enumerate(ordered, start=1):
        placed = kept.get(name)
        definition = own.get(name)
        shown.append(
            Arranged(
                name,
                label_in(visit, definition) if definition else visit.label(name),
                position * 10,
                fixed or (placed.shown if placed else visible),
                placed.section or section if placed else section,
                fixed,
            )
        )
    return shown


Candidate = tuple[str, bool, str, bool]


def label_in(visit: Visit, definition: FieldDefinition) -> str:
    return definition.label.get(visit.locale) or definition.label.get("en") or label_of(definition.name)


def _of_list(page: ListPage, definitions: Sequence[FieldDefinition]) -> list[Candidate]:
    default = default_columns(page)
    rest = [n for n in page.listing.columns if n not in default and n not in ("custom", "tenant_id")]
    names = [(n, n in default) for n in (*default, *rest)]
    return [
        *((name, visible, "", False) for name, visible in names),
        *((f"custom.{d.name}", d.listed, "", False) for d in definitions),
    ]


def _of_detail(visit: Visit, page: DetailPage, definitions: Sequence[FieldDefinition]) -> list[Candidate]:
    shape = describe(page.query).result
    hints = get_type_hints(shape) if isinstance(shape, type) and issubclass(shape, msgspec.Struct) else {}
    plain = [n for n, h in hints.items() if n not in (*NOT_ARRANGED, *page.hidden) and kind_of(h).name != "lines"]
    found: list[Candidate] = []
    for section in page.sections:
        found += [(name, True, visit.t(section.title), False) for name in section.fields]
    standing = {name for name, *_ in found}
    title = visit.t(page.sections[0].title if page.sections else "Details")
    found += [(name, not page.sections, title, False) for name in plain if name not in standing]
    own = visit.t("Own fields")
    return [*found, *((f"custom.{d.name}", True, own, False) for d in definitions)]


def _forms(listed: Place) -> list[Place]:
    """The forms that fill in a thing: the one that makes it, and those of its page that change the same fields."""
    found = [listed.new] if listed.new is not None else []
    if listed.open is not None:
        found += [
            child for child in listed.open.actions if child.page.command.__name__.startswith(("change", "update"))
        ]
    return found


def _of_forms(listed: Place, definitions: Sequence[FieldDefinition]) -> list[Candidate]:
    found: dict[str, bool] = {}
    for place in _forms(listed):
        for asked in form_of(place.page, tuple(place.parameters)).fields:
            found[asked.name] = found.get(asked.name, False) or asked.required
    return [
        *((name, True, "", fixed) for name, fixed in found.items()),
        *((f"custom.{d.name}", True, "", d.required) for d in definitions),
    ]


def arranges(visit: Visit, entity: str, page: str) -> str:
    """Where the visitor may arrange this page, if they may and if it can be."""
    place = next((p for p in visit.site.places if isinstance(p.page, LayoutsPage)), None)
    if place is None or not entity or not visit.may(describe(place.page.command).needs):
        return ""
    found = visit.site.place_of(entity)
    if found is None or found.parent is None or not isinstance(found.parent.page, ListPage):
        return ""
    return visit.url(place.path, object=entity, page=page)


def entity_of_list(place: Place, values: dict[str, Any]) -> str:
    """The kind of thing a list shows."""
    entity = place.open.entity if place.open is not None else ""
    return entity.format_map(values) if "{" in entity else entity
