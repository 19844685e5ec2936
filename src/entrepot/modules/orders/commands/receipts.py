"""Receipts of sales at the till."""

from __future__ import annotations

from uuid import UUID

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.documents.contract import DocumentCard, Documents, ReceiptData, ReceiptLine, ReceiptTax
from entrepot.modules.identity.contract import Identity
from entrepot.modules.orders.queries.orders import get_pos_order
from entrepot.modules.orders.tables import ReceiptDocument
from entrepot.pure.errors import NotFound


@command(needs="pos.sell")
async def print_receipt(ctx: Ctx, order_id: UUID) -> DocumentCard:
    """The receipt of a sale as PDF, made once and then found again."""
    order = await get_pos_order(ctx, order_id)
    known = await ctx.value("SELECT document_id FROM orders.receipt WHERE order_id = $1", order_id)
    if known is not None:
        try:
            return await ctx.of(Documents).card(known)
        except NotFound:
            await ctx.run("DELETE FROM orders.receipt WHERE order_id = $1", order_id)
    entity = await ctx.of(Identity).entity(order.entity_id)
    locale = await ctx.house.settings.value(ctx, "platform.locale", entity_id=order.entity_id)
    card = await ctx.of(Documents).receipt(
        order_id,
        ReceiptData(
            seller=entity.legal_name,
            address=entity.address,
            vat_number=entity.vat_number,
            number=order.number,
            placed_at=order.placed_at,
            timezone=await ctx.house.settings.value(ctx, "platform.timezone"),
            currency=order.currency,
            locale=locale,
            cashier=order.cashier_id or "",
            terminal=order.terminal_id or "",
            lines=[
                ReceiptLine(line.name, line.quantity, line.unit_price, line.discount, line.gross)
                for line in order.lines
            ],
            taxes=[ReceiptTax(t.rate, t.net, t.tax) for t in order.taxes],
            subtotal=order.subtotal,
            tax_total=order.tax_total,
            total=order.total,
            payments=[(p.method, p.tendered) for p in order.payments],
            change=order.change,
        ),
    )
    await ctx.add_many(
        ReceiptDocument,
        [{"order_id": order_id, "document_id": card.id, "made_at": ctx.now}],
        skip_conflicts=True,
    )
    return card
