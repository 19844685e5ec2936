"""Reads of payments."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.kernel.obstacles import MOST, Obstacle
from entrepot.modules.payments.contract import MethodTotal, Paid
from entrepot.modules.payments.tables import Payment
from entrepot.pure.money import Money
from entrepot.pure.said import says


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


async def failed(ctx: Ctx, order_id: UUID | None) -> list[Obstacle]:
    """Payments of orders that did not go through and that no later payment made good."""
    rows = await ctx.connection.fetch(_FAILED, order_id, MOST)
    return [
        Obstacle(
            entity="order",
            entity_id=row["reference_id"],
            reason=says(
                "the payment of {amount} {currency} by {method} did not go through: {why}",
                amount=row["amount"],
                currency=row["currency"],
                method=row["method"],
                why=row["failed_reason"] or row["state"],
            ),
            since=row["updated_at"],
            button="Look at the payment",
            path=f"/payments/{row['id']}",
            needs="payments.view",
        )
        for row in rows
    ]


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

# Of the index of what is not confirmed; what was voided because its sale never happened is in nobody's way.
_FAILED = """
SELECT p.id, p.reference_id, p.amount, p.currency, p.method, p.state, p.failed_reason, p.updated_at
FROM payments.payment p
WHERE p.state = 'failed' AND p.reference_type = 'order' AND ($1::uuid IS NULL OR p.reference_id = $1)
  AND NOT EXISTS (SELECT FROM payments.payment later WHERE later.tenant_id = p.tenant_id
                  AND later.reference_id = p.reference_id AND later.state = 'confirmed'
                  AND later.created_at > p.created_at)
ORDER BY p.created_at LIMIT $2
"""
