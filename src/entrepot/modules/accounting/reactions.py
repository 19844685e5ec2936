"""What the books do when others tell something. Every reaction takes batches and posts once per source."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import on
from entrepot.kernel.turns import in_turns
from entrepot.modules.accounting.commands import charting, posting
from entrepot.modules.accounting.rules import PARTS, Draft, sides
from entrepot.modules.identity.contract import Identity
from entrepot.modules.identity.events import EntityCreated
from entrepot.modules.inventory.events import StockAdjusted, StockConsumed, StockReceived, StockReturned
from entrepot.modules.orders.events import CashMoved, OrderCompleted, ShiftClosed, ShiftOpened


@on(EntityCreated)
async def give_starting_chart(ctx: Ctx, event: EntityCreated) -> None:
    """A business entity can be booked on from the start."""
    await charting.start_chart(ctx)


Movement = StockConsumed | StockReturned | StockReceived | StockAdjusted

GOODS: dict[type[Movement], tuple[str, str, str]] = {
    # what happened: the key of its entry, the part that is debited, the part that is credited
    StockConsumed: ("cost", "cogs", "inventory"),  # goods that leave (C5)
    StockReturned: ("cost-back", "inventory", "cogs"),  # goods that come back undo their cost
    StockReceived: ("receipt", "inventory", "received_not_invoiced"),  # goods that come in (C6)
    StockAdjusted: ("adjustment", "inventory", "stock_difference"),
}


@on(OrderCompleted, StockConsumed, StockReturned, StockReceived, StockAdjusted, at_once=True)
async def keep_books(ctx: Ctx, events: list[OrderCompleted | Movement]) -> None:
    """What moved money or goods becomes an entry each, all those of a batch with the same few statements."""
    drafts = []
    async for event in in_turns(events):
        if not isinstance(event, OrderCompleted):
            drafts.append(await _goods(ctx, event))
        elif event.channel == "pos":
            drafts.append(await _sale(ctx, event))
    await posting.post_many(ctx, drafts)


async def _sale(ctx: Ctx, event: OrderCompleted) -> Draft:
    """A sale at the till: money in, revenue and tax out, split (C4, C5)."""
    part = await _parts(ctx, event.entity_id)
    amounts = [(part[payment.method], payment.amount) for payment in event.payments]
    amounts += [(part["revenue"], -event.subtotal), (part["tax_payable"], -event.tax_total)]
    return Draft(
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


async def _goods(ctx: Ctx, event: Movement) -> Draft:
    """A movement at its value; one that is worth nothing has no lines and is not posted."""
    what, debit, credit = GOODS[type(event)]
    part = await _parts(ctx, event.entity_id)
    value = sum((line.value for line in event.lines), Decimal(0))
    return Draft(
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


Drawer = ShiftOpened | CashMoved | ShiftClosed


@on(ShiftOpened, CashMoved, ShiftClosed)
async def keep_drawers(ctx: Ctx, events: list[Drawer]) -> None:
    """Cash that goes into the drawer of a till or out of it other than by selling, and what is over or short when it
    is counted."""
    drafts = [await _cash(ctx, event) for event in events]
    if any(draft.lines for draft in drafts):
        await charting.start_chart(ctx)  # a tenant of long ago lacks the newer accounts
    await posting.post_many(ctx, drafts)


async def _cash(ctx: Ctx, event: Drawer) -> Draft:
    """What comes from other accounts stands against the cash in the drawer; nothing moved is not posted."""
    key, words, amounts = _moved(event)
    part = await _parts(ctx, event.entity_id)
    against = [(part[name], amount) for name, amount in amounts.items()]
    return Draft(
        entity_id=event.entity_id,
        date=await _day(ctx, event.entity_id, event.at),
        kind="system",
        description=f"{event.terminal_id}: {words}"[:500],
        currency=event.currency,
        lines=sides([(part["cash"], -sum(amounts.values(), Decimal(0))), *against]),
        reference_type="shift",
        reference_id=event.shift_id,
        source_key=key,
    )


def _moved(event: Drawer) -> tuple[str, str, dict[str, Decimal]]:
    """The key of its entry, its words, and by part what is debited (credited, when negative) against cash."""
    match event:
        case ShiftOpened():
            # What is in the drawer beyond what was left in it came from the safe or bank, or went there.
            return f"shift-open:{event.shift_id}", "Float", {"cash_transfer": -event.brought}
        case CashMoved():
            amount = event.amount if event.kind == "pay_out" else -event.amount
            return f"till-cash:{event.movement_id}", event.reason, {f"cash_{event.purpose}": amount}
        case ShiftClosed():
            taken = event.counted - event.closing_float
            parts = {"cash_difference": -event.difference, "cash_transfer": taken}
            return f"shift-close:{event.shift_id}", event.number, parts


async def _parts(ctx: Ctx, entity_id: UUID) -> dict[str, str]:
    """Which account plays which part in the books of a business entity."""
    given: dict[str, str] = await ctx.house.settings.value(ctx, "accounting.parts", entity_id=entity_id)
    return {**PARTS, **given}


async def _day(ctx: Ctx, entity_id: UUID, at: datetime) -> date:
    """The day on which something happened where the business entity is."""
    return at.astimezone(await ctx.house.settings.zone(ctx, entity_id=entity_id)).date()


async def _currency(ctx: Ctx, entity_id: UUID) -> str:
    return (await ctx.recall(("entity", entity_id), lambda: ctx.of(Identity).entity(entity_id))).currency
