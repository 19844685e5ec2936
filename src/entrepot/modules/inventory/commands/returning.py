"""Goods that come back: they come in again at what they cost when they left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.modules.inventory import rules
from entrepot.modules.inventory.commands.stocking import enter
from entrepot.modules.inventory.contract import Want
from entrepot.modules.inventory.events import Moved, StockReturned
from entrepot.modules.inventory.queries import owner_of
from entrepot.pure.ids import new_id


async def put_back(ctx: Ctx, reference: UUID) -> None:
    await ctx.run(_HOLD_GONE, reference)
    gone: dict[UUID, list[tuple[str, Decimal, Decimal]]] = {}
    for row in await ctx.connection.fetch(_GONE, reference):
        gone.setdefault(row["warehouse_id"], []).append((row["sku"], row["quantity"], row["value"]))
    for warehouse_id, lines in gone.items():
        await enter(ctx, reference, warehouse_id, "return", "", lines)
        ctx.emit(
            StockReturned(
                movement_id=new_id(),
                at=ctx.now,
                reference=reference,
                warehouse_id=warehouse_id,
                entity_id=await owner_of(ctx, warehouse_id),
                lines=[Moved(*line) for line in lines],
            )
        )


async def take_back(
    ctx: Ctx,
    credit: UUID,
    sale: UUID,
    warehouse_id: UUID,
    entity_id: UUID,
    goods: Sequence[Want],
    at: datetime,
) -> None:
    """Put goods of a sale back for a credit. What is left of the sale's cost is shared by quantity, so that the last
    piece brings back the last cent. The ledger lines stand under the sale, the event under the credit."""
    rows = await ctx.connection.fetch(_LEFT, sale, warehouse_id)
    left = {row["sku"]: (row["quantity"], row["value"]) for row in rows}
    lines: list[tuple[str, Decimal, Decimal]] = []
    for want in rules.merged(goods):
        quantity, value = left.get(want.sku, (Decimal(0), Decimal(0)))
        whole = want.quantity >= quantity
        lines.append((want.sku, want.quantity, value if whole else rules.cents(value * want.quantity / quantity)))
    if not lines:
        return
    await enter(ctx, sale, warehouse_id, "customer_return", "", lines, at)
    ctx.emit(
        StockReturned(
            movement_id=new_id(),
            at=at,
            reference=credit,
            warehouse_id=warehouse_id,
            entity_id=entity_id,
            lines=[Moved(*line) for line in lines],
        )
    )


# The levels are locked by a statement of their own: the next one then sees what another telling brought back.
_HOLD_GONE = """
SELECT l.sku FROM inventory.stock_level l
WHERE (l.warehouse_id, l.sku) IN (SELECT warehouse_id, sku FROM inventory.stock_ledger WHERE reference = $1)
ORDER BY l.warehouse_id, l.sku FOR UPDATE
"""
_GONE = """
SELECT warehouse_id, sku, -sum(quantity) AS quantity, -sum(value) AS value FROM inventory.stock_ledger
WHERE reference = $1 AND kind IN ('sale', 'return') GROUP BY warehouse_id, sku HAVING sum(quantity) < 0 ORDER BY warehouse_id, sku
"""
_LEFT = """
SELECT sku, -sum(quantity) AS quantity, -sum(value) AS value FROM inventory.stock_ledger
WHERE reference = $1 AND warehouse_id = $2 AND kind IN ('sale', 'return', 'customer_return') GROUP BY sku
"""
