"""Connections: what they keep between those who borrow them."""

from __future__ import annotations

from types import SimpleNamespace

import asyncpg
import pytest

from entrepot.kernel import database as databases
from entrepot.kernel.database import Database
from entrepot.kernel.units import unit

# A table of this connection, which nothing analyses by itself; it is known to be empty when the plan is made.
EMPTY = """
CREATE TEMP TABLE much (id BIGINT PRIMARY KEY);
VACUUM much;
SET plan_cache_mode = force_generic_plan;
PREPARE looked AS SELECT * FROM much WHERE id = $1
"""


async def plan_of(database: Database) -> str:
    async with database.connection() as connection:
        return str(await connection.fetchval("EXPLAIN EXECUTE looked(1)")).split(" on ")[0].split(" using ")[0]


@pytest.mark.parametrize(("kept_for", "now"), [(0.0, "Index Only Scan"), (3600.0, "Seq Scan")])
async def test_plans_are_made_anew_as_a_connection_grows_older(house_world, monkeypatch, kept_for, now):
    monkeypatch.setattr(databases, "FIRST_PLANS", kept_for)
    database = Database(house_world.house_of("accounting").databases.main.url, size=1)
    await database.open()
    try:
        async with database.connection() as connection:
            for statement in EMPTY.split(";"):
                await connection.execute(statement)
            assert "Seq Scan" in await connection.fetchval("EXPLAIN EXECUTE looked(1)")
            await connection.execute("INSERT INTO much SELECT generate_series(1, 100000)")
            assert "Seq Scan" in await connection.fetchval("EXPLAIN EXECUTE looked(1)")
        assert await plan_of(database) == now
    finally:
        await database.close()


async def test_the_age_of_plans_doubles(monkeypatch):
    moment = 1000.0
    monkeypatch.setattr(databases, "time", SimpleNamespace(monotonic=lambda: moment))
    sent: list[tuple[float, str]] = []

    class Told:
        async def execute(self, statement: str) -> None:
            sent.append((moment, statement))

    database, connection = Database(""), Told()
    for at in range(40):
        moment = 1000.0 + at / 2
        await database._plan_anew(connection)
    assert sent == [(1000.0 + age, "DISCARD PLANS") for age in (1, 2, 4, 8, 16)]


OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"


async def test_who_has_read_goes_on_while_the_reading_ends(house_world, tenant):
    """Whatever becomes of the end: the server may be gone by then, and who closes the pool waits for it."""
    house = house_world.house_of("accounting")
    database = Database(house.databases.main.url, size=1)
    await database.open()
    owner = await asyncpg.connect(house_world.owner("accounting"))
    try:
        async with unit(house, tenant.tenant, read_only=True, database=database) as ctx:
            assert await owner.fetchval(OPEN) == 1
            mine = await ctx.value("SELECT pg_backend_pid()")
        assert database.idle() == (1, 0)
        async with unit(house, tenant.tenant, read_only=True, database=database) as ctx:
            assert await ctx.value("SELECT pg_backend_pid()") == mine, "it was given back when it had ended"
            await owner.execute("SELECT pg_terminate_backend($1)", mine)
        async with unit(house, tenant.tenant, read_only=True, database=database) as ctx:
            assert await ctx.value("SELECT pg_backend_pid()") != mine
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with unit(house, tenant.tenant, read_only=True, database=database) as ctx:
                await ctx.run_later("kernel.idempotency", "DELETE FROM kernel.idempotency")
        with pytest.raises(ZeroDivisionError):
            async with unit(house, tenant.tenant, read_only=True, database=database):
                raise ZeroDivisionError
        assert database.idle() == (1, 1)
        async with unit(house, tenant.tenant, read_only=True, database=database):
            pass
        assert database.idle() == (1, 0)
    finally:
        await database.close()
    assert await owner.fetchval(OPEN) == 0
    await owner.close()
