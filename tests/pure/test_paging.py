"""Cursors come back as they went; all others are Malformed."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.pure.errors import Malformed
from entrepot.pure.paging import Page, decode_cursor, encode_cursor

VALUES: dict[object, st.SearchStrategy[object]] = {
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    int: st.integers(-(2**63), 2**63 - 1),
    Decimal: st.decimals(-(10**30), 10**30, places=16),
    datetime: st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
    date: st.dates(),
    UUID: st.uuids(),
    bool: st.booleans(),
    type(None): st.none(),
    UUID | None: st.uuids() | st.none(),
    Decimal | None: st.decimals(0, 1, places=2) | st.none(),
}
TYPES = list(VALUES)


def forged(written: str) -> str:
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


@settings(deadline=None)
@given(st.data())
def test_cursors_come_back(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(TYPES), max_size=5))
    values = [data.draw(VALUES[kind]) for kind in types]
    back = decode_cursor(encode_cursor(values), types)
    assert back == [value.astimezone(UTC) if isinstance(value, datetime) else value for value in values]
    assert [type(value) for value in back] == [type(value) for value in values]


def test_a_cursor_is_safe_in_a_url() -> None:
    cursor = encode_cursor(["ÿ" * 20 + "?>~", Decimal("1.50"), datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)])
    assert cursor.replace("-", "").replace("_", "").isalnum()
    back = decode_cursor(cursor, [str, Decimal, datetime])
    assert [str(value) for value in back[1:]] == ["1.50", "2026-03-01 12:00:00.123456+00:00"]


@settings(deadline=None)
@given(st.text() | st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_="))
def test_junk_is_malformed_and_nothing_else(text: str) -> None:
    with pytest.raises(Malformed, match="the cursor is not one of ours"):
        decode_cursor(text, [datetime, UUID])


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), st.lists), st.data())
def test_foreign_json_never_fails_otherwise(value: object, data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(TYPES), max_size=2))
    with suppress(Malformed):
        decode_cursor(forged(msgspec.json.encode(value).decode()), types)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("[9223372036854775808]", int),
        ("[-9223372036854775809]", int),
        ("[true]", int),
        ("[1.5]", int),
        ('["NaN"]', Decimal),
        ('["-Infinity"]', Decimal),
        ("[1e999999]", Decimal),
        ('["1e-999999"]', Decimal),
        ('["\\u0000"]', str),
        ('["2026-01-01T00:00:00"]', datetime),
        ('["0001-01-01T00:00:00+14:00"]', datetime),
        ('["9999-12-31T23:59:59-14:00"]', datetime),
        ('["2026-02-30"]', date),
        ('["nope"]', UUID),
        ("[null]", str),
        ("[]", str),
        ('["a","b"]', str),
        ('{"a":1}', str),
        ("[" * 100_000, str),
        ('["a"] ["a"]', str),
    ],
)
def test_forged_cursors_are_malformed(written: str, kind: object) -> None:
    with pytest.raises(Malformed) as refusal:
        decode_cursor(forged(written), [kind])
    assert str(refusal.value) == "the cursor is not one of ours"


def test_a_page() -> None:
    page = msgspec.json.decode(b'{"rows": [1, 2], "next_cursor": "x"}', type=Page[int])
    assert page == Page([1, 2], "x")
    assert page.total is None
