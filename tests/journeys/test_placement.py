"""A tenant in a database of its own: the directory knows it, everything else of it is there and nowhere else."""

from __future__ import annotations

import asyncpg
import pytest

from entrepot import assembly
from entrepot.modules.identity.commands import tenancy
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id
from entrepot.testing.world import one_process, running
from tests.journeys.shop import product, sale, trial


async def rows_in(url: str, tenant: object) -> dict[str, int]:
    """Rows of the tenant by table, in every table that has tenants, seen as the server's owner."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE column_name = 'tenant_id' AND table_type = 'BASE TABLE'"
        )
        found = {}
        for table in tables:
            count = await connection.fetchval(f"SELECT count(*) FROM {table['name']} WHERE tenant_id = $1", tenant)
            if count:
                found[table["name"]] = count
        return found
    finally:
        await connection.close()


@pytest.mark.covers("TEN-007", "TEN-008", "TEN-009")
async def test_a_placed_tenant_lives_in_its_own_database(server, tmp_path):
    async with running(await one_process(server, tmp_path)) as world:
        house = world.houses["entrepot"][0]
        tenant = new_id()
        name = f"tenant_{tenant.hex}"
        await assembly.place_tenant(house, server, tenant, name)
        shop = await world.tenant("placed", tenant_id=tenant)
        await product(shop)
        await shop.post("/orders/pos", sale(("COFFEE", "2")), status=201)
        books = await trial(shop)
        assert books["1020"] == 5
        main = world.owner()
        own = assembly.with_database(server, name)
        assert await rows_in(main, tenant) == {}
        there = await rows_in(own, tenant)
        assert there["orders.sales_order"] == 1
        assert there["accounting.journal_entry"] == 3
        connection = await asyncpg.connect(main)
        try:
            known = await connection.fetchrow("SELECT slug, database FROM identity.tenant WHERE id = $1", tenant)
        finally:
            await connection.close()
        assert (known["slug"], known["database"]) == ("placed", name)
        neighbour = await world.tenant("shared")
        await neighbour.refused("GET", "/products/by-sku/COFFEE", status=404)
        with pytest.raises(Conflict):
            await tenancy.create_tenant(house, "placed", "Twice")
