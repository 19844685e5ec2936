"""What the books do when others tell something. Every reaction takes batches and posts once per source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

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
Drawer = ShiftOpened | CashMoved | ShiftClosed

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
    ways = await _ways(ctx, events)
    drafts = []
    async for event in in_turns(events):
        if not isinstance(event, OrderCompleted):
            drafts.append(_goods(ways[event.entity_id], event))
        elif event.channel == "pos":
            drafts.append(_sale(ways[event.entity_id], event))
    await posting.post_many(ctx, drafts)


class Ways(NamedTuple):
    """How the books of a business entity are kept: which account plays which part, where its days begin, and in what."""

    part: dict[str, str]
    zone: ZoneInfo
    currency: str

    def day(self, at: datetime) -> date:
        """The day on which something happened where the business entity is."""
        return at.astimezone(self.zone).date()


async def _ways(ctx: Ctx, events: Sequence[OrderCompleted | Movement | Drawer]) -> dict[UUID, Ways]:
    """Asked once for a batch, of each business entity in it."""
    return {entity_id: await _ways_of(ctx, entity_id) for entity_id in {event.entity_id for event in events}}


async def _ways_of(ctx: Ctx, entity_id: UUID) -> Ways:
    settings = ctx.house.settings
    given: dict[str, str] = await settings.value(ctx, "accounting.parts", entity_id=entity_id)
    entity = await ctx.recall(("entity", entity_id), lambda: ctx.of(Identity).entity(entity_id))
    return Ways({**PARTS, **given}, await settings.zone(ctx, entity_id=entity_id), entity.currency)


def _sale(ways: Ways, event: OrderCompleted) -> Draft:
    """A sale at the till: money in, revenue and tax out, split (C4, C5)."""
    part = ways.part
    amounts = [(part[payment.method], payment.amount) for payment in event.payments]
    amounts += [(part["revenue"], -event.subtotal), (part["tax_payable"], -event.tax_total)]
    return Draft(
        entity_id=event.entity_id,
        date=ways.day(event.placed_at),
        kind="system",
        description=event.number,
        currency=event.currency,
        lines=sides(amounts),
        reference_type="order",
        reference_id=event.order_id,
        source_key=f"sale:{event.order_id}",
    )


def _goods(ways: Ways, event: Movement) -> Draft:
    """A movement at its value; one that is worth nothing has no lines and is not posted."""
    what, debit, credit = GOODS[type(event)]
    value = sum((line.value for line in event.lines), Decimal(0))
    return Draft(
        entity_id=event.entity_id,
        date=ways.day(event.at),
        kind="system",
        description=what,
        currency=ways.currency,
        lines=sides([(ways.part[debit], value), (ways.part[credit], -value)]),
        reference_type="stock",
        reference_id=event.reference,
        source_key=f"{what}:{event.movement_id}",
    )


@on(ShiftOpened, CashMoved, ShiftClosed)
async def keep_drawers(ctx: Ctx, events: list[Drawer]) -> None:
    """Cash that goes into the drawer of a till or out of it other than by selling, and what is over or short when it
    is counted."""
    ways = await _ways(ctx, events)
    drafts = [_cash(ways[event.entity_id], event) for event in events]
    if any(draft.lines for draft in drafts):
        await charting.start_chart(ctx)  # a tenant of long ago lacks the newer accounts
    await posting.post_many(ctx, drafts)


def _cash(ways: Ways, event: Drawer) -> Draft:
    """What comes from other accounts stands against the cash in the drawer; nothing moved is not posted."""
    key, words, amounts = _moved(event)
    against = [(ways.part[name], amount) for name, amount in amounts.items()]
    return Draft(
        entity_id=event.entity_id,
        date=ways.day(event.at),
        kind="system",
        description=f"{event.terminal_id}: {words}"[:500],
        currency=event.currency,
        lines=sides([(ways.part["cash"], -sum(amounts.values(), Decimal(0))), *against]),
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
