"""The battery: every module sits the same exam, on paper and in the migrated database."""

import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest

from entrepot import assembly
from entrepot.kernel import migrate
from entrepot.kernel.database import Connection
from entrepot.kernel.module import Catalogue, Module
from entrepot.pure.ids import new_id
from entrepot.testing import battery, schemas, words
from entrepot.testing.world import World

CATALOGUE = Catalogue(assembly.load_modules())
MODULES = list(CATALOGUE.modules.values())
NAMES = [module.name for module in MODULES]


@pytest.mark.covers("OBS-013", "OBS-015", "PLT-013")
@pytest.mark.parametrize("question", battery.QUESTIONS, ids=lambda question: question.__name__)
@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_on_paper(module: Module, question: battery.Question) -> None:
    assert question(module, CATALOGUE) == []


def test_the_kernel_and_pure_speak_every_language() -> None:
    found = [each for room in ("kernel", "pure") for each in words.in_source(words.PACKAGE / room)]
    assert words.untranslated(found) == []


def test_translations_fill_in_the_same_facts() -> None:
    assert words.unlike("nl") == []


def test_every_module_is_in_a_folder_of_its_name() -> None:
    assert sorted(NAMES) == assembly.module_names()
    assert [name for name in NAMES if not (battery.folder(CATALOGUE.modules[name]) / "manifest.py").is_file()] == []


# ── asked of the database ──


@pytest.fixture
async def migrated(house_world: World) -> AsyncIterator[Connection]:
    """A connection of the application to a database with every module's tables."""
    async with house_world.houses["entrepot"][0].databases.main.connection() as connection:
        yield connection


@pytest.fixture
async def scratch(server: str) -> AsyncIterator[Connection]:
    """The owner's connection to an empty database."""
    name = f"declared_{new_id().hex[-12:]}"
    owner = await asyncpg.connect(server)
    await owner.execute(f'CREATE DATABASE "{name}"')
    connection = await asyncpg.connect(assembly.with_database(server, name))
    try:
        yield connection
    finally:
        await connection.close()
        await owner.execute(f'DROP DATABASE "{name}"')
        await owner.close()


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
async def test_tenants_are_kept_apart(migrated: Connection, module: Module) -> None:
    assert await schemas.kept_apart(migrated, module) == []


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
async def test_the_tenant_leads_every_key(migrated: Connection, module: Module) -> None:
    assert await schemas.led_by_tenant(migrated, module) == []


async def test_what_is_declared_is_what_is_migrated(migrated: Connection, scratch: Connection) -> None:
    problems = []
    for module in MODULES:
        await schemas.declare(scratch, module)
        declared, found = await schemas.facts(scratch, module.name), await schemas.facts(migrated, module.name)
        problems += schemas.compared(module.name, declared, found)
    assert problems == []


async def test_the_kernel_keeps_tenants_apart_as_well(migrated: Connection) -> None:
    rows = await migrated.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "WHERE c.relnamespace = 'kernel'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
        "AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
    )
    assert [row["relname"] for row in rows] == []


# ── the exam bites ──


async def owner_of(server: str, name: str) -> Connection:
    """The owner's connection to a fresh database with identity and platform in it."""
    made = await asyncpg.connect(server)
    try:
        await made.execute(f'CREATE DATABASE "{name}"')
    finally:
        await made.close()
    url = assembly.with_database(server, name)
    await migrate.prepare(server, name, login=f"{name}_login")
    await migrate.upgrade(url, ["identity", "platform"])
    connection = await asyncpg.connect(url)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=json.loads)
    return connection


async def test_what_lets_tenants_see_each_other_is_found(server: str, tmp_path: Path) -> None:
    connection = await owner_of(server, f"broken_{new_id().hex[-12:]}")
    identity, platform = CATALOGUE.modules["identity"], CATALOGUE.modules["platform"]
    try:
        assert await schemas.kept_apart(connection, identity) == []
        for damage, problem in {
            "ALTER TABLE identity.role NO FORCE ROW LEVEL SECURITY": "identity.role: row-level security is not forced",
            "CREATE POLICY open ON identity.role USING (true)": "identity.role: the policy open lets others in",
            "DROP POLICY tenant ON identity.session": "identity.session: the policy of tenants is None",
            "GRANT TRUNCATE ON identity.session TO entrepot_app": "identity.session: the application may TRUNCATE",
            "GRANT SELECT ON identity.api_key TO PUBLIC": "identity.api_key: anybody may SELECT",
            "DROP TRIGGER audit_update ON identity.api_key": "identity.api_key: its changes leave no trace in the audit trail",
            "CREATE TABLE identity.extra (tenant_id uuid)": "identity.extra is in the database and not in tables",
        }.items():
            await connection.execute(damage)
            assert problem in await schemas.kept_apart(connection, identity), damage
        await connection.execute("CREATE INDEX careless ON platform.layout (object)")
        await connection.execute(
            "ALTER TABLE platform.layout ADD CONSTRAINT away FOREIGN KEY (tenant_id, id) REFERENCES identity.role"
        )
        assert await schemas.led_by_tenant(connection, platform) == [
            "platform.layout: the index careless begins with object",
            "platform.layout: away refers to identity.role",
        ]
    finally:
        await connection.close()


async def test_policies_of_before_are_brought_up_to_date(server: str) -> None:
    """Of tables with a tenant and of the tenants' own; those of the house itself stay as they are."""
    connection = await owner_of(server, f"before_{new_id().hex[-12:]}")
    modules = [CATALOGUE.modules["identity"], CATALOGUE.modules["platform"]]
    before = "nullif(current_setting('app.tenant', true), '')::uuid"
    try:
        tables = await connection.fetch(
            "SELECT polrelid::regclass::text AS name FROM pg_policy WHERE polname = 'tenant' ORDER BY 1"
        )
        for row in tables:
            column = "id" if row["name"] == "identity.tenant" else "tenant_id"
            said = f"({column} = {before})"
            await connection.execute(f"ALTER POLICY tenant ON {row['name']} USING {said} WITH CHECK {said}")
        assert len([p for m in modules for p in await schemas.kept_apart(connection, m)]) == len(
            [row for row in tables if not row["name"].startswith("kernel.")]
        )
        await connection.execute(import_module("entrepot.kernel.migrations.0008_any_tenant").POLICIES)
        assert [p for m in modules for p in await schemas.kept_apart(connection, m)] == []
        left = "SELECT count(*) FROM pg_policy WHERE polname = 'tenant' AND pg_get_expr(polqual, polrelid) !~ 'SELECT'"
        assert await connection.fetchval(left) == 0
    finally:
        await connection.close()


async def test_what_differs_from_its_declaration_is_found(server: str, scratch: Connection) -> None:
    connection = await owner_of(server, f"other_{new_id().hex[-12:]}")
    platform = CATALOGUE.modules["platform"]
    try:
        await schemas.declare(scratch, platform)
        declared = await schemas.facts(scratch, "platform")
        assert schemas.compared("platform", declared, await schemas.facts(connection, "platform")) == []
        await connection.execute(
            "ALTER TABLE platform.setting ALTER level DROP NOT NULL; ALTER TABLE platform.custom_row DROP COLUMN status; "
            "DROP INDEX platform.layout_object_page_owner_id_key; DROP TABLE platform.object_definition"
        )
        assert schemas.compared("platform", declared, await schemas.facts(connection, "platform")) == [
            "platform.custom_row: column status is declared as \"text not null default ''::text\" and migrated as None",
            "platform.layout: index layout_object_page_owner_id_key is declared as 'CREATE UNIQUE INDEX "
            "layout_object_page_owner_id_key ON platform.layout USING btree (tenant_id, object, page, owner_id)' "
            "and migrated as None",
            "platform.object_definition is declared and no migration makes it",
            "platform.setting: column level is declared as 'text not null' and migrated as 'text'",
        ]
    finally:
        await connection.close()
