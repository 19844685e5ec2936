"""Statements are planned for any tenant: one made while a tenant is small must serve one that has grown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.units import unit
from entrepot.modules.accounting.commands.posting import _POSTED
from entrepot.modules.inventory.commands.taking import _HOLD, _LOWER
from entrepot.pure.ids import new_id
from entrepot.testing.world import World
from tests.journeys.test_books import posted

DAY = date(2026, 3, 10)

FILL = """
INSERT INTO accounting.journal_entry (id, entity_id, date, kind, status, description, reference_type, currency, total, source_key)
SELECT gen_random_uuid(), $1, current_date, 'manual', 'draft', 'much', '', 'EUR', 1, 'sale:' || gen_random_uuid()
FROM generate_series(1, $2)
"""

# Each entry with two lines, as a batch of bookings writes them.
POSTED = """
WITH entered AS (
    INSERT INTO accounting.journal_entry (id, number, entity_id, date, kind, status, description, currency, total)
    SELECT id, 'RAW-' || id, $1, $2, 'manual', 'posted', 'raw', 'EUR', 5 FROM unnest($3::uuid[]) AS id)
INSERT INTO accounting.journal_line (id, entry_id, position, entity_id, account_id, date, debit, credit)
SELECT gen_random_uuid(), entry_id, u.at, $1, u.account, $2, u.debit, u.credit FROM unnest($3::uuid[]) AS entry_id,
     (SELECT a.id, row_number() OVER (ORDER BY a.code), 5 * (a.code = '6000')::int, 5 * (a.code = '1000')::int
      FROM accounting.account a WHERE a.code IN ('1000', '6000')) AS u(account, at, debit, credit)
"""
FETCHED = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relid = $1::text::regclass"

LEVELS = """
INSERT INTO inventory.stock_level (tenant_id, id, warehouse_id, sku, on_hand, value, updated_at)
SELECT t, gen_random_uuid(), coalesce($3, gen_random_uuid()), 'SKU-' || at, 1, 1, now()
FROM unnest($1::uuid[]) t, generate_series(1, $2) at
"""


async def fill(ctx: Ctx, entries: int) -> None:
    await ctx.run(FILL, await ctx.value("SELECT id FROM identity.business_entity"), entries)


@asynccontextmanager
async def stocked(world: World, tenant: UUID, goods: int, *, others: int) -> AsyncIterator[UUID]:
    """A warehouse with so many goods, beside others' with ten each; known to the planner."""
    everybody = [tenant, *(new_id() for _ in range(others))]
    owner = await asyncpg.connect(world.owner("inventory"))
    try:
        warehouse = await owner.fetchval("SELECT id FROM inventory.warehouse WHERE tenant_id = $1", tenant)
        await owner.execute("SET session_replication_role = replica")  # no trail of what belongs to nobody
        await owner.execute(LEVELS, everybody[1:], 10, None)
        await owner.execute(LEVELS, everybody[:1], goods, warehouse)
        await owner.execute("ANALYZE inventory.stock_level")
        yield warehouse
    finally:
        await owner.execute("DELETE FROM inventory.stock_level WHERE tenant_id = ANY($1)", everybody)
        await owner.close()


def passed_over(plan: dict[str, Any], table: str) -> int:
    """Rows of a table that were read and thrown away."""
    mine = 0
    if plan.get("Relation Name") == table:
        mine = round(plan.get("Rows Removed by Filter", 0) * plan["Actual Loops"])
    return mine + sum(passed_over(part, table) for part in plan.get("Plans", []))


async def explained(ctx: Ctx, sql: str, *arguments: Any) -> dict[str, Any]:
    found = await ctx.value(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


async def test_a_tenant_that_is_new_beside_a_large_one_is_looked_up_by_key(house_world):
    """Its statistics say that it has nothing: by them every index is as good as any other."""
    large, new = await house_world.tenant(), await house_world.tenant()
    async with house_world.unit(large.tenant, "accounting") as ctx:
        await fill(ctx, 20_000)
    owner = await asyncpg.connect(house_world.owner("accounting"))
    await owner.execute("ANALYZE accounting.journal_entry")
    await owner.close()
    async with house_world.unit(new.tenant, "accounting") as ctx:
        await fill(ctx, 1500)
        keys = [f"sale:{new_id()}" for _ in range(10)]
        plan = await explained(ctx, _POSTED, keys)
    assert passed_over(plan, "journal_entry") == 0


async def test_new_lines_are_checked_beside_their_own_entries_only(house_world):
    """The plan of the check was once made while there were few entries, and read them all when there were many."""
    shop = await house_world.tenant()
    await posted(shop, str(DAY))  # opens the period
    async with house_world.unit(shop.tenant, "accounting") as ctx:
        entity = await ctx.value("SELECT id FROM identity.business_entity")
        await fill(ctx, 1500)
    async with house_world.unit(shop.tenant, "accounting") as ctx:
        # What earlier transactions of this connection looked at is in it, too, until the statistics are sent.
        before = await ctx.value(FETCHED, "accounting.journal_entry")
        await ctx.run(POSTED, entity, DAY, [new_id() for _ in range(40)])
        fetched = await ctx.value(FETCHED, "accounting.journal_entry") - before
    # Forty by the check, and here and there what another test has left dead.
    assert 40 <= fetched < 2 * 40


async def test_a_tenant_with_much_among_many_with_little_is_looked_up_by_key(house_world):
    """By the average of all of them it would seem as good to read everything it has."""
    shop = await house_world.tenant()
    async with stocked(house_world, shop.tenant, 300, others=400) as warehouse:
        async with house_world.unit(shop.tenant, "inventory") as ctx:
            plan = await explained(ctx, _HOLD, warehouse, [f"SKU-{at}" for at in range(5, 50, 5)])
        assert passed_over(plan, "stock_level") == 0


@pytest.mark.parametrize("others", [0, 400])
async def test_a_sale_from_a_large_warehouse_touches_its_own_goods_only(house_world, others):
    """What is written comes as a list, and for the hundred rows that a list is planned for the whole warehouse was read;
    beside many small tenants by a loop that began with it."""
    shop = await house_world.tenant()
    async with stocked(house_world, shop.tenant, 3000, others=others) as warehouse:
        left = [{"sku": f"SKU-{at}", "on_hand": "0", "value": "0"} for at in range(5, 30, 5)]
        async with unit(house_world.house_of("inventory"), shop.tenant, hot=True) as ctx:
            before = await ctx.value(FETCHED, "inventory.stock_level")
            assert await ctx.run(_LOWER, warehouse, left, ctx.now) == 5
            assert 5 <= await ctx.value(FETCHED, "inventory.stock_level") - before < 50  # of three thousand
            lowered = "SELECT sku FROM inventory.stock_level WHERE on_hand = 0 ORDER BY sku"
            assert await ctx.connection.fetch(lowered) == [(f"SKU-{at}",) for at in (10, 15, 20, 25, 5)]
