"""The statements that write rows of a table, each made once for a set of columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from entrepot.kernel.db import Table, pg_type


def insert_sql(
    table: type[Table], names: Iterable[str], *, many: bool, alike: Iterable[str] = (), skip_conflicts: bool = False
) -> str:
    """INSERT of one row, or of many that come as one list of JSON objects: writing that is a quarter of the work of one
    array per column, and reading it hardly more. What is `alike` in all of them comes once, after the list."""
    key = (table, tuple(names), tuple(alike), many, skip_conflicts)
    found = _INSERTS.get(key)
    if found is None:
        own = [f'"{name}"' for name in key[1]]
        shared = [f'"{name}"' for name in key[2]]
        if many:
            typed = ", ".join(f'"{name}" {pg_type(table, name)}' for name in key[1])
            once = [f"${at}::{pg_type(table, name)}" for at, name in enumerate(key[2], start=2)]
            source = f"SELECT {', '.join([*own, *once])} FROM json_to_recordset($1::json) AS r({typed})"  # noqa: S608
        else:
            source = f"VALUES ({', '.join(f'${at}' for at in range(1, len(own) + 1))})"
        # Table and column names are our own declarations, never input.
        found = f"INSERT INTO {table.qualified()} ({', '.join([*own, *shared])}) {source}"
        if skip_conflicts:
            found += " ON CONFLICT DO NOTHING"
        _INSERTS[key] = found
    return found


_INSERTS: dict[Any, str] = {}


def update_sql(table: type[Table], names: Iterable[str]) -> str:
    """UPDATE of the row whose id comes first, then its values; it counts the version up where the table has one."""
    key = (table, tuple(names))
    found = _UPDATES.get(key)
    if found is None:
        sets = [f'"{name}" = ${at}' for at, name in enumerate(key[1], start=2)]
        if "version" in table.table.c:
            sets.append("version = version + 1")
        # Table and column names are our own declarations, never input.
        found = _UPDATES[key] = f"UPDATE {table.qualified()} SET {', '.join(sets)} WHERE id = $1"  # noqa: S608
    return found


_UPDATES: dict[Any, str] = {}
