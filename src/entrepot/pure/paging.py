"""Keyset paging: an opaque cursor holds the sort values of the last row of a page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec

from entrepot.pure.dates import utc
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Invalid, Malformed
from entrepot.pure.money import checker
from entrepot.pure.quantities import Limits, limited

Row = TypeVar("Row")


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """Rows in order, the cursor to the page after them (None at the end), and the count where asked for."""

    rows: list[Row]
    next_cursor: str | None = None
    total: int | None = None


def encode_cursor(values: Sequence[object]) -> str:
    """The cursor after a row with these sort values: str, int, Decimal, datetime, date, UUID, bool, None."""
    # In UTC, because JSON has no room for a fold or for offsets of seconds (local times before about 1940).
    exact = [utc(value) if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(encode(exact)).rstrip(b"=").decode("ascii")


def decode_cursor(text: str, types: Sequence[object]) -> list[object]:
    """The sort values of a cursor, one of each type (`Decimal`, `UUID | None`); datetimes in UTC.

    A cursor is neither signed nor secret: it can only say where to go on. One that does not fit the types, or
    holds what the database could not compare, is Malformed.
    """
    decode, check = _reader(tuple(types))
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = decode(base64.b64decode(padded, altchars=b"-_", validate=True))
        check(values)
        return [utc(value) if isinstance(value, datetime) else value for value in values]
    except (ValueError, RecursionError, msgspec.MsgspecError, Invalid):
        raise Malformed("the cursor is not one of ours") from None


@cache
def _reader(
    types: tuple[object, ...],
) -> tuple[Callable[[bytes], tuple[object, ...]], Callable[[object], None]]:
    shape: Any = tuple.__class_getitem__(tuple(_storable(kind) for kind in types))
    decoder: msgspec.json.Decoder[tuple[object, ...]] = msgspec.json.Decoder(shape)
    return decoder.decode, checker(shape) or _accept


def _storable(kind: object) -> object:
    if get_origin(kind) in (Union, UnionType):
        return Union[tuple(_storable(member) for member in get_args(kind))]  # noqa: UP007
    return _STORABLE.get(kind, kind)


def _accept(values: object) -> None:
    pass


# What decodes but cannot be sent to PostgreSQL stops here. Averages have more decimals than money has.
_STORABLE: dict[object, object] = {
    int: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    Decimal: Annotated[Decimal, limited(Limits(digits=100, decimals=100))],
}
