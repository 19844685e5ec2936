"""From names in the code to words people read: field names, commands, states, kinds of types and their tones."""

from __future__ import annotations

import re
import types
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec

_ACRONYMS = {
    "sku": "SKU", "vat": "VAT", "iban": "IBAN", "ean": "EAN", "gtin": "GTIN", "id": "ID", "url": "URL", "api": "API",
    "po": "PO", "sla": "SLA", "bic": "BIC", "moq": "MOQ", "csv": "CSV", "pdf": "PDF", "ubl": "UBL", "ip": "IP",
    "pin": "PIN", "totp": "TOTP", "kvk": "KvK",
}  # fmt: skip
_TAIL = re.compile(r"_(id|at|ids)$")

TONES = {
    "success": "active paid completed done fulfilled posted open approved accepted delivered won succeeded settled "
    "matched ok in_stock received issued closed_won captured available",
    "info": "confirmed running processing fulfilling sent reserved in_progress shipped in_transit placed qualified "
    "authorized partially_paid counting",
    "warning": "pending queued draft_review waiting on_hold overdue awaiting partially_shipped parked low escalated "
    "expiring requested new",
    "danger": "failed cancelled canceled rejected refused expired lost suspended void voided revoked blocked disputed "
    "chargeback out_of_stock written_off error declined",
}
_TONE = {word: tone for tone, words in TONES.items() for word in words.split()}


_WORDS = {
    "locale": "Language",
    "entity": "Company",
    "entity_id": "Company",
    "business_entity": "Company",
    "business_entity_id": "Company",
}


def plural(word: str) -> str:
    """The English plural of a regular noun."""
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def label_of(name: str) -> str:
    """`unit_price` is "Unit price", `customer_id` is "Customer", `placed_at` is "Placed"."""
    if name in _WORDS:
        return _WORDS[name]
    plain = _TAIL.sub("", name).strip("_") or name
    words = [_ACRONYMS.get(word.lower(), word) for word in re.split(r"[_\s-]+", plain) if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def tone_of(word: str) -> str:
    """How a state is coloured; an unknown one is neutral."""
    return _TONE.get(word.lower(), "neutral")


@dataclass(frozen=True)
class Kind:
    """What kind of value a field holds, as forms and cells see it."""

    name: str
    optional: bool = False
    choices: tuple[str, ...] = ()
    inner: Any = None
    unset: bool = False


_PLAIN: dict[Any, str] = {
    str: "text",
    bool: "flag",
    int: "integer",
    float: "number",
    Decimal: "number",
    UUID: "id",
    datetime: "moment",
    date: "date",
    time: "time",
}


def kind_of(annotation: Any) -> Kind:
    """The kind of an annotation: `Annotated`, optional, enum, literal, lists and structs are seen through."""
    origin = get_origin(annotation)
    if hasattr(annotation, "__metadata__"):
        return kind_of(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        parts = get_args(annotation)
        unset = msgspec.UnsetType in parts
        optional = type(None) in parts
        rest = [part for part in parts if part not in (type(None), msgspec.UnsetType)]
        inner = kind_of(rest[0]) if len(rest) == 1 else Kind("json")
        return Kind(inner.name, optional or unset, inner.choices, inner.inner, unset)
    if origin is Literal:
        return Kind("choice", choices=tuple(str(value) for value in get_args(annotation)))
    if origin in (list, set, frozenset, tuple):
        part = get_args(annotation)[0] if get_args(annotation) else str
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return Kind("lines", inner=part)
        nested = kind_of(part)
        return Kind("words", choices=nested.choices, inner=nested.name)
    if origin is dict:
        return Kind("languages" if get_args(annotation)[1] is str else "json")
    if isinstance(annotation, type):
        if issubclass(annotation, Enum):
            return Kind("choice", choices=tuple(str(member.value) for member in annotation))
        if issubclass(annotation, msgspec.Struct):
            return Kind("struct", inner=annotation)
    return Kind(_PLAIN.get(annotation, "json"))
