"""Money to the cent: rounding, shares, notation, and sums that refuse to mix currencies."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.money import (
    Amount,
    NonNegativeMoney,
    PositiveMoney,
    Rate,
    allocate,
    is_currency,
    minor_units,
    parse,
    plain,
    rounded,
    text,
)

D = Decimal
CURRENCIES = st.sampled_from(["EUR", "JPY", "BHD", "CLF", "QQQ"])
AMOUNTS = st.decimals(min_value=D("-1e15"), max_value=D("1e15"), places=6)
NOT_NUMBERS = [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity")]


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1190", "EUR", "1190.00"),
        ("1190.000000", "EUR", "1190.00"),
        ("1E+3", "EUR", "1000.00"),
        ("0E-10", "EUR", "0.00"),
        ("-0.00", "EUR", "0.00"),
        ("0.125000", "EUR", "0.125"),
        ("-1.5", "EUR", "-1.50"),
        ("1190.00", "JPY", "1190"),
        ("1.19", "BHD", "1.190"),
        ("1", "CLF", "1.0000"),
        ("1", "QQQ", "1.00"),
        ("1.500", None, "1.500"),
    ],
)
def test_text(amount: str, currency: str | None, expected: str) -> None:
    assert text(D(amount), currency) == expected


def test_plain_keeps_zeros_and_shows_no_exponent() -> None:
    assert plain(D("1E+3")) == "1000"
    assert plain(D("1E-10")) == "0.0000000001"
    assert plain(D("2.50")) == "2.50"
    assert plain(D("-0.0")) == "0.0"


@pytest.mark.parametrize("amount", [*NOT_NUMBERS, D("1e999999"), D("1e-999999"), D("0e999999")])
def test_what_cannot_be_written_is_refused(amount: Decimal) -> None:
    for write in (plain, lambda value: text(value, "EUR"), lambda value: rounded(value, "EUR")):
        with pytest.raises(Invalid):
            write(amount)
    with pytest.raises(Invalid):
        allocate(D(1), [1, amount], "EUR")
    with pytest.raises(Invalid):
        allocate(amount, [1], "EUR")


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1.005", "EUR", "1.01"),
        ("1.004999", "EUR", "1.00"),
        ("-1.005", "EUR", "-1.01"),
        ("2.5", "JPY", "3"),
        ("0.0005", "BHD", "0.001"),
        ("-0.001", "EUR", "0.00"),
        ("1E+3", "EUR", "1000.00"),
        ("9" * 60 + ".995", "EUR", "1" + "0" * 60 + ".00"),
    ],
)
def test_rounded_is_half_away_from_zero(amount: str, currency: str, expected: str) -> None:
    assert str(rounded(D(amount), currency)) == expected


@settings(deadline=None)
@given(AMOUNTS, CURRENCIES)
def test_rounding_is_symmetric_near_and_done_once(amount: Decimal, currency: str) -> None:
    result = rounded(amount, currency)
    assert rounded(-amount, currency) == -result
    assert abs(result - amount) * 2 <= D(1).scaleb(-minor_units(currency))
    assert rounded(result, currency) == result
    assert text(result, currency) == str(result)


@settings(deadline=None)
@given(AMOUNTS, CURRENCIES)
def test_text_is_exact(amount: Decimal, currency: str) -> None:
    assert D(text(amount, currency)) == amount
    assert "E" not in text(amount, currency)


def test_currencies() -> None:
    assert is_currency("EUR")
    assert is_currency("XCG")
    assert not is_currency("XAU")
    assert not is_currency("HRK")
    assert not is_currency("eur")
    assert [minor_units(code) for code in ("EUR", "JPY", "KWD", "UYW", "ABC")] == [2, 0, 3, 4, 2]


@pytest.mark.parametrize("code", ["", "eur", "EU", "EURO", "E1R", "ÉUR", "EUR\n"])
def test_what_is_no_currency_code_is_refused(code: str) -> None:
    with pytest.raises(Invalid):
        minor_units(code)


@pytest.mark.parametrize(
    ("total", "weights", "currency", "expected"),
    [
        ("10.00", [1, 1, 1], "EUR", ["3.34", "3.33", "3.33"]),
        ("-10.00", [1, 1, 1], "EUR", ["-3.34", "-3.33", "-3.33"]),
        ("0.05", [3, 7], "EUR", ["0.02", "0.03"]),
        ("100", [1, 0, 2], "JPY", ["33", "0", "67"]),
        ("0.01", [0, 0, 5, 5], "EUR", ["0.00", "0.00", "0.01", "0.00"]),
        ("0", [1, 2], "EUR", ["0.00", "0.00"]),
        ("1.000000", [D("0.1"), D("0.2")], "EUR", ["0.33", "0.67"]),
        ("1", [D("1E+3"), 1000], "BHD", ["0.500", "0.500"]),
    ],
)
def test_allocate(total: str, weights: list[Decimal | int], currency: str, expected: list[str]) -> None:
    assert [str(share) for share in allocate(D(total), weights, currency)] == expected


@pytest.mark.parametrize(
    ("total", "weights"),
    [("1.00", []), ("1.00", [0, 0]), ("1.00", [1, -1]), ("0.005", [1]), ("0.00", [0])],
)
def test_allocate_refuses(total: str, weights: list[Decimal | int]) -> None:
    with pytest.raises(Invalid):
        allocate(D(total), weights, "EUR")


@settings(deadline=None)
@given(
    units=st.integers(-(10**17), 10**17),
    weights=st.lists(st.decimals(0, 10**9, places=6) | st.integers(0, 10**12), min_size=1, max_size=30),
    currency=CURRENCIES,
)
def test_shares_add_up_and_are_less_than_a_unit_off(units: int, weights: list[Decimal | int], currency: str) -> None:
    if not any(weights):
        weights = [*weights, 1]
    unit = D(1).scaleb(-minor_units(currency))
    total = units * unit
    shares = allocate(total, weights, currency)
    assert sum(map(Fraction, shares)) == Fraction(total)
    assert len(shares) == len(weights)
    everything = sum(map(Fraction, weights))
    for share, weight in zip(shares, weights, strict=True):
        assert abs(Fraction(share) - Fraction(total) * Fraction(weight) / everything) < Fraction(unit)
        assert weight or not share


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1190.00", "1190.00"), (" +7 ", "7"), ("-0.5", "-0.5"), ("-0.00", "0.00"), ("007", "7")],
)
def test_parse(written: str, expected: str) -> None:
    assert str(parse(written)) == expected


@pytest.mark.parametrize(
    "written",
    [
        *("", "-", "1,5", "1.000,00", "1_000", "1e3", "NaN", "Infinity", "٣", ".5", "5.", "1 000", "0x10"),
        *("\0", "\ud800", "1" * 16, "0.1234567", "9" * 100_000),
    ],
)
def test_parse_refuses(written: str) -> None:
    with pytest.raises(Invalid):
        parse(written)


def test_parse_within_the_limits_of_a_type() -> None:
    assert parse("0.0000000001", Rate) == D("0.0000000001")
    assert parse("0", NonNegativeMoney) == 0
    for written, kind in [("0", PositiveMoney), ("-1", NonNegativeMoney)]:
        with pytest.raises(Invalid):
            parse(written, kind)


@settings(deadline=None)
@given(st.text())
def test_parse_never_fails_otherwise(written: str) -> None:
    with suppress(Invalid):
        assert parse(written).is_finite()


def test_amounts_add_and_subtract_in_one_currency() -> None:
    price = Amount(D("10.00"), "EUR")
    assert price + Amount(D("2.50"), "EUR") == Amount(D("12.50"), "EUR")
    assert price - Amount(D("12.50"), "EUR") == Amount(D("-2.50"), "EUR")
    assert -price == Amount(D("-10.00"), "EUR")
    assert str(price) == "10.00 EUR"
    assert str(-Amount(D(0), "JPY")) == "0 JPY"
    for mix in (Amount.__add__, Amount.__sub__):
        with pytest.raises(Conflict) as refusal:
            mix(price, Amount(D(1), "USD"))
        assert refusal.value.facts == {"currency": "EUR", "other": "USD"}
