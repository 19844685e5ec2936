"""What the books do when others tell something. Every reaction takes batches and posts once per source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import on
from entrepot.modules.accounting.commands import charting, posting
from entrepot.modules.accounting.rules import PARTS, Draft, sides
from entrepot.modules.identity.contract import Identity
from entrepot.modules.identity.events import EntityCreated
from entrepot.modules.inventory.events import StockAdjusted, StockConsumed, StockReceived, StockReturned
from entrepot.modules.orders.events import OrderCompleted


@on(EntityCreated)
async def give_starting_chart(ctx: Ctx, event: EntityCreated) -> None:
    """A business entity can be booked on from the start."""
    await charting.start_chart(ctx)


@on(OrderCompleted)
async def post_sales(ctx: Ctx, events: list[OrderCompleted]) -> None:
    """A sale at the till: money in, revenue and tax out, split (C4, C5)."""
    drafts = []
    for event in events:
        if event.channel != "pos":
            continue
        part = await _parts(ctx, event.entity_id)
        amounts = [(part[payment.method], payment.amount) for payment in event.payments]
        amounts += [(part["revenue"], -event.subtotal), (part["tax_payable"], -event.tax_total)]
        drafts.append(
            Draft(
                entity_id=event.entity_id,
                date=await _day(ctx, event.entity_id, event.placed_at),
                kind="system",
                description=event.number,
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
    await _post_goods(ctx, "cost", events, debit="cogs", credit="inventory")


@on(StockReturned)
async def post_goods_back(ctx: Ctx, events: list[StockReturned]) -> None:
    """Goods that come back undo their cost."""
    await _post_goods(ctx, "cost-back", events, debit="inventory", credit="cogs")


@on(StockReceived)
async def post_receipts(ctx: Ctx, events: list[StockReceived]) -> None:
    """Goods that come in: inventory against goods received not invoiced (C6)."""
    await _post_goods(ctx, "receipt", events, debit="inventory", credit="received_not_invoiced")


@on(StockAdjusted)
async def post_adjustments(ctx: Ctx, events: list[StockAdjusted]) -> None:
    """Corrections: inventory against stock differences."""
    await _post_goods(ctx, "adjustment", events, debit="inventory", credit="stock_difference")


Movement = StockConsumed | StockReturned | StockReceived | StockAdjusted


async def _post_goods(ctx: Ctx, what: str, events: Sequence[Movement], *, debit: str, credit: str) -> None:
    """One entry per movement, with its value; a movement worth nothing posts nothing. A batch may hold movements of
    several business entities, each with its own accounts, currency and days."""
    drafts = []
    for event in events:
        part = await _parts(ctx, event.entity_id)
        value = sum((line.value for line in event.lines), Decimal(0))
        drafts.append(
            Draft(
                entity_id=event.entity_id,
                date=await _day(ctx, event.entity_id, event.at),
                kind="system",
                description=what,
                currency=await _currency(ctx, event.entity_id),
                lines=sides([(part[debit], value), (part[credit], -value)]),
                reference_type="stock",
                reference_id=event.reference,
                source_key=f"{what}:{event.movement_id}",
            )
        )
    await posting.post_many(ctx, drafts)


async def _parts(ctx: Ctx, entity_id: UUID) -> dict[str, str]:
    """Which account plays which part in the books of a business entity."""
    given: dict[str, str] = await ctx.house.settings.value(ctx, "accounting.parts", entity_id=entity_id)
    return {**PARTS, **given}


async def _day(ctx: Ctx, entity_id: UUID, at: datetime) -> date:
    """The day on which something happened where the business entity is."""
    return at.astimezone(await ctx.house.settings.zone(ctx, entity_id=entity_id)).date()


async def _currency(ctx: Ctx, entity_id: UUID) -> str:
    return (await ctx.recall(("entity", entity_id), lambda: ctx.of(Identity).entity(entity_id))).currency
