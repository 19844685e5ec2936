"""Ids and their short spelling."""

from __future__ import annotations

import uuid
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.pure.errors import Malformed
from entrepot.pure.ids import derived_id, new_id, parse_id, short, unshort

WRITTEN = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_new_ids_are_uuid7_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(2000)]
    assert {type(id) for id in ids} == {UUID}
    assert {id.version for id in ids} == {7}
    assert ids == sorted(set(ids))


def test_derived_ids_are_stable() -> None:
    assert derived_id(uuid.NAMESPACE_DNS, "python.org") == UUID("886313e1-3b8a-5372-9b90-0c9aee199e5d")
    assert derived_id(new_id(), "a") != derived_id(new_id(), "a")


def test_parse_id() -> None:
    assert parse_id(WRITTEN) == parse_id(WRITTEN.upper()) == UUID(WRITTEN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "\ud800",
        WRITTEN.replace("-", ""),
        f"{{{WRITTEN}}}",
        f"urn:uuid:{WRITTEN}",
        f" {WRITTEN}",
        f"{WRITTEN}\n",
        WRITTEN.replace("01890a5d", "0189_a5d"),
        WRITTEN.replace("0", "٠"),
    ],
)
def test_parse_id_refuses(text: str) -> None:
    with pytest.raises(Malformed):
        parse_id(text)


def test_short() -> None:
    assert short(UUID(int=0)) == "0" * 22
    assert short(UUID(int=61)) == "0" * 21 + "z"
    assert short(UUID(int=2**128 - 1)) == "7n42DGM5Tflk9n8mt7Fhc7"


@settings(deadline=None)
@given(st.uuids(), st.uuids())
def test_short_ids_come_back_and_sort_alike(first: UUID, second: UUID) -> None:
    assert unshort(short(first)) == first
    assert (short(first) < short(second)) == (first < second)


@pytest.mark.parametrize("text", ["", "0" * 21, "0" * 23, "7n42DGM5Tflk9n8mt7Fhc8", "z" * 22, "-" * 22, "٠" * 22])
def test_unshort_refuses(text: str) -> None:
    with pytest.raises(Malformed):
        unshort(text)


@settings(deadline=None)
@given(st.text() | st.text("0123456789abcdef-", min_size=30, max_size=40))
def test_junk_is_malformed_and_nothing_else(text: str) -> None:
    for read in (parse_id, unshort):
        with suppress(Malformed):
            assert isinstance(read(text), UUID)
