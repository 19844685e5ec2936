"""Every row belongs to a tenant, and the database itself keeps tenants apart."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from entrepot.kernel.database import Database
from entrepot.kernel.units import unit
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World, clone
from tests.kernel.conftest import MakeWorld
from tests.kernel.trial.commands import make_thing, poke_thing
from tests.kernel.trial.manifest import statements
from tests.kernel.trial.tables import Thing

TENANTED = """
SELECT c.oid::regclass::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
       EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*'
               AND pg_get_expr(p.polqual, p.polrelid) LIKE '%app.tenant%'
               AND pg_get_expr(p.polwithcheck, p.polrelid) LIKE '%app.tenant%') AS policed,
       c.relispartition AS part,
       has_table_privilege('entrepot_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
       OR has_table_privilege('entrepot_system', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS reachable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND (c.oid = 'identity.tenant'::regclass
           OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'))
ORDER BY 1
"""


@pytest.mark.covers("TEN-005")
async def test_every_tenanted_table_has_a_forced_policy(trial: World) -> None:
    owner = await asyncpg.connect(trial.owner())
    rows = await owner.fetch(TENANTED)
    await owner.close()
    assert {"kernel.event", "kernel.job", "identity.tenant", "identity.user_account", "trial.thing"} <= {
        row["name"] for row in rows
    }
    assert [row["name"] for row in rows if not row["part"] and not (row["forced"] and row["policed"])] == []
    # A partition has no policy of its own; it is out of reach instead, whatever its parent allows.
    assert [row["name"] for row in rows if row["part"] and row["reachable"]] == []


async def test_the_application_role_is_bound_by_the_policies(trial: World) -> None:
    async with trial.house_of("trial").databases.main.connection() as connection:
        roles = await connection.fetch(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE rolname IN (current_user, 'entrepot_app', 'entrepot_system')"
        )
        owned = await connection.fetchval(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
            "WHERE r.rolname IN (current_user, 'entrepot_app', 'entrepot_system')"
        )
        schemas = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(current_user, oid, 'CREATE')"
        )
    assert len(roles) == 3
    assert [row["rolname"] for row in roles if any(list(row)[1:])] == []
    assert owned == 0
    assert [row["nspname"] for row in schemas if not row["nspname"].startswith("pg_temp")] == []


@pytest.mark.covers("TEN-006")
async def test_the_database_fills_the_tenant_and_refuses_another(trial: World, ada: Person) -> None:
    other = new_id()
    async with trial.unit(ada.tenant, "trial") as ctx:
        thing = await ctx.add(Thing, name="mine")
        assert await ctx.value("SELECT tenant_id FROM trial.thing WHERE id = $1", thing) == ada.tenant
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with trial.unit(ada.tenant, "trial") as ctx:
            await ctx.run("INSERT INTO trial.thing (tenant_id, id, name) VALUES ($1, $2, 'theirs')", other, new_id())
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with trial.unit(ada.tenant, "trial") as ctx:
            await ctx.run("UPDATE trial.thing SET tenant_id = $1", other)
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value("SELECT array_agg(name) FROM trial.thing") == ["mine"]


async def theirs(connection: asyncpg.Connection, tenant: UUID) -> dict[str, int]:
    """How many rows of each tenanted table a tenant sees that belong to somebody else."""
    found = {}
    tables = [row["name"] for row in await connection.fetch(TENANTED) if not row["part"]]
    async with connection.transaction():
        await connection.execute(f"SET LOCAL app.tenant = '{tenant}'")
        for name in tables:
            if not await connection.fetchval("SELECT has_table_privilege($1, 'SELECT')", name):
                continue
            column = "id" if name == "identity.tenant" else "tenant_id"
            count = await connection.fetchval(f"SELECT count(*) FROM {name} WHERE {column} <> $1", tenant)
            if count:
                found[name] = count
    return found


@pytest.mark.covers("TEN-004", "TEN-005")
async def test_another_tenant_sees_nothing_and_a_missing_policy_would_show(fresh: World) -> None:
    mine, yours = await fresh.tenant(), await fresh.tenant()
    thing = await mine.post("/things", {"name": "mine", "amount": "3"})
    await mine.post("/tags", {"name": "mine"})
    await fresh.settle()
    await yours.refused("GET", f"/things/{thing['id']}", status=404)
    await yours.refused("PATCH", f"/things/{thing['id']}", {"name": "stolen"}, status=404)
    await yours.refused("DELETE", f"/things/{thing['id']}", status=404)
    assert await yours.get("/things") == []
    assert (await mine.get(f"/things/{thing['id']}"))["name"] == "mine"

    app = await asyncpg.connect(fresh.house_of("trial").databases.main.url)
    owner = await asyncpg.connect(fresh.owner())
    try:
        assert await theirs(app, yours.tenant) == {}
        assert await app.fetchval("SELECT count(*) FROM trial.thing") == 0, "without a tenant nobody sees anything"
        await owner.execute("ALTER TABLE trial.thing DISABLE ROW LEVEL SECURITY")
        assert await theirs(app, yours.tenant) == {"trial.thing": 1}
        await owner.execute("ALTER TABLE trial.thing ENABLE ROW LEVEL SECURITY")
        await owner.execute("DROP POLICY tenant ON trial.thing")
        await owner.execute("CREATE POLICY loose ON trial.thing USING (true)")
        assert await theirs(app, yours.tenant) == {"trial.thing": 1}
        assert [row["name"] for row in await owner.fetch(TENANTED) if not row["part"] and not row["policed"]] == [
            "trial.thing"
        ]
    finally:
        await app.close()
        await owner.close()


@pytest.mark.covers("TEN-007")
async def test_a_tenant_with_a_database_of_its_own(make_world: MakeWorld, server: str) -> None:
    world = await make_world()
    settled = world.house_of("trial")
    name = f"tenant_{new_id().hex[-12:]}"
    tenant = new_id()
    url = await clone(settled.config, server, name, ["identity", "platform"], statements())
    house = world.another("trial")
    house.databases.placed[tenant] = Database(url, name=name)
    await house.start()
    try:
        async with unit(house, tenant) as ctx:
            thing = await make_thing(ctx, "placed", Decimal(7))
            await poke_thing(ctx, thing, 1, later=True)
        assert await house.relay.drain() == 3  # the poke twice, its echo once
        assert await house.jobs.drain() == 1
        own, main = await asyncpg.connect(url), await asyncpg.connect(world.owner())
        try:
            assert await own.fetchval("SELECT current_database()") == name
            async with own.transaction():
                await own.execute(f"SET LOCAL app.tenant = '{tenant}'")
                handled = "SELECT array_agg(reaction ORDER BY reaction) FROM trial.handled"
                assert await own.fetchval(handled) == ["echo", "job", "poke"]
            for table in ("trial.thing", "trial.handled", "kernel.event", "kernel.job", "kernel.audit_trail"):
                assert await main.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant) == 0
        finally:
            await own.close()
            await main.close()
    finally:
        await house.stop()
