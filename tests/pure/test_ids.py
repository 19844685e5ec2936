"""Ids and their short spelling."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import msgspec
import pytest
from asyncpg.pgproto.pgproto import UUID as DriversUUID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.pure import ids
from entrepot.pure.errors import Malformed, NotFound
from entrepot.pure.ids import derived_id, id_of, new_id, parse_id, short, unshort

WRITTEN = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_new_ids_are_uuid7_in_the_order_they_were_made() -> None:
    made = [new_id() for _ in range(2000)]
    assert all(isinstance(id, UUID) for id in made)
    assert {id.version for id in made} == {7}
    assert made == sorted(set(made))


@pytest.fixture(params=[UUID, DriversUUID], ids=["plain", "driver"])
def kind(request: pytest.FixtureRequest) -> Iterator[type[UUID]]:
    """Ids are made as this kind, and afterwards as they are in the house."""
    ids.made_as(ids._plain if request.param is UUID else request.param)
    yield request.param
    ids.made_as(DriversUUID)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(namespace=st.uuids(), name=st.text())
def test_ids_are_equal_of_whatever_kind(kind: type[UUID], namespace: UUID, name: str) -> None:
    derived, new, standard = derived_id(namespace, name), new_id(), uuid.uuid5(namespace, name)
    read, unshortened = parse_id(str(namespace)), unshort(short(namespace))
    assert {type(each) for each in (derived, new, read, unshortened)} == {kind}
    assert derived == standard
    assert read == unshortened == namespace
    assert (str(derived), hash(derived), derived.bytes) == (str(standard), hash(standard), standard.bytes)
    assert derived_id(derived, name) == uuid.uuid5(standard, name)
    assert msgspec.json.decode(msgspec.json.encode(derived), type=UUID) == standard
    assert pickle.loads(pickle.dumps(derived)) == standard
    pair = sorted([derived, namespace])
    assert pair == sorted([namespace, derived]) == sorted([standard, namespace], key=lambda id: id.int)


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


def test_what_can_be_nobodys_id_finds_nothing() -> None:
    assert id_of("job", WRITTEN) == UUID(WRITTEN)
    for text in ("", f"{{{WRITTEN}}}", WRITTEN.replace("-", "")):
        with pytest.raises(NotFound) as refused:
            id_of("job", text)
        assert (str(refused.value), refused.value.facts) == ("there is no such job", {"what": "job"})


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
