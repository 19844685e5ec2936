"""Fields as templates draw them: from what a form asks and what was typed or loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.fields import FieldDefinition
from entrepot.kernel.i18n import LOCALES
from entrepot.kernel.lists import read_page
from entrepot.kernel.ui import declare as d
from entrepot.kernel.ui.asking import LONG, Asked, Data, Form, fields_of, line_fields
from entrepot.kernel.ui.labels import label_of
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.encoding import encode

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "DKK", "NOK", "SEK", "PLN")
TYPES = {"number": "number", "integer": "number", "date": "date", "moment": "moment", "flag": "flag", "json": "json"}


class Drawn(msgspec.Struct):
    """One field, ready for its macro."""

    name: str
    label: str
    type: str
    value: str = ""
    values: list[str] = []
    options: list[tuple[str, str]] = []
    required: bool = False
    hint: str = ""
    problem: str = ""
    pick: str = ""
    rows: int = 1
    mode: str = ""
    parts: list[Drawn] = []
    matrix: list[MatrixRow] = []
    lines: list[list[Drawn]] = []
    blank: list[Drawn] = []
    wide: bool = False
    least: int = 0

    @property
    def id(self) -> str:
        return "f-" + self.name.replace(".", "-")


class MatrixCell(msgspec.Struct, frozen=True):
    """One permission, or a gap."""

    permission: str = ""
    text: str = ""
    chosen: bool = False


class MatrixRow(msgspec.Struct, frozen=True):
    """One area of permissions."""

    area: str
    all: MatrixCell
    cells: list[MatrixCell]


async def draw_form(
    visit: Visit,
    ctx: Ctx,
    form: Form,
    data: Data | None,
    before: Any,
    problems: Mapping[str, str],
    definitions: Sequence[FieldDefinition],
) -> list[Drawn]:
    """Every field: with what was typed when there is a post, else with what was loaded, else with its default."""
    drawn = [
        await _draw(visit, ctx, asked, asked.name, data, _initial(asked, before), problems) for asked in form.fields
    ]
    if form.custom:
        held = getattr(before, "custom", None) or {}
        drawn += [draw_custom(visit, definition, data, held, problems) for definition in definitions]
    return drawn


def _initial(asked: Asked, before: Any) -> Any:
    found = getattr(before, asked.name, msgspec.UNSET) if before is not None else msgspec.UNSET
    return asked.default if found is msgspec.UNSET else found


async def draw_parameters(
    visit: Visit, ctx: Ctx, shape: type[msgspec.Struct], widgets: Mapping[str, Any], given: Mapping[str, str]
) -> list[Drawn]:
    """The parameters of a report, with what is asked now."""
    return [
        await _draw(
            visit,
            ctx,
            asked,
            asked.name,
            {asked.name: [given[asked.name]]} if asked.name in given else None,
            asked.default,
            {},
        )
        for asked in fields_of(shape, widgets, {})
    ]


async def _draw(
    visit: Visit, ctx: Ctx, asked: Asked, name: str, data: Data | None, initial: Any, problems: Mapping[str, str]
) -> Drawn:
    kind = asked.kind
    drawn = Drawn(
        name=name,
        label=visit.t(asked.words),
        type=TYPES.get(kind.name, "text"),
        required=asked.required,
        hint=visit.t(asked.hint) if asked.hint else "",
        problem=visit.t(problems[name]) if problems.get(name) else "",
    )
    drawn.value = data.get(name, [""])[-1] if data is not None else text_of(visit, initial)
    if data is None and initial == 0 and isinstance(initial, Decimal):
        drawn.value = ""  # a nought nobody typed is in the way of who types
    if kind.name == "lines":
        return await _lines(visit, ctx, asked, drawn, data, initial, problems)
    if kind.name == "struct":
        drawn.type, drawn.wide = "group", True
        drawn.parts = [
            await _draw(
                visit, ctx, part, f"{name}.{part.name}", data, getattr(initial, part.name, part.default), problems
            )
            for part in fields_of(kind.inner, {}, {})
        ]
        return drawn
    if isinstance(asked.widget, d.Parts):
        drawn.type, drawn.wide = "group", True
        held = initial if isinstance(initial, dict) else {}
        drawn.parts = [
            Drawn(
                name=f"{name}.{part}",
                label=visit.label(part),
                type="text",
                value=data.get(f"{name}.{part}", [""])[-1] if data is not None else str(held.get(part, "")),
            )
            for part in asked.widget.names
        ]
        return drawn
    if kind.name == "languages":
        drawn.type = "group"
        given = initial if isinstance(initial, dict) else {}
        drawn.parts = [
            Drawn(
                name=f"{name}.{locale}",
                label=visit.t({"en": "English", "nl": "Dutch"}[locale]),
                type="text",
                value=data.get(f"{name}.{locale}", [""])[-1] if data is not None else str(given.get(locale, "")),
            )
            for locale in LOCALES
        ]
        return drawn
    if kind.name == "flag":
        ticked = drawn.value not in ("", "false") if data is not None else bool(initial)
        drawn.value = "true" if ticked else ""
        return drawn
    if kind.name == "words":
        drawn.values = data.get(name, []) if data is not None else [text_of(visit, v) for v in initial or []]
        drawn.value = ", ".join(drawn.values)
    await _choose(visit, ctx, asked, drawn)
    return drawn


async def _choose(visit: Visit, ctx: Ctx, asked: Asked, drawn: Drawn) -> None:
    """Which widget, and what it offers."""
    kind, widget = asked.kind, asked.widget
    name = asked.name
    several = kind.name == "words"
    if isinstance(widget, d.PermissionMatrix):
        drawn.type, drawn.wide = "matrix", True
        drawn.matrix = matrix_of(visit, drawn.values)
    elif isinstance(widget, d.Options):
        drawn.type = "several" if several else "choice"
        drawn.options = [(word, visit.label(word)) for word in widget.words]
    elif kind.choices:
        drawn.type = "several" if several else "choice"
        drawn.options = [(word, visit.label(word)) for word in kind.choices]
    elif isinstance(widget, d.Lookup):
        await look_up(visit, ctx, drawn, widget, several)
    elif kind.name == "id":
        place = visit.site.lookups.get(name)
        if place is not None and place.here and visit.may(place.needs):
            page = place.page
            await look_up(visit, ctx, drawn, d.Lookup(page.listing, page.listing.key, page.name, page.hint), several)
    elif isinstance(widget, d.Secret) or name in ("password", "pin"):
        drawn.type, drawn.value = "password", ""
    elif isinstance(widget, d.LongText) or (widget is None and kind.name == "text" and name in LONG):
        drawn.type, drawn.rows = "long", widget.rows if isinstance(widget, d.LongText) else 3
    elif name in ("locale", "language"):
        drawn.type = "choice"
        drawn.options = [("en", visit.t("English")), ("nl", visit.t("Dutch"))]
    elif name == "currency":
        drawn.type = "choice"
        drawn.options = [(code, code) for code in CURRENCIES]
        if drawn.value and drawn.value not in CURRENCIES:
            drawn.options.append((drawn.value, drawn.value))
    elif name == "email" or name.endswith("_email"):
        drawn.mode = "email"
    elif several:
        drawn.hint = drawn.hint or visit.t("Separate with commas")


async def look_up(visit: Visit, ctx: Ctx, drawn: Drawn, lookup: d.Lookup, several: bool) -> None:
    """A field with search: what is chosen now is among the options, the rest is asked as one types."""
    drawn.type = "lookup-several" if several else "lookup"
    place = visit.site.list_of(lookup.listing)
    query: dict[str, str] = {"value": lookup.value, "text": lookup.text, "hint": lookup.hint}
    query.update({f"w_{k}": v for k, v in lookup.where.items()})
    if place is not None:
        drawn.pick = visit.url(f"/pick/{lookup.listing.name}", **query)
    chosen = drawn.values if several else [drawn.value] if drawn.value else []
    held: dict[str, str] = {}
    if chosen:
        operator = f"{lookup.value}__in"
        found = await read_page(ctx, lookup.listing, {operator: ",".join(chosen), "limit": "100"})
        held = {str(getattr(row, lookup.value)): worded(row, lookup) for row in found.data}
    offered = await read_page(ctx, lookup.listing, {**lookup.where, "limit": "20"})
    for row in offered.data:
        held.setdefault(str(getattr(row, lookup.value)), worded(row, lookup))
    drawn.options = [*held.items(), *((c, c) for c in chosen if c not in held)]


def worded(row: Any, lookup: d.Lookup) -> str:
    """An option as plain words; what stores a code shows the name beside it."""
    text = str(getattr(row, lookup.text))
    return f"{text} · {getattr(row, lookup.hint)}" if lookup.hint and lookup.value == lookup.text else text


async def _lines(
    visit: Visit, ctx: Ctx, asked: Asked, drawn: Drawn, data: Data | None, initial: Any, problems: Mapping[str, str]
) -> Drawn:
    widget = asked.widget if isinstance(asked.widget, d.Lines) else d.Lines()
    parts = line_fields(asked.kind.inner, widget)
    drawn.type, drawn.wide, drawn.least = "lines", True, widget.least
    parts = tuple(replace(p, widget=p.widget or d.OneLine()) for p in parts)
    drawn.blank = [await _draw(visit, ctx, p, f"{drawn.name}-__i__-{p.name}", None, p.default, {}) for p in parts]
    given = list(initial or [])
    if data is not None:
        order = list(
            dict.fromkeys(key.split("-")[1] for key in data if key.startswith(f"{drawn.name}-") and key.count("-") >= 2)
        )
        renumbered = {
            f"{drawn.name}-{at}-{key.split('-', 2)[2]}": values
            for at, index in enumerate(order)
            for key, values in data.items()
            if key.startswith(f"{drawn.name}-{index}-")
        }
        for at in range(max(len(order), widget.least)):
            drawn.lines.append(
                [await _draw(visit, ctx, p, f"{drawn.name}-{at}-{p.name}", renumbered, None, problems) for p in parts]
            )
        return drawn
    for at in range(max(len(given), widget.least)):
        line = given[at] if at < len(given) else None
        drawn.lines.append(
            [
                await _draw(
                    visit, ctx, p, f"{drawn.name}-{at}-{p.name}", None, getattr(line, p.name, p.default), problems
                )
                for p in parts
            ]
        )
    return drawn


def draw_custom(
    visit: Visit, definition: FieldDefinition, data: Data | None, held: Mapping[str, Any], problems: Mapping[str, str]
) -> Drawn:
    """A field of the tenant's own."""
    name = f"custom.{definition.name}"
    types = {"number": "number", "date": "date", "boolean": "flag", "choice": "choice"}
    drawn = Drawn(
        name=name,
        label=definition.label.get(visit.locale) or definition.label.get("en") or label_of(definition.name),
        type=types.get(definition.kind, "text"),
        required=definition.required,
        problem=visit.t(problems[name]) if problems.get(name) else "",
    )
    value = held.get(definition.name)
    if data is not None:
        drawn.value = data.get(name, [""])[-1]
    elif value is not None:
        drawn.value = ("true" if value else "") if isinstance(value, bool) else str(value)
        if definition.kind == "number":
            drawn.value = visit.formats.plain_number(Decimal(str(value)))
    drawn.options = [(choice, choice) for choice in definition.choices]
    return drawn


def text_of(visit: Visit, value: Any) -> str:
    """A value as its input holds it."""
    if value is None or value is msgspec.UNSET:
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, Decimal):
        return visit.formats.plain_number(value)
    if isinstance(value, datetime):
        return visit.formats.local(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, dict | list):
        return encode(value).decode()
    return str(value)


def matrix_of(visit: Visit, chosen: Sequence[str]) -> list[MatrixRow]:
    """Every permission of the house: one row per area, its bundle first."""
    areas: dict[str, list[tuple[str, str]]] = {}
    for permission, text in visit.house.catalogue.permissions.items():
        areas.setdefault(permission.split(".", 1)[0], []).append((permission, text))
    every = "*" in chosen
    rows = [MatrixRow(visit.t("Everything"), MatrixCell("*", visit.t("Everything, now and later"), every), [])]
    for area, permissions in sorted(areas.items(), key=lambda item: visit.label(item[0])):
        bundle = f"{area}.*"
        rows.append(
            MatrixRow(
                visit.label(area),
                MatrixCell(bundle, visit.t("All of this"), bundle in chosen),
                [MatrixCell(p, visit.t(text), p in chosen) for p, text in permissions],
            )
        )
    return rows
