"""Reads of inventory."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import sqlalchemy as sa

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.kernel.obstacles import MOST, Obstacle
from entrepot.modules.catalog.contract import Catalog
from entrepot.modules.inventory.contract import Available
from entrepot.modules.inventory.tables import Shortage, StockLevel, StockMove, Warehouse
from entrepot.pure.errors import Conflict, Malformed, NotFound
from entrepot.pure.ids import parse_id
from entrepot.pure.money import Money
from entrepot.pure.quantities import Quantity
from entrepot.pure.said import says


class WarehouseShown(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    name: str
    entity_id: UUID
    address: str
    active: bool
    standard: bool
    version: int


class LevelShown(msgspec.Struct, frozen=True):
    """A SKU in a warehouse."""

    id: UUID
    warehouse_id: UUID
    warehouse_code: str
    sku: str
    on_hand: Quantity
    reserved: Quantity
    available: Quantity
    value: Money
    unit_cost: Money
    low_at: Quantity | None
    running_low: bool
    updated_at: datetime


class MoveShown(msgspec.Struct, frozen=True):
    """A line of the stock ledger."""

    id: UUID
    at: datetime
    warehouse_id: UUID
    sku: str
    quantity: Quantity
    unit_cost: Money
    value: Money
    kind: str
    reference: UUID
    reason: str


class StockShown(msgspec.Struct, frozen=True):
    """A SKU over all warehouses."""

    sku: str
    on_hand: Quantity
    reserved: Quantity
    available: Quantity
    warehouses: list[LevelShown]


class ShortageShown(msgspec.Struct, frozen=True):
    id: UUID
    warehouse_id: UUID
    sku: str
    reference: UUID
    missing: Quantity
    created_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    version: int


_levels = view(
    LevelShown,
    StockLevel,
    warehouse_code=Warehouse.code,
    available=StockLevel.on_hand - StockLevel.reserved,
    running_low=sa.func.coalesce(StockLevel.on_hand <= StockLevel.low_at, sa.false()),
).join(Warehouse, Warehouse.id == StockLevel.warehouse_id)

WAREHOUSES = Listing(
    name="warehouses",
    view=view(WarehouseShown, Warehouse),
    needs="stock.view",
    search=[Warehouse.code, Warehouse.name],
    sort="code",
)
LEVELS = Listing(name="stock_levels", view=_levels, needs="stock.view", search=[StockLevel.sku], sort="sku")
MOVES = Listing(
    name="stock_moves", view=view(MoveShown, StockMove), needs="stock.view", search=[StockMove.sku], sort="-id"
)
SHORTAGES = Listing(
    name="stock_shortages",
    view=view(ShortageShown, Shortage),
    needs="stock.view",
    search=[Shortage.sku],
    sort="-created_at",
)


@command(needs="stock.view")
async def get_warehouse(ctx: Ctx, warehouse_id: UUID) -> WarehouseShown:
    """One warehouse."""
    return await ctx.one(view(WarehouseShown, Warehouse).where(Warehouse.id == warehouse_id))


@command(needs="stock.view")
async def get_stock(ctx: Ctx, sku: str) -> StockShown:
    """A SKU (or variant id) over all warehouses."""
    cards = await ctx.of(Catalog).variants([sku], _as_ids(sku))
    if not cards:
        raise NotFound("there is no such {what}", what="product", sku=sku)
    rows = await ctx.all(_levels.where(StockLevel.sku == cards[0].sku).order_by(Warehouse.code))
    zero = Decimal(0)
    return StockShown(
        cards[0].sku,
        sum((r.on_hand for r in rows), zero),
        sum((r.reserved for r in rows), zero),
        sum((r.available for r in rows), zero),
        rows,
    )


@command(needs="stock.view")
async def get_warehouse_stock(ctx: Ctx, warehouse_id: UUID) -> list[LevelShown]:
    """Every SKU in a warehouse."""
    await get_warehouse(ctx, warehouse_id)
    return await ctx.all(_levels.where(StockLevel.warehouse_id == warehouse_id).order_by(StockLevel.sku).limit(10_000))


@command(needs="stock.view")
async def check_availability(ctx: Ctx, skus: list[str], warehouse_id: UUID | None = None) -> list[Available]:
    """What can be had now."""
    return await available(ctx, warehouse_id or await default_warehouse(ctx, ctx.entity_id), skus[:1000])


async def owner_of(ctx: Ctx, warehouse_id: UUID) -> UUID:
    """The business entity whose goods a warehouse holds, and in whose books they move; NotFound for no warehouse."""

    async def ask() -> UUID:
        return (await get_warehouse(ctx, warehouse_id)).entity_id

    return await ctx.recall(("owner", warehouse_id), ask)


async def levels_equal_ledger(ctx: Ctx) -> list[str]:
    """Every level that differs in goods or in value from the sum of its ledger lines; there must never be one."""
    rows = await ctx.connection.fetch(_DIFFERENCES)
    return [
        f"{row['sku']}: level {row['on_hand']} worth {row['value']}, ledger {row['counted']} worth {row['worth']}"
        for row in rows
    ]


async def oversold(ctx: Ctx, order_id: UUID | None) -> list[Obstacle]:
    """Sales of goods that were not there, until somebody says how each was made good."""
    rows = await ctx.connection.fetch(_OVERSOLD, order_id, MOST)
    return [
        Obstacle(
            entity="order",
            entity_id=row["reference"],
            reason=says("{missing} of {sku} were sold that were not there", missing=row["missing"], sku=row["sku"]),
            since=row["created_at"],
            button="Resolve shortage",
            path=f"/stock-shortages/{row['id']}/resolve",
            needs="stock.edit",
        )
        for row in rows
    ]


# ── offered ──


async def available(ctx: Ctx, warehouse_id: UUID, skus: list[str]) -> list[Available]:
    return await ctx.rows(Available, _AVAILABLE, warehouse_id, skus)


async def default_warehouse(ctx: Ctx, entity_id: UUID) -> UUID:
    found = await ctx.value(
        "SELECT id FROM inventory.warehouse WHERE entity_id = $1 AND active ORDER BY standard DESC, code LIMIT 1",
        entity_id,
    )
    if found is None:
        raise Conflict("this business entity has no warehouse yet")
    return found  # type: ignore[no-any-return]


def _as_ids(text: str) -> list[UUID]:
    try:
        return [parse_id(text)]
    except Malformed:
        return []


_AVAILABLE = """
SELECT u.sku, coalesce(l.on_hand - l.reserved, 0), coalesce(l.on_hand, 0), coalesce(l.reserved, 0)
FROM unnest($2::text[]) AS u(sku) LEFT JOIN inventory.stock_level l ON l.warehouse_id = $1 AND l.sku = u.sku
"""

_OVERSOLD = """
SELECT id, sku, reference, missing, created_at FROM inventory.stock_shortage
WHERE resolved_at IS NULL AND ($1::uuid IS NULL OR reference = $1) ORDER BY created_at, id LIMIT $2
"""

_DIFFERENCES = """
SELECT coalesce(l.sku, m.sku) AS sku, l.on_hand, l.value, m.counted, m.worth FROM inventory.stock_level l
FULL JOIN (SELECT warehouse_id, sku, sum(quantity) AS counted, sum(value) AS worth
           FROM inventory.stock_ledger GROUP BY warehouse_id, sku) m USING (warehouse_id, sku)
WHERE coalesce(l.on_hand, 0) <> coalesce(m.counted, 0) OR coalesce(l.value, 0) <> coalesce(m.worth, 0)
ORDER BY 1 LIMIT 100
"""
