"""Writes of payments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.modules.payments.contract import Tender
from entrepot.modules.payments.events import PaymentVoided
from entrepot.modules.payments.tables import Confirmation, Payment

EXPIRES = timedelta(hours=1)
LOOKED_BACK = timedelta(days=7)


async def take(ctx: Ctx, batch: UUID, tenders: list[Tender]) -> None:
    """Record money taken at tills. Who sells tells the sale, with its payments, to the ledger; so nothing is told here."""
    await ctx.add_later(
        Payment,
        [
            {
                "id": tender.id,
                "reference_type": tender.reference_type,
                "reference_id": tender.reference,
                "method": tender.method.value,
                "amount": tender.amount,
                "tendered": tender.tendered,
                "currency": tender.currency,
                "terminal_id": tender.terminal_id,
                "transaction_id": tender.transaction_id,
            }
            for tender in tenders
        ],
        alike={"entity_id": ctx.entity_id, "state": "confirmed", "provisional": bool(ctx.house.topology.far)},
        skip_conflicts=True,
    )


async def give_back(ctx: Ctx, batch: UUID) -> None:
    """Void what was recorded for a reference."""
    rows = await ctx.connection.fetch(
        "UPDATE payments.payment SET state = 'voided', version = version + 1, updated_at = $2 "
        "WHERE reference_id = $1 AND state = 'confirmed' RETURNING id, reference_type, method, amount, currency",
        batch,
        ctx.now,
    )
    for row in rows:
        ctx.emit(
            PaymentVoided(
                payment_id=row["id"],
                reference_type=row["reference_type"],
                reference_id=batch,
                method=row["method"],
                amount=row["amount"],
                currency=row["currency"],
            )
        )


async def confirm(ctx: Ctx, references: Sequence[UUID]) -> None:
    """Make the payments of these references firm: the sale they were for has happened."""
    await ctx.add_many(
        Confirmation, [{"reference": reference, "at": ctx.now} for reference in references], skip_conflicts=True
    )
    await ctx.run(
        "UPDATE payments.payment SET state = 'confirmed', version = version + 1, updated_at = $2 "
        "WHERE reference_id = ANY($1) AND state = 'voided' AND failed_reason = 'unconfirmed'",
        list(references),
        ctx.now,
    )


async def void_unconfirmed(ctx: Ctx) -> None:
    """Void what was recorded an hour ago for a sale that never happened. With every module in one process there is no
    such thing, because a sale and its payments are one transaction."""
    if ctx.house.topology.far:
        await ctx.run(_VOID_UNCONFIRMED, ctx.now - LOOKED_BACK, ctx.now - EXPIRES, ctx.now)


_VOID_UNCONFIRMED = """
UPDATE payments.payment p SET state = 'voided', failed_reason = 'unconfirmed', version = version + 1, updated_at = $3
WHERE p.provisional AND p.state = 'confirmed' AND p.created_at BETWEEN $1 AND $2
  AND NOT EXISTS (SELECT FROM payments.payment_confirmation c WHERE c.reference = p.reference_id)
"""
