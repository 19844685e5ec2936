"""What a form asks: fields from a command's parameters, and what was typed back into values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from entrepot.kernel.commands import body_of, describe
from entrepot.kernel.fields import FieldDefinition
from entrepot.kernel.i18n import LOCALES
from entrepot.kernel.ui import declare as d
from entrepot.kernel.ui.labels import Kind, kind_of, label_of
from entrepot.kernel.ui.show import Formats, parse_number
from entrepot.pure.errors import Malformed
from entrepot.pure.ids import parse_id
from entrepot.pure.money import checker

Data = dict[str, list[str]]
_INDEX = re.compile(r"\[(\d+)\]\.?")
LONG = frozenset({"notes", "note", "description", "address", "reason", "body", "comment", "remarks", "terms", "text"})


@dataclass(frozen=True)
class Asked:
    """One field of a form, read from the type it fills."""

    name: str
    kind: Kind
    annotation: Any
    required: bool
    default: Any = None
    widget: Any = None
    hint: str = ""
    label: str = ""

    @property
    def words(self) -> str:
        return self.label or label_of(self.name)


@dataclass(frozen=True)
class Form:
    """A command as a form: its fields, and the struct they become."""

    page: d.FormPage
    command: Any
    body: type[msgspec.Struct] | None
    whole: bool
    given: tuple[str, ...]
    fields: tuple[Asked, ...]
    check: Any
    custom: bool

    @property
    def first(self) -> str:
        return self.given[0] if self.given else "id"


@dataclass
class Typed:
    """What came back: values by name, and problems by the name of the input."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


_FORMS: dict[int, Form] = {}


def form_of(page: d.FormPage, path_names: Sequence[str] = ()) -> Form:
    """The form of a page; read once."""
    found = _FORMS.get(id(page))
    if found is not None:
        return found
    described = describe(page.command)
    given = tuple(n for n in described.parameters if n in path_names)
    if not path_names:
        given = tuple(
            n for n, k in described.parameters.items() if kind_of(k).name == "id" and n not in described.defaults
        )[:1]
    body = body_of(page.command, {*given, *page.fixed})
    whole = list(described.parameters)[-1:] == ["body"]
    fields = fields_of(body, page.widgets, page.hints) if body is not None else ()
    custom = any(f.name == "custom" for f in fields)
    wanted = [f for f in fields if f.name != "custom"]
    if page.fields:
        by_name = {f.name: f for f in wanted}
        wanted = [by_name[name] for name in page.fields if name in by_name]
    found = Form(page, page.command, body, whole, given, tuple(wanted), checker(body) if body else None, custom)
    _FORMS[id(page)] = found
    return found


def fields_of(shape: type[msgspec.Struct], widgets: Mapping[str, Any], hints: Mapping[str, str]) -> tuple[Asked, ...]:
    """The fields of a struct as a form asks them, by the names that callers use: `from`, not `from_`."""
    found = []
    for info in msgspec.structs.fields(shape):
        kind = kind_of(info.type)
        default = info.default if info.default is not msgspec.NODEFAULT else None
        if default is msgspec.UNSET:
            default = None
        has_default = info.default is not msgspec.NODEFAULT or info.default_factory is not msgspec.NODEFAULT
        found.append(
            Asked(
                name=info.encode_name,
                kind=kind,
                annotation=info.type,
                required=not has_default and not kind.optional and kind.name != "flag",
                default=default,
                widget=widgets.get(info.name),
                hint=hints.get(info.name, ""),
            )
        )
    return tuple(found)


def input_name(path: str) -> str:
    """`lines[0].sku` is the input `lines-0-sku`."""
    return _INDEX.sub(r"-\1-", path).rstrip("-")


# ── reading what was typed ──


def read_form(form: Form, data: Data, formats: Formats, definitions: Sequence[FieldDefinition], before: Any) -> Typed:
    """The values of a posted form; every field that does not fit has its problem."""
    typed = Typed()
    for asked in form.fields:
        _read(asked, asked.name, data, formats, typed, typed.values, before)
    if form.custom:
        typed.values["custom"] = read_custom(definitions, data, formats, typed, before)
    return typed


def _read(
    asked: Asked, name: str, data: Data, formats: Formats, typed: Typed, values: dict[str, Any], before: Any
) -> None:
    kind = asked.kind
    if kind.name == "lines":
        values[asked.name] = _read_lines(asked, name, data, formats, typed)
        return
    if kind.name == "struct":
        inner: dict[str, Any] = {}
        for part in fields_of(kind.inner, {}, {}):
            _read(part, f"{name}.{part.name}", data, formats, typed, inner, None)
        if kind.optional and not any(v not in (None, "", False, []) for v in inner.values()):
            return
        values[asked.name] = inner
        return
    found = read_value(asked, name, data, formats, typed, getattr(before, asked.name, None))
    if found is not msgspec.UNSET:
        values[asked.name] = found


def _read_lines(asked: Asked, name: str, data: Data, formats: Formats, typed: Typed) -> list[dict[str, Any]]:
    """The lines in the order they arrive; those in which nothing was typed are not lines."""
    widget = asked.widget if isinstance(asked.widget, d.Lines) else d.Lines()
    pattern = re.compile(rf"^{re.escape(name)}-(\d+)-")
    order = list(dict.fromkeys(found.group(1) for key in data if (found := pattern.match(key))))
    lines: list[dict[str, Any]] = []
    for index in order:
        if not any(v.strip() for key, vs in data.items() if key.startswith(f"{name}-{index}-") for v in vs):
            continue
        line: dict[str, Any] = {}
        at = len(lines)
        local = Typed()
        for part in line_fields(asked.kind.inner, widget):
            _read(part, f"{name}-{index}-{part.name}", data, formats, local, line, None)
        for key, problem in local.problems.items():
            typed.problems[key.replace(f"{name}-{index}-", f"{name}-{at}-", 1)] = problem
        lines.append(line)
    return lines


def line_fields(shape: type[msgspec.Struct], widget: d.Lines) -> tuple[Asked, ...]:
    fields = fields_of(shape, widget.widgets, {})
    if not widget.columns:
        return fields
    by_name = {f.name: f for f in fields}
    return tuple(by_name[name] for name in widget.columns if name in by_name)


def read_value(asked: Asked, name: str, data: Data, formats: Formats, typed: Typed, before: Any) -> Any:
    """One field's value, UNSET when it was left out, with a problem noted when it does not fit."""
    kind = asked.kind
    if kind.name == "flag":
        return name in data and data[name][-1] not in ("", "false", "0")
    if kind.name == "words":
        words = [
            word for text in data.get(name, []) for word in (text.split(",") if not chosen_from(asked) else [text])
        ]
        return [word.strip() for word in words if word.strip()]
    if isinstance(asked.widget, d.Parts):
        given = {part: data.get(f"{name}.{part}", [""])[-1].strip() for part in asked.widget.names}
        return {part: text for part, text in given.items() if text}
    if kind.name == "languages":
        return {loc: text for loc in LOCALES if (text := data.get(f"{name}.{loc}", [""])[-1].strip())}
    text = data.get(name, [""])[-1]
    text = text if kind.name == "text" and isinstance(asked.widget, d.Secret) else text.strip()
    if text == "":
        if asked.required:
            typed.problems[name] = "this field is required"
            return msgspec.UNSET
        if kind.unset:
            return None if _takes_none(asked.annotation) else "" if kind.name == "text" and before else msgspec.UNSET
        if kind.name == "text" and not isinstance(asked.widget, d.Secret) and before:
            return ""
        return msgspec.UNSET
    try:
        return _value(kind, text, formats, asked.annotation)
    except (Malformed, ValueError, TypeError, OverflowError, msgspec.DecodeError, msgspec.ValidationError):
        typed.problems[name] = _PROBLEM.get(kind.name, "this is not a valid value")
        return msgspec.UNSET


def _takes_none(annotation: Any) -> bool:
    return type(None) in getattr(annotation, "__args__", ())


def chosen_from(asked: Asked) -> bool:
    return bool(asked.kind.choices) or isinstance(asked.widget, d.Lookup | d.PermissionMatrix | d.Options)


def _value(kind: Kind, text: str, formats: Formats, annotation: Any) -> Any:
    if kind.name == "number":
        plain = parse_number(text, formats.locale)
        return msgspec.convert(plain, annotation, strict=False)
    if kind.name == "integer":
        return int(parse_number(text, formats.locale))
    if kind.name == "moment":
        return formats.from_local(text)
    if kind.name == "id":
        return parse_id(text)
    if kind.name == "json":
        return msgspec.json.decode(text)
    if kind.name in ("date", "time"):
        return msgspec.convert(text, annotation, strict=False)
    return text


_PROBLEM = {
    "number": "this is not a number",
    "integer": "this is not a whole number",
    "date": "this is not a date",
    "moment": "this is not a date and time",
    "id": "choose one from the list",
    "json": "this is not valid JSON",
}


def read_custom(
    definitions: Sequence[FieldDefinition], data: Data, formats: Formats, typed: Typed, before: Any
) -> dict[str, Any]:
    """The values of the tenant's own fields; the kernel checks them again against their definitions."""
    had = getattr(before, "custom", None) or {}
    values: dict[str, Any] = {}
    for definition in definitions:
        name = f"custom.{definition.name}"
        text = data.get(name, [""])[-1].strip()
        if definition.kind == "boolean":
            values[definition.name] = text == "true"
        elif text:
            values[definition.name] = parse_number(text, formats.locale) if definition.kind == "number" else text
        elif definition.name in had:
            values[definition.name] = None
    return values
