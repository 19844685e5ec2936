"""Writes of payments."""

from __future__ import annotations

from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.modules.payments.contract import Tender
from entrepot.modules.payments.events import PaymentVoided
from entrepot.modules.payments.tables import Payment


async def take(ctx: Ctx, batch: UUID, tenders: list[Tender]) -> None:
    """Record money taken at tills. Who sells tells the sale, with its payments, to the ledger; so nothing is told here."""
    known = {
        row["reference_id"]
        for row in await ctx.connection.fetch(
            "SELECT DISTINCT reference_id FROM payments.payment WHERE reference_id = ANY($1) AND state = 'confirmed'",
            list({tender.reference for tender in tenders}),
        )
    }
    await ctx.add_many(
        Payment,
        [
            {
                "entity_id": ctx.entity_id,
                "reference_type": tender.reference_type,
                "reference_id": tender.reference,
                "method": tender.method.value,
                "amount": tender.amount,
                "tendered": tender.tendered,
                "currency": tender.currency,
                "state": "confirmed",
                "terminal_id": tender.terminal_id,
                "transaction_id": tender.transaction_id,
            }
            for tender in tenders
            if tender.reference not in known
        ],
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
