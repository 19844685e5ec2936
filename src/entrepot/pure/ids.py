"""Ids: time-ordered UUIDs made here and not by the database, ids derived from names, a short spelling."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import uuid_utils

from entrepot.pure.errors import Malformed, NotFound


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562): the ids of one process sort as they were made, so keys grow at the end."""
    return _make(uuid_utils.uuid7().bytes)


def derived_id(namespace: UUID, name: str) -> UUID:
    """The id that this name has in this namespace, always the same (UUIDv5): for imports and repeats."""
    return _make(uuid_utils.uuid5(uuid_utils.UUID(bytes=namespace.bytes), name).bytes)


def made_as(kind: Callable[[bytes], UUID]) -> None:
    """From here on ids are made as this kind of UUID. A driver may bring one that is equal to Python's own, and made, spelt
    and compared in a third of the time."""
    global _make
    _make = kind


def _plain(sixteen: bytes) -> UUID:
    return UUID(bytes=sixteen)


_make: Callable[[bytes], UUID] = _plain


def parse_id(text: str) -> UUID:
    """The id spelt in 8-4-4-4-12 hexadecimal digits of either case; anything else is Malformed."""
    if not _SPELLING(text):
        raise Malformed("this is not an id")
    return _make(bytes.fromhex(text.replace("-", "")))


def id_of(what: str, text: str) -> UUID:
    """The id somebody asks for a thing by; NotFound(what) when nothing can have it, as it is no id."""
    try:
        return parse_id(text)
    except Malformed:
        raise NotFound("there is no such {what}", what=what) from None


def short(id: UUID) -> str:
    """The id in 22 characters of base 62; short ids sort as the ids do."""
    digits, rest = [], id.int
    for _ in range(_LENGTH):
        rest, digit = divmod(rest, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def unshort(text: str) -> UUID:
    """The id of a short one; what `short` never writes is Malformed."""
    if not _SHORT(text):
        raise Malformed("this is not a short id")
    value = 0
    for character in text:
        value = value * 62 + _VALUES[character]
    if value >= 1 << 128:
        raise Malformed("this is not a short id")
    return _make(value.to_bytes(16, "big"))


# In the order of ASCII, and of fixed length, so that the order of the text is the order of the number.
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_LENGTH = 22
_SHORT = re.compile(rf"[0-9A-Za-z]{{{_LENGTH}}}").fullmatch
# UUID() itself would take braces, URNs, underscores and digits of other scripts.
_SPELLING = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
