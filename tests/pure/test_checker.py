"""What msgspec lets through and the database must never see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.pure.errors import Invalid
from entrepot.pure.money import Amount, Money, NonNegativeMoney, PositiveMoney, Rate, checker
from entrepot.pure.quantities import NonNegativeQuantity, PositiveQuantity, Quantity

T = TypeVar("T")


class Channel(StrEnum):
    retail = "retail"


class Line(msgspec.Struct):
    sku: str
    quantity: PositiveQuantity
    unit_price: NonNegativeMoney | None = None


class Order(msgspec.Struct):
    id: UUID
    lines: list[Line]
    discount: Money | msgspec.UnsetType = msgspec.UNSET
    rates: dict[str, Rate] = {}
    pair: tuple[int, PositiveMoney] | None = None
    metadata: dict[str, Any] | None = None


class Node(msgspec.Struct):
    weight: Quantity
    children: list[Node] = []


class Box(msgspec.Struct, Generic[T]):
    content: T


class Cash(msgspec.Struct, tag=True):
    tendered: PositiveMoney


class Card(msgspec.Struct, tag=True):
    token: str


class Renamed(msgspec.Struct, rename="camel"):
    unit_price: Money


class Nothing(msgspec.Struct):
    id: UUID
    channel: Channel
    count: float
    parent: Nothing | None = None
    raw: msgspec.Raw = msgspec.Raw(b"")


class Pair(NamedTuple):
    first: PositiveMoney
    second: str


@dataclass
class Plain:
    amount: PositiveMoney


def check(kind: Any) -> Callable[[object], None]:
    found = checker(kind)
    assert found is not None
    return found


def problems(kind: Any, value: object) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        check(kind)(value)
    fields = refusal.value.facts["fields"]
    assert isinstance(fields, list)
    assert all(set(field) == {"field", "problem"} for field in fields)
    return {field["field"]: field["problem"] for field in fields}


def decoded(written: str, kind: Any) -> Any:
    return msgspec.json.decode(written.encode(), type=kind)


ORDER = Order(UUID(int=1), [Line("A", Decimal(3), Decimal("1190.00")), Line("B", Decimal("0.001"))])


def test_an_order_in_order_passes() -> None:
    check(Order)(ORDER)
    check(Order)(msgspec.structs.replace(ORDER, discount=Decimal("-5.00"), rates={"USD": Decimal("1E-7")}))
    check(Order)(msgspec.structs.replace(ORDER, metadata={"a": [1, None, {"é": "naïve 🙂"}]}))


def test_every_wrong_field_is_named() -> None:
    order = Order(
        id=UUID(int=1),
        lines=[
            Line("A\0", Decimal(0), Decimal("-0.01")),
            Line("B", Decimal(1)),
            Line("C", Decimal("NaN"), Decimal("1.0000001")),
        ],
        discount=Decimal("Infinity"),
        rates={"USD": Decimal("0.00000000001"), "EUR": Decimal(1), "\0": Decimal("NaN")},
        pair=(1, Decimal(-1)),
        metadata={"a": ["ok", {"b": "\ud800"}], "c": Decimal("1e999999"), "n\0": 1},
    )
    assert problems(Order, order) == {
        "lines[0].sku": "must not hold the NUL character",
        "lines[0].quantity": "must be above zero",
        "lines[0].unit_price": "must not be below zero",
        "lines[2].quantity": "must be a finite number",
        "lines[2].unit_price": "must not have more than 6 digits after the point",
        "discount": "must be a finite number",
        "rates.USD": "must not have more than 10 digits after the point",
        "rates": "a name must not hold the NUL character",
        "rates[?]": "must be a finite number",
        "pair[1]": "must be above zero",
        "metadata": "a name must not hold the NUL character",
        "metadata.a[1].b": "must not hold half a character",
        "metadata.c": "must not have more than 15 digits before the point",
    }


def test_one_wrong_field_is_the_message_too() -> None:
    with pytest.raises(Invalid) as refusal:
        check(Amount)(Amount(Decimal("sNaN"), "EUR"))
    assert str(refusal.value) == "must be a finite number"
    assert refusal.value.facts == {
        "field": "amount",
        "fields": [{"field": "amount", "problem": "must be a finite number"}],
    }


@pytest.mark.parametrize("kind", [Money, Quantity, Rate, PositiveMoney, NonNegativeQuantity, Decimal])
@pytest.mark.parametrize(
    "written",
    [
        *('"NaN"', '"-NaN"', '"sNaN"', '"NaN123"', '"Infinity"', '"-inf"'),
        *('"1e999999"', "1e999999", '"1e-999999"', "1e-999999", "1e3", '"1E+3"', "1" * 14 + "e2"),
        *(f'"{"1" * 30}"', "1" * 30, "1" * 16, "0." + "1" * 30),
    ],
)
def test_what_is_no_amount_is_refused_however_it_is_written(written: str, kind: Any) -> None:
    assert list(problems(Box[kind], decoded(f'{{"content": {written}}}', Box[kind]))) == ["content"]


@pytest.mark.parametrize("written", ["0", "-0", "0.00", "-0.00", '"0"', '"-0"', '"-0.00"', '"0E-6"'])
def test_zero_is_zero_whatever_its_sign(written: str) -> None:
    zero = decoded(written, Decimal)
    for kind in (Money, NonNegativeMoney, Quantity, NonNegativeQuantity, Rate, Decimal):
        check(kind)(zero)
    for kind in (PositiveMoney, PositiveQuantity):
        assert problems(kind, zero) == {"": "must be above zero"}


@pytest.mark.parametrize("written", ["999999999999999.999999", "0.000001", "1190.00", "7"])
def test_what_is_within_the_limits_passes_as_text_and_as_number(written: str) -> None:
    for kind in (Money, NonNegativeMoney, PositiveMoney, Quantity, PositiveQuantity, Rate, Decimal):
        for form in (written, f'"{written}"'):
            amount = decoded(form, kind)
            check(kind)(amount)
            assert str(amount) == written
    for kind in (Money, Quantity, Rate, Decimal):
        check(kind)(decoded(f"-{written}", kind))
    for kind in (PositiveMoney, NonNegativeMoney):
        assert list(problems(kind, decoded(f"-{written}", kind))) == [""]


@settings(deadline=None)
@given(st.decimals())
def test_the_quick_answer_is_the_exact_one(amount: Decimal) -> None:
    exponent = amount.as_tuple().exponent
    fits = amount.is_finite() and -6 <= int(exponent) <= 0 and abs(amount) < 10**15
    expected = {Money: fits, NonNegativeMoney: fits and amount >= 0, PositiveMoney: fits and amount > 0}
    for kind, passes in expected.items():
        if passes:
            check(kind)(amount)
        else:
            assert len(problems(kind, amount)) == 1


def test_there_is_nothing_to_check() -> None:
    assert checker(Nothing) is None
    assert checker(list[bool]) is None
    assert checker(UUID | None) is None


def test_a_check_is_built_once() -> None:
    assert checker(Order) is checker(Order)
    assert checker(Money) is not checker(PositiveMoney)


def test_structs_within_themselves() -> None:
    tree = Node(Decimal(1), [Node(Decimal(2)), Node(Decimal(3), [Node(Decimal("NaN"))])])
    assert problems(Node, tree) == {"children[1].children[0].weight": "must be a finite number"}
    for _ in range(5000):
        tree = Node(Decimal(1), [tree])
    with pytest.raises(Invalid, match="nested too deeply"):
        check(Node)(tree)


def test_untyped_json_of_any_depth() -> None:
    value: Any = "leaf"
    for _ in range(20_000):
        value = [value]
    with pytest.raises(Invalid, match="nested too deeply"):
        check(dict[str, Any])({"a": value})


def test_unions_generics_renamed_fields_and_other_shapes() -> None:
    payments = list[Cash | Card]
    check(payments)([Cash(Decimal(1)), Card("t")])
    assert problems(payments, [Cash(Decimal(0)), Card("\0")]) == {
        "[0].tendered": "must be above zero",
        "[1].token": "must not hold the NUL character",
    }
    assert list(problems(Box[list[Money] | str], Box([Decimal("NaN")]))) == ["content[0]"]
    assert list(problems(Box[list[Money] | str], Box("\0"))) == ["content"]
    assert list(problems(Box[set[str]], Box({"\0"}))) == ["content[0]"]
    assert list(problems(Box[tuple[str, ...]], Box(("", "\0")))) == ["content[1]"]
    assert list(problems(Box[list[Money | None]], Box([None, Decimal("NaN")]))) == ["content[1]"]
    assert list(problems(dict[str, Money | None], {"a": None, "b": Decimal("NaN")})) == ["b"]
    assert list(problems(Renamed, Renamed(Decimal("NaN")))) == ["unitPrice"]
    assert list(problems(Pair, Pair(Decimal(0), "\0"))) == ["first", "second"]
    assert list(problems(Plain, Plain(Decimal(0)))) == ["amount"]
    check(Money | None)(None)


def test_the_schema_says_how_money_is_written() -> None:
    schema = msgspec.json.schema(Line)["$defs"]["Line"]["properties"]
    assert schema["quantity"] == {
        "type": "string",
        "format": "decimal",
        "pattern": r"^(?=.*[1-9])[0-9]{1,15}(\.[0-9]{1,6})?$",
    }
    assert schema["unit_price"]["anyOf"][0]["pattern"] == r"^[0-9]{1,15}(\.[0-9]{1,6})?$"
