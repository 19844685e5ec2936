"""Goods held for somebody until they are taken, given back, or the hold expires."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.inventory import rules
from entrepot.modules.inventory.commands.taking import _HOLD, not_enough
from entrepot.modules.inventory.contract import Available, Want
from entrepot.modules.inventory.events import Moved, StockReleased, StockReserved
from entrepot.modules.inventory.queries import default_warehouse
from entrepot.modules.inventory.tables import Reservation
from entrepot.pure.errors import Conflict, Invalid


class Released(msgspec.Struct, frozen=True):
    """How many reservations ended."""

    released: int


@command(needs="stock.edit")
async def reserve_stock(
    ctx: Ctx, reference: UUID, lines: list[Want], warehouse_id: UUID | None = None, minutes: int = 60
) -> None:
    """Hold goods for a reference, all or nothing, for so many minutes; asking twice holds once.

    Refuses with Conflict where goods go to who pays first (stock policy `on_payment`), and when there is not enough."""
    policy = await ctx.house.settings.value(ctx, "inventory.stock_policy")
    if policy != "on_confirm":
        raise Conflict("nothing is reserved here: goods go to who pays first (stock policy {policy})", policy=policy)
    if not 1 <= minutes <= 60 * 24 * 30:
        raise Invalid.field("minutes", "must be a number from 1 to {most}", most=60 * 24 * 30)
    if not lines:
        raise Invalid.field("lines", "needs at least one line")
    warehouse_id = warehouse_id or await default_warehouse(ctx, ctx.entity_id)
    wants = rules.merged(lines)
    rows = await ctx.connection.fetch(_HOLD, warehouse_id, [want.sku for want in wants])
    if await ctx.exists(Reservation, Reservation.reference == reference, Reservation.state == "held"):
        return
    levels = {r["sku"]: rules.Level(r["sku"], r["on_hand"], r["reserved"], r["value"], r["unit_cost"]) for r in rows}
    missing = [
        Available(want.sku, *rules.state(levels.get(want.sku)))
        for want in wants
        if rules.state(levels.get(want.sku))[0] < want.quantity
    ]
    if missing:
        raise not_enough(missing, wants)
    await ctx.run(_RESERVE, warehouse_id, [w.sku for w in wants], [w.quantity for w in wants])
    await ctx.add_many(
        Reservation,
        [
            {
                "reference": reference,
                "warehouse_id": warehouse_id,
                "sku": want.sku,
                "quantity": want.quantity,
                "expires_at": ctx.now + timedelta(minutes=minutes),
            }
            for want in wants
        ],
    )
    ctx.emit(
        StockReserved(
            reference=reference,
            warehouse_id=warehouse_id,
            lines=[Moved(w.sku, w.quantity, rules.ZERO) for w in wants],
        )
    )


@command(needs="stock.edit")
async def release_stock(ctx: Ctx, reference: UUID) -> Released:
    """Give back what was held for a reference; nothing happens when nothing was."""
    return Released(await _end(ctx, "released", reference=reference))


async def expire_reservations(ctx: Ctx) -> None:
    """Give back every hold that has run out; a job of every few minutes."""
    await _end(ctx, "expired", reference=None)


async def _end(ctx: Ctx, state: str, *, reference: UUID | None) -> int:
    rows = await ctx.connection.fetch(_END, reference, state, ctx.now)
    for held in {(row["reference"], row["warehouse_id"]) for row in rows}:
        ctx.emit(StockReleased(reference=held[0], warehouse_id=held[1]))
    return len(rows)


_RESERVE = """
UPDATE inventory.stock_level l SET reserved = l.reserved + u.quantity
FROM unnest($2::text[], $3::numeric[]) AS u(sku, quantity) WHERE l.warehouse_id = $1 AND l.sku = u.sku
"""
# Levels are locked in key order before anything changes, like everywhere else.
_END = """
WITH due AS (
    SELECT id, reference, warehouse_id, sku, quantity FROM inventory.stock_reservation
    WHERE state = 'held' AND (($1::uuid IS NULL AND expires_at <= $3) OR reference = $1) FOR UPDATE
), held AS MATERIALIZED (
    SELECT l.id FROM inventory.stock_level l
    WHERE (l.warehouse_id, l.sku) IN (SELECT warehouse_id, sku FROM due)
    ORDER BY l.warehouse_id, l.sku FOR UPDATE
), ended AS (
    UPDATE inventory.stock_reservation r SET state = $2, ended_at = $3 FROM due WHERE r.id = due.id
), level AS (
    UPDATE inventory.stock_level l SET reserved = l.reserved - s.quantity
    FROM (SELECT warehouse_id, sku, sum(quantity) AS quantity FROM due GROUP BY warehouse_id, sku) s
    WHERE l.warehouse_id = s.warehouse_id AND l.sku = s.sku AND l.id IN (SELECT id FROM held)
)
SELECT reference, warehouse_id, sku FROM due
"""
