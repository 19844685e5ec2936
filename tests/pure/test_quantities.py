"""Quantities in their units."""

from __future__ import annotations

from decimal import Context, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entrepot.pure.errors import Invalid
from entrepot.pure.quantities import UNITS, fits, must_fit, text, unit, writable


@pytest.mark.parametrize(
    ("quantity", "code", "expected"),
    [
        ("3.000000", "piece", "3"),
        ("1.25", "kg", "1.250"),
        ("1.2345", "kg", "1.2345"),
        ("1.5", "piece", "1.5"),
        ("1E+3", "piece", "1000"),
        ("-0", "hour", "0.00"),
    ],
)
def test_text(quantity: str, code: str, expected: str) -> None:
    assert text(Decimal(quantity), code) == expected


@given(st.integers(-(10**120), 10**120), st.integers(-130, 130))
@example(1, 99)
@example(1, 100)
@example(10**99, 0)
@example(10**100, 0)
@example(1, -100)
@example(1, -101)
@example(-(10**98), -1)
def test_a_number_may_have_a_hundred_digits_on_a_side_of_the_point(digits: int, exponent: int) -> None:
    number = Decimal(digits).scaleb(exponent, Context(prec=400))
    before, after = number.adjusted() + 1, -int(number.as_tuple().exponent)
    if max(before, after, -after) > 100:
        with pytest.raises(Invalid):
            writable(number)
    else:
        assert writable(number) is number


@pytest.mark.parametrize("quantity", ["NaN", "sNaN", "-Infinity", "1e999999", "1e-999999"])
def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    for ask in (text, fits, must_fit):
        with pytest.raises(Invalid):
            ask(Decimal(quantity), "piece")


def test_pieces_are_whole() -> None:
    assert fits(Decimal("3.000"), "piece")
    assert fits(Decimal("1E+2"), "piece")
    assert not fits(Decimal("0.5"), "piece")
    must_fit(Decimal("0.500"), "kg")
    with pytest.raises(Invalid) as refusal:
        must_fit(Decimal("0.5"), "piece")
    assert refusal.value.facts == {"unit": "piece", "decimals": 0}
    assert str(refusal.value) == "piece is counted with 0 decimals at most"


def test_units() -> None:
    assert unit("kg").unece == "KGM"
    assert len({each.unece for each in UNITS.values()}) == len(UNITS)
    assert all(0 <= each.decimals <= 6 and each.code == code for code, each in UNITS.items())
    with pytest.raises(Invalid) as refusal:
        unit("furlong")
    assert "kg" in refusal.value.facts["allowed"]  # type: ignore[operator]
