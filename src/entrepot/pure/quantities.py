"""Exact decimals of limited length, and quantities in their units: 3 pieces, 1.250 kg.

Units carry their code of UN/ECE Recommendation 20 or 21, which e-invoices (EN 16931) ask for.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec

from entrepot.pure.errors import Invalid


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decimal may look like: digits before and after the point, and its sign."""

    digits: int = 15
    decimals: int = 6
    sign: Literal["any", "not negative", "positive"] = "any"

    @property
    def pattern(self) -> str:
        """The notation as a regular expression of JSON Schema (ECMA 262)."""
        sign = {"any": "-?", "not negative": "", "positive": "(?=.*[1-9])"}[self.sign]
        return rf"^{sign}[0-9]{{1,{self.digits}}}(\.[0-9]{{1,{self.decimals}}})?$"

    def problem(self, number: Decimal) -> str | None:
        """What is wrong with a number, to be said after its name; None when nothing is."""
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int):
            return "must be a finite number"
        if number.adjusted() >= self.digits:
            return f"must not have more than {self.digits} digits before the point"
        if -exponent > self.decimals:
            return f"must not have more than {self.decimals} digits after the point"
        if exponent > 0:  # 1E+3 would be answered, printed and exported as 1E+3
            return "must be written without an exponent"
        if self.sign == "positive" and number <= 0:
            return "must be above zero"
        if self.sign == "not negative" and number < 0:
            return "must not be below zero"
        return None


def limited(limits: Limits) -> msgspec.Meta:
    """The annotation that makes a `Decimal` field obey `limits`; `money.checker` enforces it."""
    return msgspec.Meta(extra_json_schema={"pattern": limits.pattern}, extra={"limits": limits})


Quantity = Annotated[Decimal, limited(Limits())]
NonNegativeQuantity = Annotated[Decimal, limited(Limits(sign="not negative"))]
PositiveQuantity = Annotated[Decimal, limited(Limits(sign="positive"))]


class Unit(msgspec.Struct, frozen=True):
    """A unit of measure: how finely it is counted, and its UN/ECE code."""

    code: str
    name: str
    decimals: int
    unece: str


def writable(number: Decimal) -> Decimal:
    """The number itself; refuses what is not finite or has more than a hundred digits on a side of the point.

    Sums may outgrow the limits of a field, but `1e999999` must not be written out or multiplied.
    """
    if not number.is_finite():
        raise Invalid("this is not a finite number")
    spelt = str(number)
    if len(spelt) <= _LONGEST and "E" not in spelt:
        return number  # as it stands there it is short enough; nearly all are
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if max(number.adjusted() + 1, -exponent, exponent) > _LONGEST:
        raise Invalid("this number is too long")
    return number


def unit(code: str) -> Unit:
    """The unit of a code; refuses an unknown one and names those there are."""
    found = UNITS.get(code)
    if found is None:
        raise Invalid("there is no such unit of measure", allowed=list(UNITS))
    return found


def text(quantity: Decimal, code: str) -> str:
    """The quantity in plain notation with the decimals of its unit: `3` pieces, `1.250` kg.

    It never rounds: what is finer than the unit is shown whole. Refuses what is not a finite number.
    """
    whole, _, decimals = format(writable(quantity) or quantity.copy_abs(), "f").partition(".")
    decimals = decimals.rstrip("0").ljust(unit(code).decimals, "0")
    return f"{whole}.{decimals}" if decimals else whole


def fits(quantity: Decimal, code: str) -> bool:
    """Whether the unit is counted as finely as this quantity: 1.5 kg fits, 1.5 pieces does not."""
    _, _, decimals = format(writable(quantity), "f").partition(".")
    return len(decimals.rstrip("0")) <= unit(code).decimals


def must_fit(quantity: Decimal, code: str) -> None:
    """Refuse a quantity finer than its unit, with Invalid(unit, decimals)."""
    if not fits(quantity, code):
        raise Invalid("{unit} is counted with {decimals} decimals at most", unit=code, decimals=unit(code).decimals)


UNITS: MappingProxyType[str, Unit] = MappingProxyType(
    {
        code: Unit(code, name, decimals, unece)
        for code, name, decimals, unece in (
            ("piece", "piece", 0, "H87"),
            ("pair", "pair", 0, "PR"),
            ("dozen", "dozen", 0, "DZN"),
            ("set", "set", 0, "SET"),
            ("pack", "pack", 0, "XPK"),
            ("box", "box", 0, "XBX"),
            ("pallet", "pallet", 0, "XPX"),
            ("mg", "milligram", 3, "MGM"),
            ("g", "gram", 3, "GRM"),
            ("kg", "kilogram", 3, "KGM"),
            ("t", "tonne", 6, "TNE"),
            ("ml", "millilitre", 3, "MLT"),
            ("l", "litre", 3, "LTR"),
            ("mm", "millimetre", 3, "MMT"),
            ("cm", "centimetre", 3, "CMT"),
            ("m", "metre", 3, "MTR"),
            ("km", "kilometre", 3, "KMT"),
            ("m2", "square metre", 4, "MTK"),
            ("m3", "cubic metre", 6, "MTQ"),
            ("minute", "minute", 2, "MIN"),
            ("hour", "hour", 2, "HUR"),
            ("day", "day", 2, "DAY"),
            ("month", "month", 2, "MON"),
            ("kwh", "kilowatt hour", 3, "KWH"),
        )
    }
)

_LONGEST = 100
