"""Goods that come in, move between warehouses, are counted or corrected."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.catalog.contract import Catalog
from entrepot.modules.inventory import rules
from entrepot.modules.inventory.commands.taking import _HOLD, _MAKE_LEVELS, not_enough
from entrepot.modules.inventory.contract import Available, Cost, Want
from entrepot.modules.inventory.events import Moved, StockAdjusted, StockCounted, StockReceived, StockTransferred
from entrepot.modules.inventory.queries import ShortageShown, default_warehouse, get_warehouse, owner_of
from entrepot.modules.inventory.tables import Shortage, StockCount, StockMove, Warehouse
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.ids import new_id
from entrepot.pure.money import NonNegativeMoney
from entrepot.pure.quantities import NonNegativeQuantity, Quantity


@command(needs="stock.edit")
async def create_warehouse(ctx: Ctx, code: str, name: str, address: str = "", standard: bool = False) -> UUID:
    """A place with stock, of the business entity in use."""
    if not code.strip() or len(code) > 30:
        raise Invalid.field("code", "must be 1 to 30 characters")
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    return await open_warehouse(ctx, code, name, address, standard)


async def open_warehouse(ctx: Ctx, code: str, name: str, address: str = "", standard: bool = False) -> UUID:
    ctx.forget()
    return await ctx.add(Warehouse, code=code, name=name, address=address, standard=standard, entity_id=ctx.entity_id)


async def receive(ctx: Ctx, reference: UUID, warehouse_id: UUID, goods: list[Cost], at: datetime | None = None) -> None:
    """Take goods in at what they cost; telling twice takes in once."""
    if await ctx.value(
        "SELECT 1 FROM inventory.stock_ledger WHERE reference = $1 AND kind = 'receipt' LIMIT 1", reference
    ):
        return
    await enter(ctx, reference, warehouse_id, "receipt", "", [(c.sku, c.quantity, c.value) for c in goods], at)
    ctx.emit(
        StockReceived(
            movement_id=new_id(),
            at=at or ctx.now,
            reference=reference,
            warehouse_id=warehouse_id,
            entity_id=await owner_of(ctx, warehouse_id),
            lines=[Moved(c.sku, c.quantity, c.value) for c in goods],
        )
    )


@command(needs="stock.edit")
async def adjust_stock(
    ctx: Ctx,
    sku: str,
    quantity: Quantity,
    reason: str,
    warehouse_id: UUID | None = None,
    unit_cost: NonNegativeMoney | None = None,
) -> UUID:
    """Correct a level by so many (negative takes away), with the reason. What is added is worth `unit_cost`, or what
    the goods there are worth. Refuses to go below what is there."""
    rules.must_say_why(reason)
    if quantity == 0:
        raise Invalid.field("quantity", "must not be zero")
    sku = await known_sku(ctx, sku)
    warehouse_id = warehouse_id or await default_warehouse(ctx, ctx.entity_id)
    await get_warehouse(ctx, warehouse_id)
    reference = new_id()
    level = await _hold_one(ctx, warehouse_id, sku)
    if quantity > 0:
        value = rules.cents(quantity * (unit_cost if unit_cost is not None else level.unit_cost))
    else:
        if level.available < -quantity:
            raise not_enough([Available(sku, *rules.state(level))], [Want(sku, -quantity)])
        value = -level.issue(-quantity)
    await enter(ctx, reference, warehouse_id, "adjustment", reason, [(sku, quantity, value)])
    ctx.emit(
        StockAdjusted(
            movement_id=new_id(),
            at=ctx.now,
            reference=reference,
            warehouse_id=warehouse_id,
            entity_id=await owner_of(ctx, warehouse_id),
            lines=[Moved(sku, quantity, value)],
            reason=reason,
        )
    )
    return reference


@command(needs="stock.edit")
async def count_stock(ctx: Ctx, sku: str, counted: NonNegativeQuantity, warehouse_id: UUID | None = None) -> UUID:
    """Enter what was counted; the difference with the ledger is corrected at once."""
    sku = await known_sku(ctx, sku)
    warehouse_id = warehouse_id or await default_warehouse(ctx, ctx.entity_id)
    await get_warehouse(ctx, warehouse_id)
    level = await _hold_one(ctx, warehouse_id, sku)
    expected, difference = level.on_hand, counted - level.on_hand
    count_id = await ctx.add(StockCount, warehouse_id=warehouse_id, sku=sku, expected=expected, counted=counted)
    if difference:
        value = rules.cents(difference * level.unit_cost) if difference > 0 else -level.issue(-difference)
        await enter(ctx, count_id, warehouse_id, "count", "", [(sku, difference, value)])
        ctx.emit(
            StockAdjusted(
                movement_id=new_id(),
                at=ctx.now,
                reference=count_id,
                warehouse_id=warehouse_id,
                entity_id=await owner_of(ctx, warehouse_id),
                lines=[Moved(sku, difference, value)],
                reason="count",
            )
        )
    ctx.emit(StockCounted(reference=count_id, warehouse_id=warehouse_id, sku=sku, expected=expected, counted=counted))
    return count_id


@command(needs="stock.edit")
async def transfer_stock(
    ctx: Ctx, from_warehouse_id: UUID, to_warehouse_id: UUID, lines: list[Want], reason: str = ""
) -> UUID:
    """Move goods with their value from one warehouse to another, all or nothing."""
    if from_warehouse_id == to_warehouse_id:
        raise Invalid.field("to_warehouse_id", "must be another warehouse")
    if not lines:
        raise Invalid.field("lines", "needs at least one line")
    await get_warehouse(ctx, from_warehouse_id)
    await get_warehouse(ctx, to_warehouse_id)
    wants = rules.merged(lines)
    skus = [want.sku for want in wants]
    for warehouse_id in sorted((from_warehouse_id, to_warehouse_id)):
        await ctx.run(_MAKE_LEVELS, warehouse_id, skus, [new_id() for _ in skus], ctx.now)
        await ctx.run(_HOLD, warehouse_id, skus)
    reference = new_id()
    moved: list[tuple[str, Decimal, Decimal]] = []
    missing: list[Available] = []
    for want in wants:
        level = await _hold_one(ctx, from_warehouse_id, want.sku)
        if level.available < want.quantity:
            missing.append(Available(want.sku, *rules.state(level)))
        else:
            moved.append((want.sku, want.quantity, level.issue(want.quantity)))
    if missing:
        raise not_enough(missing, wants)
    await enter(ctx, reference, from_warehouse_id, "transfer", reason, [(s, -q, -v) for s, q, v in moved])
    await enter(ctx, reference, to_warehouse_id, "transfer", reason, moved)
    ctx.emit(
        StockTransferred(
            reference=reference,
            from_warehouse_id=from_warehouse_id,
            to_warehouse_id=to_warehouse_id,
            lines=[Moved(*line) for line in moved],
        )
    )
    return reference


@command(needs="stock.edit")
async def set_low_threshold(
    ctx: Ctx, sku: str, low_at: NonNegativeQuantity | None, warehouse_id: UUID | None = None
) -> None:
    """The level at which to be warned; `null` never warns."""
    sku = await known_sku(ctx, sku)
    warehouse_id = warehouse_id or await default_warehouse(ctx, ctx.entity_id)
    await get_warehouse(ctx, warehouse_id)
    await _hold_one(ctx, warehouse_id, sku)
    await ctx.run(
        "UPDATE inventory.stock_level SET low_at = $3 WHERE warehouse_id = $1 AND sku = $2", warehouse_id, sku, low_at
    )


@command(needs="stock.edit")
async def resolve_shortage(ctx: Ctx, shortage_id: UUID, resolution: str) -> None:
    """Say how a sale of goods that were not there was made good."""
    shortage = await ctx.hold(view(ShortageShown, Shortage).where(Shortage.id == shortage_id))
    if shortage.resolved_at is not None:
        raise Conflict("this shortage is resolved already")
    await ctx.change(Shortage, shortage_id, resolved_at=ctx.now, resolution=rules.must_say_why(resolution))


async def start_at_zero(ctx: Ctx, skus: list[str]) -> None:
    """A level of zero in every warehouse for new goods."""
    await ctx.run(_ZEROS, skus, ctx.now)


async def known_sku(ctx: Ctx, sku: str) -> str:
    """The SKU as the catalogue knows it; refuses what it does not know or does not count."""
    cards = await ctx.of(Catalog).variants([sku], [])
    if not cards:
        raise Invalid.field("sku", "there is no product with SKU {sku}", sku=sku)
    if cards[0].kind != "stocked":
        raise Invalid.field("sku", "{sku} is not counted in stock", sku=sku)
    return cards[0].sku


async def _hold_one(ctx: Ctx, warehouse_id: UUID, sku: str) -> rules.Level:
    await ctx.run(_MAKE_LEVELS, warehouse_id, [sku], [new_id()], ctx.now)
    row = (await ctx.connection.fetch(_HOLD, warehouse_id, [sku]))[0]
    return rules.Level(row["sku"], row["on_hand"], row["reserved"], row["value"], row["unit_cost"])


async def enter(
    ctx: Ctx,
    reference: UUID,
    warehouse_id: UUID,
    kind: str,
    reason: str,
    lines: list[tuple[str, Decimal, Decimal]],
    at: datetime | None = None,
) -> None:
    """Ledger lines and the levels they change, together."""
    merged: dict[str, tuple[Decimal, Decimal]] = {}
    for sku, quantity, value in lines:
        before = merged.get(sku, (Decimal(0), Decimal(0)))
        merged[sku] = (before[0] + quantity, before[1] + value)
    skus = sorted(merged)
    await ctx.run(_MAKE_LEVELS, warehouse_id, skus, [new_id() for _ in skus], ctx.now)
    await ctx.run(_HOLD, warehouse_id, skus)
    await ctx.run(_ENTER, warehouse_id, skus, [merged[s][0] for s in skus], [merged[s][1] for s in skus], ctx.now)
    rows: list[dict[str, Any]] = [
        {
            "at": at or ctx.now,
            "warehouse_id": warehouse_id,
            "sku": sku,
            "quantity": quantity,
            "unit_cost": rules.each(value, quantity) if quantity else rules.ZERO,
            "value": value,
            "kind": kind,
            "reference": reference,
            "reason": reason,
            "actor": ctx.actor.id,
        }
        for sku, quantity, value in lines
    ]
    await ctx.add_many(StockMove, rows)


# `rules.Level.enter` for many levels at once; `tests/journeys/test_plain_rules.py` holds both to the same.
_ENTER = """
UPDATE inventory.stock_level l SET on_hand = l.on_hand + u.quantity, value = l.value + u.value, updated_at = $5,
    unit_cost = CASE WHEN u.quantity > 0 AND l.on_hand + u.quantity > 0
                     THEN round((l.value + u.value) / (l.on_hand + u.quantity), 6) ELSE l.unit_cost END
FROM unnest($2::text[], $3::numeric[], $4::numeric[]) AS u(sku, quantity, value)
WHERE l.warehouse_id = $1 AND l.sku = u.sku
"""
_ZEROS = """
INSERT INTO inventory.stock_level (id, warehouse_id, sku, updated_at)
SELECT gen_random_uuid(), w.id, u.sku, $2 FROM inventory.warehouse w CROSS JOIN unnest($1::text[]) AS u(sku)
ON CONFLICT DO NOTHING
"""
