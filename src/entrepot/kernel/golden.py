"""Golden schemas: what every event looks like, committed under docs/events so that a review sees it change.

Stored events stay readable for ever and other systems read them, so a schema may only grow; anything else is a new
version of the event.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from entrepot.kernel.module import Catalogue
from entrepot.kernel.parameters import plain
from entrepot.pure.encoding import encode
from entrepot.pure.events import Event

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "events"
Json = dict[str, Any]


class Breaking(Exception):
    """A schema changed in a way its readers would not survive, without a new version."""


def golden(kind: type[Event]) -> Json:
    """The schema of an event's data, with its name, version and subject."""
    (found,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = components.pop(_name(found), found)
    words = " ".join((kind.__doc__ or "").split()) if kind.__doc__ != Event.__doc__ else ""
    schema: Json = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.__name__,
        "description": words,
        "x-event": kind.event_name,
        "x-version": kind.event_version,
        "x-about": kind.event_about,
    }
    if kind.event_aliases:
        schema["x-aliases"] = list(kind.event_aliases)
    schema.update({name: own[name] for name in ("type", "properties", "required")})
    if components:
        schema["$defs"] = {name: plain(components[name]) for name in sorted(components)}
    return schema


def text(schema: Json) -> str:
    """A golden schema as it is committed."""
    return msgspec.json.format(encode(schema), indent=2).decode() + "\n"


def write(catalogue: Catalogue, folder: Path = FOLDER) -> list[Path]:
    """Write the schema of every event; returns what changed. Refuses with Breaking, before it writes anything,
    what needs a new version."""
    wanted = {folder / f"{name}.json": golden(kind) for name, kind in sorted(catalogue.events.items())}
    broken = [
        f"{file.stem}: {problem}"
        for file, schema in wanted.items()
        if file.is_file()
        for problem in shrunk(msgspec.json.decode(file.read_bytes()), schema)
    ]
    if broken:
        raise Breaking("; ".join(broken))
    folder.mkdir(parents=True, exist_ok=True)
    changed = [file for file, schema in wanted.items() if not file.is_file() or file.read_text() != text(schema)]
    for file in changed:
        file.write_text(text(wanted[file]))
    return changed


def differences(catalogue: Catalogue, folder: Path = FOLDER) -> list[str]:
    """Where the committed schemas are not the generated ones."""
    found = []
    for name, kind in sorted(catalogue.events.items()):
        file = folder / f"{name}.json"
        if not file.is_file():
            found.append(f"{name} has no golden schema")
        elif file.read_text() != text(golden(kind)):
            found.append(f"{name} is not what its golden schema says")
    known = {f"{name}.json" for name in catalogue.events}
    found += [
        f"{file.name} is of an event nobody tells" for file in sorted(folder.glob("*.json")) if file.name not in known
    ]
    return found


def shrunk(before: Json, after: Json) -> list[str]:
    """What a reader of the schema before would miss in the schema after; nothing when the version went up."""
    if after["x-version"] > before["x-version"]:
        return []
    found = ["the version went back"] if after["x-version"] < before["x-version"] else []
    if after["x-about"] != before["x-about"]:
        found.append(f"it is about {after['x-about']} instead of {before['x-about']}")
    return found + _shrunk("", before, after, before.get("$defs", {}), after.get("$defs", {}), frozenset())


def _shrunk(path: str, before: Json, after: Json, old: Json, new: Json, seen: frozenset[str]) -> list[str]:
    name = _name(before)
    if name in old:
        if name in seen:
            return []
        before, seen = old[name], seen | {name}
    after = new.get(_name(after), after)
    found = []
    for field, schema in before.get("properties", {}).items():
        at = f"{path}.{field}" if path else field
        if field not in after.get("properties", {}):
            found.append(f"the field {at} is gone")
        else:
            found += _shrunk(at, schema, after["properties"][field], old, new, seen)
    lost = (set(before.get("required", ())) & set(after.get("properties", {}))) - set(after.get("required", ()))
    # What must be there from now on is a promise of the teller; stored events before it have no such field.
    demanded = set(after.get("required", ())) - set(before.get("required", ())) if "properties" in before else set()
    found += [f"the field {f'{path}.{field}' if path else field} may be missing now" for field in sorted(lost)]
    found += [f"the field {f'{path}.{field}' if path else field} must have a default" for field in sorted(demanded)]
    for part in ("items", "additionalProperties"):
        if isinstance(before.get(part), dict):
            inner: Any = after.get(part)
            found += (
                _shrunk(f"{path}[]", before[part], inner, old, new, seen)
                if isinstance(inner, dict)
                else [f"the field {path} has another type"]
            )
    if path and _type(before, old) != _type(after, new) and "properties" not in before and not _wider(before, after):
        found.append(f"the field {path} has another type")
    return found


def _type(schema: Json, components: Json) -> Json:
    """What decides how a value is read; words, defaults and titles do not."""
    found: Json = {key: schema[key] for key in ("type", "format", "const", "contentEncoding") if key in schema}
    for key in ("anyOf", "prefixItems"):
        if key in schema:
            found[key] = [_type(components.get(_name(inner), inner), components) for inner in schema[key]]
    return found


def _wider(before: Json, after: Json) -> bool:
    """More words of an enumeration are growth; fewer are not, for stored events still hold them."""
    return "enum" in before and set(before["enum"]) <= set(after.get("enum", ()))


def _name(schema: Json) -> str:
    return re.sub(r"^#/\$defs/", "", schema.get("$ref", ""))
