"""What a shift at a till comes to: what was sold and paid in it, and what should be in the drawer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from entrepot.modules.payments.contract import MethodTotal, PaymentMethod
from entrepot.pure.errors import Invalid
from entrepot.pure.money import Money, NonNegativeMoney, PositiveMoney, plain, rounded
from entrepot.pure.taxes import TaxTotal

ZERO = Decimal("0.00")


class ShiftState(StrEnum):
    open = "open"
    closed = "closed"


class CashKind(StrEnum):
    """Cash that is put into the drawer or taken out of it, other than by selling."""

    pay_in = "pay_in"
    pay_out = "pay_out"


class CashPurpose(StrEnum):
    """Where that cash comes from or goes to: the safe or bank, or a small expense."""

    transfer = "transfer"
    expense = "expense"


class Denomination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many coins or notes of one value."""

    value: PositiveMoney
    count: int


class Moved(msgspec.Struct, frozen=True):
    """Cash that was paid in (positive) or out (negative) together."""

    paid_in: Money = ZERO
    paid_out: Money = ZERO


class Tally(msgspec.Struct, frozen=True):
    """What the sales and returns of a shift come to. `gross` is what was sold, `returned` (negative) what came back,
    `total` both; `net`, `tax`, `taxes` and `methods` are of both. `late` are those of earlier shifts that reached
    the server only after their shift was closed."""

    sales: int = 0
    returns: int = 0
    late: int = 0
    late_total: Money = ZERO
    gross: Money = ZERO
    returned: Money = ZERO
    total: Money = ZERO
    net: Money = ZERO
    tax: Money = ZERO
    discounts: Money = ZERO
    taxes: list[TaxTotal] = []
    methods: list[MethodTotal] = []


class Drawer(msgspec.Struct, frozen=True):
    """The cash of a shift: expected = float + sold for cash (without change) - given back + paid in - paid out."""

    cash_sales: Money
    cash_refunds: Money
    paid_in: Money
    paid_out: Money
    expected: Money


def drawer(opening_float: Decimal, tally: Tally, moved: Moved) -> Drawer:
    """What should be in the drawer, and why."""
    cash = next((one for one in tally.methods if one.method == PaymentMethod.cash.value), None)
    sold, back = (cash.taken, cash.given_back) if cash is not None else (ZERO, ZERO)
    expected = opening_float + sold - back + moved.paid_in - moved.paid_out
    return Drawer(sold, back, moved.paid_in, moved.paid_out, expected)


def counted(total: NonNegativeMoney | None, denominations: Sequence[Denomination], currency: str) -> Decimal:
    """What was counted, as a total or by coins and notes; given both, they must agree."""
    for at, one in enumerate(denominations):
        if not 0 <= one.count <= 100_000:
            raise Invalid.field(f"denominations[{at}].count", "must be a number from 0 to {most}", most=100_000)
    summed = sum((one.value * one.count for one in denominations), Decimal(0)) if denominations else None
    if total is None and summed is None:
        raise Invalid.field("counted", "this field is required")
    if total is not None and summed is not None and total != summed:
        raise Invalid.field("counted", "coins and notes add up to {sum}", sum=plain(summed))
    return exact(total if summed is None else summed, currency, "counted")


def exact(amount: Decimal | None, currency: str, field: str) -> Decimal:
    """The amount in whole cents; refuses what no coins can make."""
    assert amount is not None
    found = rounded(amount, currency)
    if found != amount:
        raise Invalid.field(field, "has more decimals than {currency} has", currency=currency)
    return found
