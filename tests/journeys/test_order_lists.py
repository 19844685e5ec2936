"""Lists of orders that stay quick: an index has every order they are mostly sorted by."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from entrepot.kernel.db import compiled
from entrepot.modules.orders.queries.orders import ORDERS


@pytest.mark.parametrize("sort", ["-placed_at", "placed_at", "number", "-number", "total", "-total"])
async def test_a_list_of_orders_begins_at_once_however_it_is_sorted(house_world, sort):
    """No sort of what may be a million rows: an index has the order, also from the second page on."""
    shop = await house_world.tenant()
    async with shop.world.unit(shop.tenant, "orders") as ctx:
        await ctx.run("SET LOCAL enable_sort = off")
        await ctx.run("SET LOCAL enable_seqscan = off")
        column = ORDERS.columns[sort.lstrip("-")]
        keys = [column, ORDERS.columns["id"]]
        values = {"placed_at": ctx.now, "number": "A", "total": Decimal(5)}
        after = sa.tuple_(*keys) < sa.tuple_(sa.literal(values[sort.lstrip("-")], column.type), sa.literal(shop.tenant))
        ordered = [key.desc() if sort.startswith("-") else key.asc() for key in keys]
        for select in (ORDERS.view.select, ORDERS.view.select.where(after)):
            sql, arguments = compiled(select.order_by(*ordered).limit(51))
            rows = await ctx.connection.fetch(f"EXPLAIN {sql}", *arguments)
            plan = "\n".join(row[0] for row in rows)
            assert "Sort" not in plan, plan
            assert f"sales_order_{sort.lstrip('-')}_id_idx" in plan
