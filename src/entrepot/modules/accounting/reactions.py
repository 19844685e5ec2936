"""What the books do when others tell something. Every reaction takes batches and posts once per source."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import on
from entrepot.modules.accounting.commands import charting, posting
from entrepot.modules.accounting.rules import PARTS, Draft, DraftLine, sides
from entrepot.modules.identity.contract import Identity
from entrepot.modules.identity.events import EntityCreated
from entrepot.modules.inventory.events import Moved, StockAdjusted, StockConsumed, StockReceived, StockReturned
from entrepot.modules.orders.events import OrderCompleted


@on(EntityCreated)
async def give_starting_chart(ctx: Ctx, event: EntityCreated) -> None:
    """A business entity can be booked on from the start."""
    await charting.start_chart(ctx)


@on(OrderCompleted)
async def post_sales(ctx: Ctx, events: list[OrderCompleted]) -> None:
    """A sale at the till: money in, revenue and tax out, split (C4, C5)."""
    part = await _parts(ctx)
    zone = await ctx.house.settings.zone(ctx)
    drafts = []
    for event in events:
        if event.channel != "pos":
            continue
        amounts = [(part[payment.method], payment.amount) for payment in event.payments]
        amounts += [(part["revenue"], -event.subtotal), (part["tax_payable"], -event.tax_total)]
        drafts.append(
            Draft(
                entity_id=event.entity_id,
                date=event.placed_at.astimezone(zone).date(),
                kind="system",
                description=f"{event.number}",
                currency=event.currency,
                lines=sides(amounts),
                reference_type="order",
                reference_id=event.order_id,
                source_key=f"sale:{event.order_id}",
            )
        )
    await posting.post_many(ctx, drafts)


@on(StockConsumed)
async def post_cost_of_goods(ctx: Ctx, events: list[StockConsumed]) -> None:
    """Goods that leave: cost of goods sold against inventory (C5)."""
    part = await _parts(ctx)
    await _post_goods(
        ctx,
        "cost",
        [(e.movement_id, e.reference, e.entity_id, e.at, e.lines) for e in events],
        part["cogs"],
        part["inventory"],
    )


@on(StockReturned)
async def post_goods_back(ctx: Ctx, events: list[StockReturned]) -> None:
    """Goods that come back undo their cost."""
    part = await _parts(ctx)
    await _post_goods(
        ctx,
        "cost-back",
        [(e.movement_id, e.reference, e.entity_id, e.at, e.lines) for e in events],
        part["inventory"],
        part["cogs"],
    )


@on(StockReceived)
async def post_receipts(ctx: Ctx, events: list[StockReceived]) -> None:
    """Goods that come in: inventory against goods received not invoiced (C6)."""
    part = await _parts(ctx)
    await _post_goods(
        ctx,
        "receipt",
        [(e.movement_id, e.reference, e.entity_id, e.at, e.lines) for e in events],
        part["inventory"],
        part["received_not_invoiced"],
    )


@on(StockAdjusted)
async def post_adjustments(ctx: Ctx, events: list[StockAdjusted]) -> None:
    """Corrections: inventory against stock differences."""
    part = await _parts(ctx)
    await _post_goods(
        ctx,
        "adjustment",
        [(e.movement_id, e.reference, e.entity_id, e.at, e.lines) for e in events],
        part["inventory"],
        part["stock_difference"],
    )


async def _post_goods(
    ctx: Ctx, what: str, movements: list[tuple[UUID, UUID, UUID, datetime, list[Moved]]], debit: str, credit: str
) -> None:
    """One entry per movement, with its value; a movement worth nothing posts nothing."""
    currencies = {entity.id: entity.currency for entity in await ctx.of(Identity).entities()}
    zone = await ctx.house.settings.zone(ctx)
    drafts = []
    for movement_id, reference, entity_id, at, moved in movements:
        value = sum((line.value for line in moved), Decimal(0))
        lines: list[DraftLine] = sides([(debit, value), (credit, -value)])
        drafts.append(
            Draft(
                entity_id=entity_id,
                date=at.astimezone(zone).date(),
                kind="system",
                description=what,
                currency=currencies.get(entity_id, "EUR"),
                lines=lines,
                reference_type="stock",
                reference_id=reference,
                source_key=f"{what}:{movement_id}",
            )
        )
    await posting.post_many(ctx, drafts)


async def _parts(ctx: Ctx) -> dict[str, str]:
    """Which account plays which part here."""
    given: dict[str, str] = await ctx.house.settings.value(ctx, "accounting.parts")
    return {**PARTS, **given}
