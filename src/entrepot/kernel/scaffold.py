"""Writes what is the same every time: the first migration of a module's tables, and a new module."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateIndex, CreateTable

from entrepot.kernel import db
from entrepot.kernel.i18n import messages

ROOT = Path(__file__).parent.parent
BLUEPRINT = Path(__file__).parent / "blueprint"
NAME = re.compile(r"[a-z][a-z0-9]{1,11}(_[a-z0-9]{1,11})?").fullmatch

# In a process of its own, because this one has read the modules before there was the new one.
FINISH = """
import sys
from entrepot import assembly
from entrepot.kernel import docs, scaffold
from entrepot.kernel.module import Catalogue
(module,) = assembly.load_modules(sys.argv[1:])
print(scaffold.write_migration(module.name, scaffold.in_order(module.table_classes())))
for file in docs.write_all(Catalogue(assembly.load_modules())):
    print(file)
"""


def new_module(name: str, tier: int, *, root: Path = ROOT) -> list[Path]:
    """Write a module with every room in it: an item with a life, its commands, list, events, reaction, routes, pages,
    words and tests, its first migration, golden schemas and docs. It passes the whole gate as it stands; returns the
    files. Refuses with ValueError a name that is taken or cannot be one; leaves nothing behind when it fails."""
    folder = root / "modules" / name
    if not NAME(name):
        raise ValueError(f"{name!r} cannot name a module: small letters and digits, at most two words joined by _")
    if folder.exists():
        raise ValueError(f"there already is a module {name}")
    if not 1 <= tier <= 9:
        raise ValueError("a tier is a number from 1 to 9")
    words = name.replace("_", " ")
    facts = {
        "name": name,
        "path": name.replace("_", "-"),
        "words": words,
        "title": words.capitalize(),
        "class": "".join(part.capitalize() for part in name.split("_")),
        "tier": str(tier),
    }
    known = [[message] for message in messages("nl")]
    written = []
    for template in sorted(BLUEPRINT.rglob("*.txt")):
        file = folder / template.relative_to(BLUEPRINT).with_suffix("")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = re.sub(r"<<(\w+)>>", lambda found: facts[found[1]], template.read_text(encoding="utf-8"))
        if file.suffix == ".toml":
            # What somebody said already is said once.
            text = "".join(line for line in text.splitlines(True) if line.split('"')[1:2] not in known)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    finished = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", FINISH, name],
        env={**os.environ, "PYTHONPATH": str(root.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        shutil.rmtree(folder)
        raise RuntimeError(f"the house does not stand with {name} in it:\n{finished.stderr.strip()}")
    return [*written, *(Path(line) for line in finished.stdout.splitlines())]


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
