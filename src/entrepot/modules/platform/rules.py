"""Names and kinds of what a tenant may add."""

from __future__ import annotations

import re
from collections.abc import Sequence

from entrepot.pure.errors import Invalid

NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")


def check_name(name: str, field: str = "name") -> str:
    """A name that can stand in an address and a query: small letters, digits and underscores."""
    if not NAME.match(name):
        raise Invalid.field(field, "use small letters, digits and _ only, at most 40")
    return name


def check_kind(kind: str, choices: list[str], known: Sequence[str]) -> None:
    """A kind of field must be known, and a choice have something to choose from."""
    if kind not in known:
        raise Invalid.field("kind", "must be one of {allowed}", allowed=list(known))
    if kind == "choice" and not choices:
        raise Invalid.field("choices", "a choice needs something to choose from")
    if len(set(choices)) != len(choices) or any(not c.strip() for c in choices):
        raise Invalid.field("choices", "every choice must be there once and not be empty")


def check_layout(page: str, names: Sequence[str], pages: Sequence[str], most: int) -> None:
    """A layout is of a page we draw, and names each field once."""
    if page not in pages:
        raise Invalid.field("page", "must be one of {allowed}", allowed=list(pages))
    if len(names) > most:
        raise Invalid.field("fields", "must be at most {most} at a time", most=most)
    if len(set(names)) != len(names) or not all(names):
        raise Invalid.field("fields", "every field must be there once")
