"""Reads of payments."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.modules.payments.contract import MethodTotal, Paid
from entrepot.modules.payments.tables import Payment
from entrepot.pure.money import Money


class PaymentShown(msgspec.Struct, frozen=True):
    id: UUID
    entity_id: UUID
    reference_type: str
    reference_id: UUID
    method: str
    amount: Money
    tendered: Money
    currency: str
    state: str
    transaction_id: str | None
    failed_reason: str | None
    terminal_id: str | None
    created_at: datetime
    version: int


PAYMENTS = Listing(
    name="payments",
    view=view(PaymentShown, Payment),
    needs="payments.view",
    search=[Payment.method, Payment.transaction_id],
    sort="-created_at",
)


@command(needs="payments.view")
async def get_payment(ctx: Ctx, payment_id: UUID) -> PaymentShown:
    """One payment."""
    return await ctx.one(view(PaymentShown, Payment).where(Payment.id == payment_id))


async def paid(ctx: Ctx, references: list[UUID]) -> list[Paid]:
    return await ctx.rows(
        Paid,
        "SELECT id, reference_id, method, amount, tendered, currency, state FROM payments.payment "
        "WHERE reference_id = ANY($1) ORDER BY created_at, id",
        references,
    )


async def totals(ctx: Ctx, references: list[UUID]) -> list[MethodTotal]:
    return await ctx.rows(MethodTotal, _TOTALS, references)


_TOTALS = """
SELECT method, count(*), coalesce(sum(amount) FILTER (WHERE amount >= 0), 0.00),
       coalesce(sum(tendered - amount), 0.00), coalesce(-sum(amount) FILTER (WHERE amount < 0), 0.00), sum(amount)
FROM payments.payment WHERE reference_id = ANY($1) AND state = 'confirmed' GROUP BY method ORDER BY method
"""
