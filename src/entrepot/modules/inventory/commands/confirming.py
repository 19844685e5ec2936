"""Goods taken by another service are provisional until the sale is told; what nobody tells of comes back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.modules.inventory.commands.returning import put_back
from entrepot.modules.inventory.commands.taking import deduct_many
from entrepot.modules.inventory.contract import Take, Want
from entrepot.modules.inventory.tables import Confirmation

EXPIRES = timedelta(hours=1)
LOOKED_BACK = timedelta(days=7)


class Confirmed(msgspec.Struct, frozen=True):
    """A sale that has happened, with the goods it took."""

    reference: UUID
    warehouse_id: UUID
    wants: list[Want]


async def confirm(ctx: Ctx, sales: Sequence[Confirmed]) -> None:
    """Make what these sales took firm. Goods that had come back meanwhile are taken again: the sale is a fact."""
    await ctx.add_many(
        Confirmation, [{"reference": sale.reference, "at": ctx.now} for sale in sales], skip_conflicts=True
    )
    returned = {row["reference"] for row in await ctx.connection.fetch(_CAME_BACK, [sale.reference for sale in sales])}
    for sale in sales:
        if sale.reference in returned:
            await deduct_many(ctx, sale.reference, sale.warehouse_id, [Take(sale.reference, sale.wants, forced=True)])


async def take_back_unconfirmed(ctx: Ctx) -> None:
    """Bring back what was taken an hour ago and never confirmed. With every module in one process there is no such
    thing, because a sale and its goods are one transaction."""
    if not ctx.house.topology.far:
        return
    rows = await ctx.connection.fetch(_UNCONFIRMED, ctx.now - LOOKED_BACK, ctx.now - EXPIRES)
    for row in rows:
        await put_back(ctx, row["reference"])


_CAME_BACK = """
SELECT reference FROM inventory.stock_ledger WHERE reference = ANY($1) AND kind IN ('sale', 'return')
GROUP BY reference HAVING sum(quantity) = 0
"""
_UNCONFIRMED = """
SELECT m.reference FROM inventory.stock_ledger m
WHERE m.provisional AND m.at BETWEEN $1 AND $2
  AND NOT EXISTS (SELECT FROM inventory.stock_confirmation c WHERE c.reference = m.reference)
  AND NOT EXISTS (SELECT FROM inventory.stock_ledger r WHERE r.reference = m.reference AND r.kind = 'return')
GROUP BY m.reference ORDER BY min(m.at) LIMIT 1000
"""
