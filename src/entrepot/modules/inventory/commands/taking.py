"""Goods that leave: first paid, first served, and never more than there are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.inventory import rules
from entrepot.modules.inventory.contract import Available, Cost, Take, Taken, Want
from entrepot.modules.inventory.events import (
    Moved,
    StockConsumed,
    StockDepleted,
    StockLow,
    StockOversold,
)
from entrepot.modules.inventory.queries import default_warehouse, owner_of
from entrepot.modules.inventory.tables import Confirmation, Shortage
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id


@command(needs="stock.edit")
async def take_stock(ctx: Ctx, reference: UUID, lines: list[Want], warehouse_id: UUID | None = None) -> list[Cost]:
    """Take goods out for good, all or nothing; the same reference takes once. Refuses with Conflict(available=...)."""
    costs = await deduct(ctx, reference, warehouse_id or await default_warehouse(ctx, ctx.entity_id), lines)
    await ctx.add_many(Confirmation, [{"reference": reference, "at": ctx.now}], skip_conflicts=True)
    return costs


async def hold(ctx: Ctx, warehouse_id: UUID, skus: list[str]) -> None:
    wanted = sorted(set(skus))
    ctx.held["levels", warehouse_id] = wanted, await _locked(ctx, warehouse_id, wanted)


async def deduct(ctx: Ctx, reference: UUID, warehouse_id: UUID, wants: list[Want]) -> list[Cost]:
    taken = (await deduct_many(ctx, reference, warehouse_id, [Take(reference, wants)]))[0]
    if taken.missing:
        raise not_enough(taken.missing, wants)
    return taken.costs


async def deduct_many(ctx: Ctx, batch: UUID, warehouse_id: UUID, takes: list[Take]) -> list[Taken]:
    owner = await owner_of(ctx, warehouse_id)
    levels, thresholds = await _hold_levels(ctx, warehouse_id, takes)
    # Asked after the locks: of two tellings at once the second sees what the first took.
    before = await _taken_already(ctx, [take.reference for take in takes if not take.first])
    fresh = [take for take in takes if take.reference not in before]
    start = {sku: level.on_hand for sku, level in levels.items()}
    outcomes, issues = rules.give_out(levels, fresh)
    if issues:
        await _write_out(ctx, warehouse_id, levels, issues)
        _tell(ctx, warehouse_id, owner, fresh, outcomes)
        await _tell_levels(ctx, warehouse_id, levels, start, thresholds, issues)
    made = {outcome.reference: outcome for outcome in outcomes}
    return [before.get(take.reference) or made[take.reference] for take in takes]


def not_enough(missing: Sequence[Available], wants: Sequence[Want]) -> Conflict:
    """The refusal that says what can be had."""
    wanted = {want.sku: want.quantity for want in rules.merged(wants)}
    return Conflict(
        "there is not enough stock",
        available=[
            {"sku": a.sku, "wanted": str(wanted.get(a.sku, Decimal(0))), "available": format(a.available, "f")}
            for a in missing
        ],
    )


async def _taken_already(ctx: Ctx, references: list[UUID]) -> dict[UUID, Taken]:
    if not references:
        return {}
    rows = await ctx.ask(
        "SELECT reference, sku, -sum(quantity) AS quantity, -sum(value) AS value FROM inventory.stock_ledger "
        "WHERE reference = ANY($1) AND kind IN ('sale', 'return') GROUP BY reference, sku HAVING sum(quantity) < 0",
        references,
        tables=("inventory.stock_ledger",),
    )
    found: dict[UUID, list[Cost]] = {}
    for reference, sku, quantity, value in rows:
        found.setdefault(reference, []).append(Cost(sku, quantity, value))
    return {reference: Taken(reference, costs) for reference, costs in found.items()}


async def _hold_levels(
    ctx: Ctx, warehouse_id: UUID, takes: Sequence[Take]
) -> tuple[dict[str, rules.Level], dict[str, Decimal | None]]:
    """Lock the levels that these takes touch, unless they were locked ahead (`hold`)."""
    skus = sorted({want.sku for take in takes for want in take.wants})
    if any(take.forced for take in takes):
        await ctx.run(_MAKE_LEVELS, warehouse_id, skus, [new_id() for _ in skus], ctx.now)
    # What was held serves once: from then on this unit has written some of it.
    held, rows = ctx.held.pop(("levels", warehouse_id), ([], []))
    if not set(skus) <= set(held):
        rows = await _locked(ctx, warehouse_id, skus)
    levels = {sku: rules.Level(sku, *level) for sku, *level, _ in rows}
    return levels, {sku: low_at for sku, *_, low_at in rows}


async def _locked(ctx: Ctx, warehouse_id: UUID, skus: list[str]) -> list[Any]:
    """The levels, locked in the order of their SKU so that no two units wait for each other."""
    return await ctx.ask(_HOLD, warehouse_id, skus, tables=("inventory.stock_level",))


async def _write_out(
    ctx: Ctx, warehouse_id: UUID, levels: dict[str, rules.Level], issues: Sequence[rules.Issue]
) -> None:
    touched = sorted({issue.sku for issue in issues})
    left = [{"sku": sku, "on_hand": levels[sku].on_hand, "value": levels[sku].value} for sku in touched]
    await ctx.run_later("inventory.stock_level", _LOWER, warehouse_id, left, ctx.now)
    await ctx.run_later(
        "inventory.stock_ledger",
        _ISSUE,
        warehouse_id,
        [
            {
                "id": new_id(),
                "at": issue.take.at or ctx.now,
                "sku": issue.sku,
                "quantity": -issue.quantity,
                "value": -issue.value,
                "reference": issue.take.reference,
                "actor": ctx.origin(issue.take.reference).actor.id,
            }
            for issue in issues
        ],
        bool(ctx.house.topology.far),
        ctx.tenant_id,
    )


def _tell(ctx: Ctx, warehouse_id: UUID, owner: UUID, takes: Sequence[Take], outcomes: Sequence[Taken]) -> None:
    for take, outcome in zip(takes, outcomes, strict=True):
        if outcome.costs:
            ctx.emit(
                StockConsumed(
                    movement_id=new_id(),
                    at=take.at or ctx.now,
                    reference=outcome.reference,
                    warehouse_id=warehouse_id,
                    entity_id=owner,
                    lines=[Moved(c.sku, c.quantity, c.value) for c in outcome.costs],
                )
            )


async def _tell_levels(
    ctx: Ctx,
    warehouse_id: UUID,
    levels: dict[str, rules.Level],
    start: dict[str, Decimal],
    thresholds: dict[str, Decimal | None],
    issues: Sequence[rules.Issue],
) -> None:
    """Say what ran out, ran low, or went below zero by these issues."""
    last = {issue.sku: issue.take.reference for issue in issues}
    short: list[dict[str, Any]] = []
    for sku, reference in last.items():
        level, before, low_at = levels[sku], start.get(sku, Decimal(0)), thresholds.get(sku)
        if before > 0 >= level.on_hand:
            ctx.emit(
                StockDepleted(
                    warehouse_id=warehouse_id,
                    sku=sku,
                    previous_quantity=before,
                    current_quantity=level.on_hand,
                    depleted_by=reference,
                ),
                about=reference,
            )
        if low_at is not None and before > low_at >= level.on_hand:
            ctx.emit(
                StockLow(warehouse_id=warehouse_id, sku=sku, quantity=level.on_hand, low_at=low_at), about=reference
            )
        if level.on_hand < 0:
            missing = min(before, Decimal(0)) - level.on_hand
            short.append({"warehouse_id": warehouse_id, "sku": sku, "reference": reference, "missing": missing})
            ctx.emit(
                StockOversold(warehouse_id=warehouse_id, sku=sku, reference=reference, missing=missing), about=reference
            )
    if short:
        await ctx.add_many(Shortage, short)


_HOLD = """
SELECT sku, on_hand, reserved, value, unit_cost, low_at FROM inventory.stock_level
WHERE warehouse_id = $1 AND sku = ANY($2::text[]) ORDER BY sku FOR UPDATE
"""
_MAKE_LEVELS = """
INSERT INTO inventory.stock_level (id, warehouse_id, sku, updated_at)
SELECT u.id, $1, u.sku, $4 FROM unnest($2::text[], $3::uuid[]) AS u(sku, id) ON CONFLICT DO NOTHING
"""
# Key by key, to the place of the row, which nobody moves while we hold it: however many goods the planner expects, it finds
# each by its index instead of reading the warehouse.
_LOWER = """
UPDATE inventory.stock_level l SET on_hand = u.on_hand, value = u.value, updated_at = $3
FROM json_to_recordset($2::json) AS u(sku text, on_hand numeric, value numeric),
LATERAL (SELECT ctid FROM inventory.stock_level WHERE warehouse_id = $1 AND sku = u.sku LIMIT 1) held
WHERE l.ctid = held.ctid
"""
_ISSUE = """
INSERT INTO inventory.stock_ledger (tenant_id, id, at, warehouse_id, sku, quantity, unit_cost, value, kind, reference, actor,
                                    provisional)
SELECT $4, u.id, u.at, $1, u.sku, u.quantity, round(u.value / u.quantity, 6), u.value, 'sale', u.reference, u.actor, $3
FROM json_to_recordset($2::json) AS u(id uuid, at timestamptz, sku text, quantity numeric, value numeric,
                                      reference uuid, actor uuid)
"""
