"""What goods that come back are worth: shares of what was sold, that never sum to more and end exactly there."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.money import Money, Rate, rounded
from entrepot.pure.quantities import PositiveQuantity, Quantity
from entrepot.pure.taxes import TaxTotal

ZERO = Decimal(0)


class ReturnLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many of the line at this position of the sale."""

    position: int
    quantity: PositiveQuantity


class SoldLine(msgspec.Struct, frozen=True):
    """A line of a sale, with how many of it came back before."""

    position: int
    quantity: Quantity
    discount: Money
    net: Money
    tax: Money
    gross: Money
    tax_code: str
    tax_rate: Rate
    returned: Quantity


class Credited(msgspec.Struct, frozen=True):
    """A line that comes back; every amount is negative."""

    position: int
    quantity: Quantity
    discount: Money
    net: Money
    tax: Money
    gross: Money


def credited(lines: Sequence[SoldLine], wanted: Sequence[ReturnLine], currency: str) -> list[Credited]:
    """The lines of a credit. Refuses a line that is not there, twice the same, and more than was sold and is not
    back yet."""
    known = {line.position: line for line in lines}
    found: dict[int, Credited] = {}
    if not wanted:
        raise Invalid.field("lines", "needs at least one line")
    for at, want in enumerate(wanted):
        line = known.get(want.position)
        if line is None or want.position in found:
            raise Invalid.field(f"lines[{at}].position", "names no line of this sale, or one twice")
        left = line.quantity - line.returned
        if want.quantity > left:
            raise Conflict(
                "only {left} of line {position} can come back", left=format(left, "f"), position=want.position
            )
        discount, tax, gross = (
            _share(amount, line, want.quantity, currency) for amount in (line.discount, line.tax, line.gross)
        )
        found[want.position] = Credited(want.position, -want.quantity, -discount, tax - gross, -tax, -gross)
    return list(found.values())


def tax_totals(lines: Sequence[SoldLine], credits: Sequence[Credited]) -> list[TaxTotal]:
    """The credit by rate."""
    known = {line.position: line for line in lines}
    totals: dict[tuple[str, Decimal], tuple[Decimal, Decimal]] = {}
    for credit in credits:
        key = (known[credit.position].tax_code, known[credit.position].tax_rate)
        net, tax = totals.get(key, (ZERO, ZERO))
        totals[key] = (net + credit.net, tax + credit.tax)
    return [TaxTotal(code, rate, net, tax) for (code, rate), (net, tax) in totals.items()]


def _share(amount: Decimal, line: SoldLine, quantity: Decimal, currency: str) -> Decimal:
    before = rounded(amount * line.returned / line.quantity, currency)
    return rounded(amount * (line.returned + quantity) / line.quantity, currency) - before
