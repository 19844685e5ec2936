"""Connections: what they keep between those who borrow them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from entrepot.kernel import database as databases
from entrepot.kernel.database import Database

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
