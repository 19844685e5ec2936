"""Another tenant sees nothing: every route of every module, and proof that the exam would notice."""

from pathlib import Path

import asyncpg
import pytest

from entrepot import assembly
from entrepot.kernel.module import Catalogue, Module
from entrepot.testing.isolation import ids_of, seen_by_a_stranger
from entrepot.testing.world import World, one_process, running

CATALOGUE = Catalogue(assembly.load_modules())
MODULES = list(CATALOGUE.modules.values())


@pytest.mark.parametrize("module", MODULES, ids=[module.name for module in MODULES])
async def test_another_tenant_sees_nothing(house_world: World, module: Module) -> None:
    owner, stranger = await house_world.tenant(), await house_world.tenant()
    outcome = await seen_by_a_stranger(house_world, owner, stranger, module)
    assert outcome.leaks == []
    assert outcome.undecided == []
    assert outcome.asked >= len([route for route in module.all_routes() if ids_of(route)])


async def test_a_table_without_its_policy_is_noticed(server: str, tmp_path: Path) -> None:
    """The exam bites: where one table is open, reading, listing and changing its rows are all found."""
    async with running(await one_process(server, tmp_path, modules=["identity", "platform"])) as world:
        house, _ = world.houses["entrepot"]
        async with house.databases.main.connection() as connection:
            name = await connection.fetchval("SELECT current_database()")
        owner = await asyncpg.connect(assembly.with_database(server, name))
        await owner.execute("ALTER TABLE identity.role DISABLE ROW LEVEL SECURITY; DROP POLICY tenant ON identity.role")
        await owner.close()
        module = CATALOGUE.modules["identity"]
        outcome = await seen_by_a_stranger(world, await world.tenant(), await world.tenant(), module)
        assert outcome.leaks == [
            "GET /roles lists a row of another tenant's identity.role",
            "GET /roles/{role_id}: 200 for a row of another tenant's identity.role, 404 for nobody's",
            "PATCH /roles/{role_id}: 200 for a row of another tenant's identity.role, 404 for nobody's",
            "identity: rows of another tenant were changed",
        ]
