"""The life of an order, what a sale at the till costs, and how it is paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from entrepot.modules.catalog.contract import VariantCard
from entrepot.modules.payments.contract import PaymentMethod
from entrepot.modules.tax.contract import RateCard
from entrepot.pure.errors import Invalid
from entrepot.pure.ids import derived_id
from entrepot.pure.money import Money, NonNegativeMoney, rounded
from entrepot.pure.quantities import PositiveQuantity, Quantity
from entrepot.pure.states import Machine, Move
from entrepot.pure.taxes import Taxable, TaxTotal, taxed

ZERO = Decimal(0)


class OrderState(StrEnum):
    draft = "draft"
    pending = "pending"
    confirmed = "confirmed"
    paid = "paid"
    fulfilling = "fulfilling"
    fulfilled = "fulfilled"
    completed = "completed"
    returned = "returned"
    refunded = "refunded"
    cancelled = "cancelled"


S = OrderState
SOLD_STATES = (S.confirmed, S.paid, S.fulfilling, S.fulfilled, S.completed, S.returned, S.refunded)
ORDER: Machine[OrderState] = Machine(
    "order",
    S.draft,
    [
        Move("place", (S.draft,), S.pending, needs="orders.edit", by_hand=False),
        Move("confirm", (S.draft, S.pending), S.confirmed, needs="orders.edit", by_hand=False),
        Move("pay", (S.pending, S.confirmed), S.paid, needs="orders.pay", stops="pay", by_hand=False),
        Move("fulfill", (S.paid, S.confirmed), S.fulfilling, needs="orders.edit", stops="ship", by_hand=False),
        Move("deliver", (S.fulfilling,), S.fulfilled, needs="orders.edit", stops="ship", by_hand=False),
        Move("complete", (S.fulfilled, S.paid), S.completed, needs="orders.edit", by_hand=False),
        Move("return", (S.completed, S.fulfilled), S.returned, needs="orders.refund", asks_reason=True, by_hand=False),
        Move("refund", (S.returned, S.completed), S.refunded, needs="orders.refund", asks_reason=True, by_hand=False),
        Move(
            "cancel",
            (S.draft, S.pending, S.confirmed, S.paid),
            S.cancelled,
            needs="orders.cancel",
            asks_reason=True,
            by_hand=False,
        ),
    ],
    deadlines={S.pending: timedelta(days=14), S.paid: timedelta(days=5), S.fulfilling: timedelta(days=5)},
    aliases={"PendingPayment": S.pending, "PaymentConfirmed": S.paid, "Processing": S.fulfilling},
    extra_initial=(S.completed,),
)


class SaleLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line at the till, by SKU or variant. `discount` is an amount off the whole line."""

    quantity: PositiveQuantity
    sku: str | None = None
    variant_id: UUID | None = None
    unit_price: NonNegativeMoney | None = None
    discount: NonNegativeMoney = ZERO


class SalePayment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money handed over. More cash than is owed is given back as change; `amount` left out is what is still owed."""

    method: PaymentMethod
    amount: NonNegativeMoney | None = None
    transaction_id: str | None = None


class PricedLine(msgspec.Struct, frozen=True):
    """A line with everything a receipt and the ledger need."""

    card: VariantCard
    quantity: Quantity
    unit_price: Money
    discount: Money
    net: Money
    tax: Money
    gross: Money
    tax_code: str
    tax_rate: Decimal


class Priced(msgspec.Struct, frozen=True):
    """A sale with its totals; the lines sum to them exactly."""

    lines: list[PricedLine]
    taxes: list[TaxTotal]
    subtotal: Money
    tax_total: Money
    discount_total: Money
    total: Money


class Counted(msgspec.Struct, frozen=True):
    """A payment as it counts: what was handed over, and what of it was owed. Its id follows from the sale's."""

    id: UUID
    method: PaymentMethod
    amount: Money
    tendered: Money
    transaction_id: str | None


def priced(
    lines: Sequence[SaleLine],
    cards: Sequence[VariantCard],
    rates: dict[str, RateCard],
    currency: str,
    *,
    inclusive: bool,
) -> Priced:
    """What a sale costs. `cards` belong to `lines` one by one. Every line is rounded once, then summed."""
    amounts = []
    for at, (line, card) in enumerate(zip(lines, cards, strict=True)):
        unit_price = card.price if line.unit_price is None else line.unit_price
        full = rounded(unit_price * line.quantity, currency)
        discount = rounded(line.discount, currency)
        if discount > full:
            raise Invalid.field(f"lines[{at}].discount", "must not be more than the line costs")
        amounts.append((unit_price, discount, full - discount))
    taxables = [
        Taxable(amount, rates[card.tax_category].code, rates[card.tax_category].rate)
        for (_, _, amount), card in zip(amounts, cards, strict=True)
    ]
    shares, totals = taxed(taxables, currency, inclusive=inclusive)
    found = [
        PricedLine(card, line.quantity, unit, discount, share.net, share.tax, share.gross, tax.code, tax.rate)
        for line, card, (unit, discount, _), share, tax in zip(lines, cards, amounts, shares, taxables, strict=True)
    ]
    subtotal = sum((t.net for t in totals), ZERO)
    tax_total = sum((t.tax for t in totals), ZERO)
    return Priced(
        found, totals, subtotal, tax_total, sum((line.discount for line in found), ZERO), subtotal + tax_total
    )


def counted(sale_id: UUID, payments: Sequence[SalePayment], total: Decimal, currency: str) -> list[Counted]:
    """What each payment counts for. Refuses too little, and too much of anything but cash."""
    if not payments:
        raise Invalid.field("payments", "a sale at the till is paid at once")
    owed, found = total, []
    for at, payment in enumerate(payments):
        if payment.method is PaymentMethod.on_account:
            raise Invalid.field(f"payments[{at}].method", "the till takes no sales on account")
        tendered = owed if payment.amount is None else rounded(payment.amount, currency)
        amount = min(tendered, owed)
        if tendered > owed and payment.method is not PaymentMethod.cash:
            raise Invalid.field(
                f"payments[{at}].amount", "is more than the {owed} that is owed", owed=format(owed, "f")
            )
        owed -= amount
        found.append(
            Counted(derived_id(sale_id, f"payment:{at}"), payment.method, amount, tendered, payment.transaction_id)
        )
    if owed > 0:
        raise Invalid.field("payments", "{owed} is not paid", owed=format(owed, "f"))
    return found


class Cards(msgspec.Struct, frozen=True):
    """The variants that sales may name, to be found by either name."""

    by_sku: dict[str, VariantCard]
    by_id: dict[UUID, VariantCard]

    @classmethod
    def of(cls, cards: Sequence[VariantCard]) -> Cards:
        return cls({card.sku: card for card in cards}, {card.variant_id: card for card in cards})


def match_cards(lines: Sequence[SaleLine], known: Cards) -> list[VariantCard]:
    """The variant of each line; refuses with every line whose product is unknown or no longer sold."""
    found: list[VariantCard] = []
    wrong: list[dict[str, Any]] = []
    for at, line in enumerate(lines):
        card = known.by_id.get(line.variant_id) if line.variant_id is not None else known.by_sku.get(line.sku or "")
        name = "variant_id" if line.variant_id is not None else "sku"
        if card is None:
            wrong.append({"field": f"lines[{at}].{name}", "problem": "there is no such product"})
        elif not card.active:
            wrong.append({"field": f"lines[{at}].{name}", "problem": "this product is no longer sold"})
        else:
            found.append(card)
    if wrong:
        raise Invalid("some lines name no product that is sold", fields=wrong)
    return found
