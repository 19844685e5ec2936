"""Writes what is the same every time: the first migration of a module's tables, and a new module."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateIndex, CreateTable

from entrepot.kernel import db

ROOT = Path(__file__).parent.parent


def tables_sql(tables: Sequence[type[db.Table]]) -> str:
    """CREATE TABLE and CREATE INDEX of these tables as they are declared now."""
    statements = []
    for table in tables:
        ddl = str(CreateTable(table.table).compile(dialect=pg.dialect())).strip().replace("\t", "    ")  # type: ignore[no-untyped-call]
        ddl = "\n".join(line.rstrip() for line in ddl.splitlines())
        fill = table.table.info.get("fillfactor")
        if fill:
            ddl += f" WITH (fillfactor = {fill})"
        statements.append(ddl)
        statements += [
            str(CreateIndex(index).compile(dialect=pg.dialect()))  # type: ignore[no-untyped-call]
            for index in sorted(table.table.indexes, key=lambda i: str(i.name))
        ]
    return ";\n".join(statements) + ";\n"


def secure_call(table: type[db.Table]) -> str:
    """The line of a migration that secures a table."""
    options = []
    if table.entity != table.table.name:
        options.append(f'entity="{table.entity}"')
    if not table.audited and not table.append_only:
        options.append("audited=False")
    if table.append_only:
        options.append("append_only=True")
    if table.system:
        options.append("system=True")
    if table.masked:
        options.append(f"masked={table.masked!r}")
    if not table.tenanted:
        options.append('tenant_column="id"')
    name = f'"{table.table.schema}.{table.table.name}"'
    return f"    secure({', '.join([name, *options])})".replace("'", '"')


def migration(
    module: str, tables: Sequence[type[db.Table]], *, revision: str = "0001", title: str = "first tables"
) -> str:
    """A migration file that makes these tables."""
    quote = '"""'
    secures = "\n".join(secure_call(table) for table in tables)
    down = "None" if revision == "0001" else f'"{int(revision) - 1:04d}"'
    return (
        textwrap.dedent(
            f'''\
        {quote}{module}: {title}.{quote}

        from entrepot.kernel.schema import run, secure

        revision = "{revision}"
        down_revision = {down}


        def upgrade() -> None:
            run(TABLES)
        '''
        )
        + f"{secures}\n\n\nTABLES = {quote}\n{tables_sql(tables).strip()}\n{quote}\n"
    )


def write_migration(module: str, tables: Sequence[type[db.Table]], *, title: str = "first tables") -> Path:
    """Write the next migration of a module; returns its file."""
    folder = ROOT / "modules" / module / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    revision = f"{len(list(folder.glob('[0-9]*.py'))) + 1:04d}"
    file = folder / f"{revision}_{title.replace(' ', '_')}.py"
    file.write_text(migration(module, tables, revision=revision, title=title))
    return file


def in_order(tables: Sequence[type[db.Table]]) -> list[type[db.Table]]:
    """Referenced tables before those that refer to them."""
    order = {table: at for at, table in enumerate(sa.sql.ddl.sort_tables([t.table for t in tables]))}
    return sorted(tables, key=lambda t: order[t.table])
