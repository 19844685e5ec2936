"""Exact money: checked decimal types for structs, ISO 4217 minor units, commercial rounding, fair shares.

An amount is a `Decimal` with a currency beside it, never a float and never a rounded surprise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from operator import attrgetter, itemgetter
from typing import Annotated, Any, get_origin

import msgspec
import msgspec.inspect as shapes
from msgspec import UNSET

from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.quantities import Limits, limited, writable

Check = Callable[[object], None]


Money = Annotated[Decimal, limited(Limits())]
NonNegativeMoney = Annotated[Decimal, limited(Limits(sign="not negative"))]
PositiveMoney = Annotated[Decimal, limited(Limits(sign="positive"))]
Rate = Annotated[Decimal, limited(Limits(decimals=10))]
"""Percentages and exchange rates: finer than money."""

# The length stands beside the pattern because `$` also matches before a final line break.
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", min_length=3, max_length=3)]


class Amount(msgspec.Struct, frozen=True):
    """Money with its currency. Adding or subtracting another currency refuses with Conflict."""

    amount: Money
    currency: Currency

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Amount:
        return Amount(-self.amount, self.currency)

    def __str__(self) -> str:
        return f"{text(self.amount, self.currency)} {self.currency}"

    def _same(self, other: Amount) -> Decimal:
        if other.currency != self.currency:
            raise Conflict(
                "cannot mix {currency} with {other} in one sum", currency=self.currency, other=other.currency
            )
        return other.amount


@cache
def checker(kind: object) -> Check | None:
    """The check of one type, to be built at start and called per value; None when there is nothing to check.

    It refuses with Invalid, whose fact `fields` names every wrong field (`lines[2].quantity`): decimals that
    are not finite, too long, of the wrong sign or written like 1E+3, and text PostgreSQL cannot store. A
    decimal without limits of its own may have 15 digits before the point and 10 after it. Looks into structs,
    data classes, collections, unions and untyped JSON; not into `msgspec.Raw`.
    """
    part = _part(shapes.type_info(kind), {}, _WIDEST)
    if part is None:
        return None

    def check(value: object) -> None:
        try:
            wrong = part(value) if value is not None else None
        except RecursionError:
            raise Invalid("the data is nested too deeply") from None
        if wrong:
            fields = [{"field": path.removeprefix("."), "problem": problem} for path, problem in wrong]
            if len(fields) == 1:
                raise Invalid.field(fields[0]["field"], fields[0]["problem"])
            raise Invalid("{count} fields are wrong", count=len(fields), fields=fields)

    return check


def parse(text: str, kind: object = Money) -> Decimal:
    """The decimal in a cell or form field, `-1190.00`, within the limits of `kind`; no grouping."""
    if not _NOTATION(text.strip()):
        raise Invalid("this is not a number with a decimal point")
    amount = Decimal(text.strip())
    if problem := _limits(kind).problem(amount):
        raise Invalid("this number {problem}", problem=problem)
    return amount or amount.copy_abs()


def plain(amount: Decimal) -> str:
    """The amount without exponent, trailing zeros as they are, zero without a sign. Refuses NaN, Infinity."""
    return format(writable(amount) or amount.copy_abs(), "f")


def text(amount: Decimal, currency: str | None = None) -> str:
    """The amount with at least the minor units of its currency: `1190.00` EUR, `1190` JPY, `1.190` BHD.

    It never rounds: a unit price of 0.125 EUR stays `0.125`; zeros beyond the minor units go. Without a
    currency it is `plain`.
    """
    if currency is None:
        return plain(amount)
    minor = minor_units(currency)
    digits = plain(amount)
    whole, _, decimals = digits.partition(".")
    decimals = decimals.rstrip("0").ljust(minor, "0")
    return f"{whole}.{decimals}" if decimals else whole


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole minor units, half away from zero.

    The rule is that of commerce (DIN 1333) and of Regulation (EC) 1103/97, article 5: exactly half-way rounds
    up; a credit rounds as the debit it takes back.
    """
    result = writable(amount).quantize(_QUANTA[minor_units(currency)], context=_EXACT)
    return result or result.copy_abs()


def allocate(total: Decimal, weights: Sequence[Decimal | int], currency: str) -> list[Decimal]:
    """Shares of `total` in proportion to `weights`, in whole minor units, that add up to it exactly.

    Largest remainder (Hamilton): each share is less than one minor unit from its ideal; of equal remainders
    the first comes first. A weight of zero gets zero. Refuses a total that is not in whole minor units,
    negative weights, and weights that are all zero.
    """
    minor = minor_units(currency)
    units, rest = _units(total, 10**minor)
    if rest:
        raise Invalid("{total} is not in whole minor units of {currency}", total=plain(total), currency=currency)
    parts = _whole(weights)
    if not any(parts):
        raise Invalid("there is nothing to share by: every weight is zero")
    whole = sum(parts)
    shares = [divmod(abs(units) * part, whole) for part in parts]
    result = [share for share, _ in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: -shares[i][1])
    for i in by_remainder[: abs(units) - sum(result)]:
        result[i] += 1
    sign = -1 if units < 0 else 1
    return [Decimal(sign * share).scaleb(-minor, _EXACT) for share in result]


def is_currency(code: str) -> bool:
    """Whether ISO 4217 knows the code as money in use; not metals, testing codes or withdrawn currencies."""
    return code in _MINOR_UNITS


def minor_units(currency: str) -> int:
    """Decimals of a currency by ISO 4217; two for an unknown code of three capitals. Refuses the rest."""
    known = _MINOR_UNITS.get(currency)
    if known is not None:
        return known
    if len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper():
        return 2
    raise Invalid("a currency is three capitals, such as EUR")


# ISO 4217, tables A.1 and A.2, without the codes that have no minor unit (metals, XDR, XUA, XTS, XXX).
_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG
YER ZAR ZMW ZWG
"""
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_MINOR_UNITS: dict[str, int] = {
    code: minor for minor, codes in {2: _TWO, 0: _NONE, 3: _THREE, 4: _FOUR}.items() for code in codes.split()
}
_QUANTA = tuple(Decimal(1).scaleb(-minor) for minor in range(5))

_EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
_NOTATION = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII).fullmatch


@cache
def _limits(kind: object) -> Limits:
    limits: Limits = (getattr(shapes.type_info(kind), "extra", None) or {}).get("limits", _WIDEST)
    return limits


def _units(amount: Decimal, per_one: int) -> tuple[int, int]:
    numerator, denominator = writable(amount).as_integer_ratio()
    return divmod(numerator * per_one, denominator)


def _whole(weights: Sequence[Decimal | int]) -> list[int]:
    """Integers in the same proportion."""
    ratios = [writable(Decimal(weight)).as_integer_ratio() for weight in weights]
    if any(numerator < 0 for numerator, _ in ratios):
        raise Invalid("a weight must not be below zero")
    common = math.lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]


# The checker. A part answers None or its problems, each with the path below it; paths are put together on the
# way back, so that a value in order costs one call per field and builds nothing.

_Wrong = list[tuple[str, str]]
_Part = Callable[[Any], "_Wrong | None"]

_WIDEST = Limits(decimals=10)
_ONE_INSIDE = ("type", "item_type", "key_type", "value_type")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]").search


def _part(shape: Any, known: dict[int, list[_Part]], limits: Limits) -> _Part | None:
    if not _holds(shape, set()):
        return None
    match shape:
        case shapes.Metadata():
            return _part(shape.type, known, (shape.extra or {}).get("limits", limits))
        case shapes.DecimalType():
            return _decimal(limits)
        case shapes.StrType():
            return _storable
        case shapes.IntType():
            return _integer
        case shapes.StructType() | shapes.DataclassType() | shapes.NamedTupleType():
            return _structure(shape, known)
        case shapes.UnionType():
            members = [member for member in shape.types if not isinstance(member, shapes.NoneType)]
            parts = [_part(member, known, limits) for member in members]
            return parts[0] if len(parts) == 1 else _union(list(map(_python_type, members)), parts)
        case shapes.TupleType():
            parts = [_part(item, known, limits) for item in shape.item_types]
            return _members((f"[{i}]", itemgetter(i), part) for i, part in enumerate(parts))
        case shapes.DictType():
            return _mapping(_part(shape.key_type, known, limits), _part(shape.value_type, known, limits))
        case _ if hasattr(shape, "item_type"):
            return _items(_part(shape.item_type, known, limits) or _anything)
    return _anything


def _holds(shape: Any, seen: set[int]) -> bool:
    """Whether there is something to check in a shape; what nobody described may hold anything."""
    if id(shape) in seen:
        return False
    seen.add(id(shape))
    match shape:
        case shapes.DecimalType() | shapes.StrType() | shapes.IntType() | shapes.AnyType() | shapes.TypedDictType():
            return True
        case shapes.CustomType():
            return shape.cls is object
    return any(_holds(inner, seen) for inner in _inner(shape))


def _inner(shape: Any) -> Iterator[Any]:
    yield from (getattr(shape, name) for name in _ONE_INSIDE if hasattr(shape, name))
    yield from (*getattr(shape, "types", ()), *getattr(shape, "item_types", ()))
    yield from (field.type for field in getattr(shape, "fields", ()))


def _decimal(limits: Limits) -> _Part:
    in_order = re.compile(limits.pattern, re.ASCII).match

    def check(value: Any) -> _Wrong | None:
        # The pattern settles nearly all; -0 and tiny rates (1E-7) are in order but written otherwise.
        if in_order(str(value)):
            return None
        problem = limits.problem(value)
        return [("", problem)] if problem else None

    return check


def _integer(value: int) -> _Wrong | None:
    return None if -(2**63) <= value < 2**63 else [("", "this number is too large")]


def _storable(value: str) -> _Wrong | None:
    if "\0" not in value and value.isascii():
        return None
    found = _UNSTORABLE(value)
    if found is None:
        return None
    return [("", "must not hold the NUL character" if found[0] == "\0" else "must not hold half a character")]


def _structure(shape: Any, known: dict[int, list[_Part]]) -> _Part:
    if id(shape) in known:  # met before; a struct within itself is still being built
        cell = known[id(shape)]
        return cell[0] if cell else lambda value: cell[0](value)
    cell = known[id(shape)] = []
    parts = [_part(field.type, known, _WIDEST) for field in shape.fields]
    names = [f".{getattr(field, 'encode_name', field.name)}" for field in shape.fields]
    getters = [attrgetter(field.name) for field in shape.fields]
    cell.append(_members(zip(names, getters, parts, strict=True)))
    return cell[0]


def _members(candidates: Iterable[tuple[str, Callable[[Any], Any], _Part | None]]) -> _Part:
    members = [(name, get, part) for name, get, part in candidates if part is not None]

    def check(value: Any) -> _Wrong | None:
        wrong: _Wrong = []
        for name, get, part in members:
            inner = get(value)
            if inner is not None and inner is not UNSET:
                problems = part(inner)
                if problems:
                    wrong += [(name + path, problem) for path, problem in problems]
        return wrong

    return check


def _items(part: _Part) -> _Part:
    def check(values: Any) -> _Wrong | None:
        wrong: _Wrong = []
        for index, value in enumerate(values):
            problems = part(value) if value is not None else None
            if problems:
                wrong += [(f"[{index}]{path}", problem) for path, problem in problems]
        return wrong

    return check


def _mapping(key_part: _Part | None, value_part: _Part | None) -> _Part:
    def check(values: Any) -> _Wrong | None:
        wrong: _Wrong = []
        for key, value in values.items():
            bad_key = key_part(key) if key_part else None
            if bad_key:  # a bad key is not repeated in the path: the answer must be writable too
                wrong.append(("", f"a name {bad_key[0][1]}"))
            problems = value_part(value) if value_part and value is not None else None
            if problems:
                name = "[?]" if bad_key else f".{key}"
                wrong += [(name + path, problem) for path, problem in problems]
        return wrong

    return check


def _union(kinds: list[type], parts: list[_Part | None]) -> _Part:
    by_type = {kind: part for kind, part in zip(kinds, parts, strict=True) if part is not None}

    def check(value: Any) -> _Wrong | None:
        part = by_type.get(type(value))
        return part(value) if part else None

    return check


def _python_type(shape: Any) -> type:
    """The class of a decoded value; msgspec allows one member of each in a union."""
    if isinstance(shape, shapes.Metadata):
        return _python_type(shape.type)
    if type(shape) in _PYTHON_TYPES:
        return _PYTHON_TYPES[type(shape)]
    cls = getattr(shape, "cls", object)
    return get_origin(cls) or cls


_PYTHON_TYPES: dict[type, type] = {
    shapes.DecimalType: Decimal,
    shapes.StrType: str,
    shapes.ListType: list,
    shapes.SetType: set,
    shapes.FrozenSetType: frozenset,
    shapes.TupleType: tuple,
    shapes.VarTupleType: tuple,
    shapes.DictType: dict,
    shapes.TypedDictType: dict,
}


def _anything(value: Any) -> _Wrong | None:
    part = _UNTYPED.get(type(value))
    return part(value) if part else None


_UNTYPED: dict[type, _Part] = {
    str: _storable,
    Decimal: _decimal(_WIDEST),
    dict: _mapping(_anything, _anything),
    **dict.fromkeys((list, tuple, set, frozenset), _items(_anything)),
}
