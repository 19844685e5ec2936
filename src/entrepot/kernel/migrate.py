"""Bring a database up to date: the kernel's chain first, then the chain of every module placed in it.

Each chain is linear and has its own version table in its own schema, so modules need no order among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from entrepot.kernel.config import ConfigError

ROOT = Path(__file__).parent.parent
OLDEST = 160000
LOCK = 4_917_030_261  # any number, the same for everybody: two migrators never run at once


@dataclass(frozen=True, slots=True)
class Chain:
    """The migrations of one module: `schema` and the folder with its numbered files."""

    schema: str
    folder: Path

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9][0-9][0-9][0-9]_*.py"))

    @property
    def head(self) -> str:
        return self.files()[-1].name[:4]


def chains(modules: Sequence[str]) -> list[Chain]:
    """The kernel's chain and those of the modules that keep something."""
    found = [Chain("kernel", ROOT / "kernel" / "migrations")]
    found += [Chain(name, ROOT / "modules" / name / "migrations") for name in sorted(modules)]
    return [chain for chain in found if chain.files()]


async def pending(url: str, modules: Sequence[str]) -> list[Chain]:
    """Chains whose newest migration has not run here. Cheap, so that an ordinary start needs no Alembic at all."""
    wanted = chains(modules)
    try:
        connection = await asyncpg.connect(url)
    except asyncpg.InvalidCatalogNameError:
        return wanted
    try:
        known = {
            row["nspname"]
            for row in await connection.fetch(
                "SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE relname = 'migration'"
            )
        }
        # The schemas are the names of modules' folders.
        asked = " UNION ALL ".join(
            f"SELECT '{chain.schema}', version_num FROM {chain.schema}.migration"  # noqa: S608
            for chain in wanted
            if chain.schema in known
        )
        reached = dict(await connection.fetch(asked)) if asked else {}
        return [chain for chain in wanted if reached.get(chain.schema, "") < chain.head]
    finally:
        await connection.close()


async def upgrade(url: str, modules: Sequence[str], *, told: Callable[[str], None] = lambda _: None) -> list[str]:
    """Run what is pending, as the owner; returns the names of the chains that moved. Safe to call at the same time."""
    waiting = await pending(url, modules)
    if not waiting:
        return []
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(_sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
            await connection.commit()
            for chain in waiting:
                told(chain.schema)
                await connection.run_sync(_run, chain)
            await connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
            await connection.commit()
    finally:
        await engine.dispose()
    return [chain.schema for chain in waiting]


def _run(connection: Any, chain: Chain) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {chain.schema}")
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {chain.schema} TO entrepot_app, entrepot_system")
    connection.commit()
    script = ScriptDirectory(str(chain.folder), version_locations=[str(chain.folder)])
    config = Config()
    config.set_main_option("script_location", str(chain.folder))

    def revisions(current: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", current)

    with EnvironmentContext(config, script, fn=revisions, destination_rev="head") as environment:
        environment.configure(
            connection=connection,
            version_table="migration",
            version_table_schema=chain.schema,
            transaction_per_migration=True,
        )
        with environment.begin_transaction():
            environment.run_migrations()
    connection.commit()


async def prepare(bootstrap_url: str, name: str, *, login: str, password: str | None = None) -> None:
    """Make the database and the roles when they are missing. The login role owns nothing and inherits only the
    application's rights; it may step into the system role, which sees the kernel's own tables of every tenant."""
    connection = await asyncpg.connect(bootstrap_url)
    try:
        version = int(await connection.fetchval("SHOW server_version_num"))
        if version < OLDEST:
            raise ConfigError(f"PostgreSQL 16 or newer is needed; this server is {version // 10000}.{version % 10000}")
        await connection.execute(
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'entrepot_app') THEN
                    CREATE ROLE entrepot_app;
                END IF;
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'entrepot_system') THEN
                    CREATE ROLE entrepot_system;
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
            """
        )
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", login):
            await _ignore_twice(connection, f'CREATE ROLE "{login}" LOGIN INHERIT')
            await connection.execute(f'GRANT entrepot_app TO "{login}" WITH INHERIT TRUE')
            await connection.execute(f'GRANT entrepot_system TO "{login}" WITH INHERIT FALSE, SET TRUE')
        if password is not None:
            quoted = password.replace("'", "''")
            await connection.execute(f"ALTER ROLE \"{login}\" PASSWORD '{quoted}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await _ignore_twice(connection, f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


async def _ignore_twice(connection: Any, statement: str) -> None:
    try:
        await connection.execute(statement)
    except (asyncpg.DuplicateObjectError, asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return  # somebody else made it a moment ago, which is just as good


def _sqlalchemy_url(url: str) -> str:
    return "postgresql+asyncpg://" + url.split("://", 1)[1]
