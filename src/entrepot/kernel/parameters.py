"""Parameters in the query string as OpenAPI describes them: those of lists follow from their columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from entrepot.kernel.lists import DEFAULT_LIMIT, MAX_LIMIT, Listing
from entrepot.kernel.sheets import SHEETS

Json = dict[str, Any]
SchemaOf = Callable[[Any], Json]

COMPARISONS = {
    "gte": "At least.",
    "lte": "At most.",
    "gt": "More than.",
    "lt": "Less than.",
    "ne": "Other than.",
}
COMMAS = {"style": "form", "explode": False}


def list_parameters(listing: Listing[Any], schema_of: SchemaOf) -> list[Json]:
    """What a list can be asked: pages, order, sheets, search and filters."""
    sorts = [name for name in listing.columns if listing.sortable(name)]
    order = {"type": "array", "items": {"enum": [*sorts, *(f"-{name}" for name in sorts)]}}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    found = [
        query("limit", limit, "How many rows."),
        query("cursor", {"type": "string"}, "`next_cursor` of the page before."),
        {**query("sort", order, f"Fields in order, `-` for descending; `{listing.sort}` unless given."), **COMMAS},
        query("count", {"type": "boolean", "default": False}, "Answer `total` as well."),
        query("format", {"enum": ["json", *SHEETS], "default": "json"}, "Everything as a sheet, without pages."),
    ]
    if listing.search:
        found.append(query("q", {"type": "string"}, "Words to look for."))
    for name in listing.columns:
        if listing.filterable(name):
            found += _filters(name, plain(schema_of(listing.scalar(name))), optional=listing.optional(name))
    return found


def _filters(name: str, schema: Json, *, optional: bool) -> list[Json]:
    text = schema.get("type") == "string" and "format" not in schema
    found = [query(name, schema, "Equal to.")]
    found += [query(f"{name}__{operator}", schema, words) for operator, words in COMPARISONS.items()]
    found.append({**query(f"{name}__in", {"type": "array", "items": schema, "minItems": 1}, "One of."), **COMMAS})
    if text:
        found.append(query(f"{name}__contains", schema, "Contains, in any case."))
    if optional:
        found.append(query(f"{name}__null", {"type": "boolean"}, "Empty, or not."))
    return found


def plain(schema: Json) -> Json:
    """A schema without the indentation of the source in its descriptions."""
    if isinstance(schema.get("description"), str):
        schema["description"] = " ".join(schema["description"].split())
    return schema


def query(name: str, schema: Json, words: str = "") -> Json:
    """A parameter that may be left out."""
    found = {"name": name, "in": "query", "required": False, "schema": schema}
    return {**found, "description": words} if words else found
