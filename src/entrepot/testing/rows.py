"""Rows of every table, made from its columns alone: something to look for where only its existence matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_type_hints
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from entrepot.kernel import db
from entrepot.kernel.commands import describe
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.lists import Listing
from entrepot.kernel.module import Module
from entrepot.kernel.scaffold import in_order
from entrepot.pure.errors import Refusal
from entrepot.pure.ids import new_id

WORDS = {"currency": "EUR", "country": "NL", "locale": "en", "timezone": "Europe/Amsterdam", "unit": "piece"}


async def one_of_each(
    ctx: Ctx, tables: Sequence[type[db.Table]], words: Mapping[str, str] | None = None
) -> dict[str, UUID]:
    """Insert a row into each of these tables; returns the ids by `schema.table`. `words` are texts by the name of
    their column. A table whose rows must obey a rule of their own (a check, a trigger) is left out."""
    made: dict[str, UUID] = {}
    known = {**WORDS, **(words or {})}
    for table in in_order(tables):
        values = {column.name: _value(column, made, known) for column in table.table.columns if _wanted(column)}
        if "id" in table.table.c:
            values["id"] = new_id()
        try:
            async with ctx.attempt():
                await ctx.add(table, **values)
        except (Refusal, asyncpg.PostgresError):
            continue
        if "id" in values:
            made[table.table.fullname] = values["id"]
    return made


def words_of(module: Module) -> dict[str, str]:
    """The words that columns of a module may hold, where its structs and machines name them."""
    found: dict[str, str] = {}
    for route in module.all_routes():
        target = route.target
        shape = target.view.shape if isinstance(target, Listing) else describe(route.then or target).result
        if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
            for name, hint in get_type_hints(shape).items():
                for kind in (hint, *get_args(hint)):
                    if isinstance(kind, type) and issubclass(kind, Enum):
                        found[name] = str(next(iter(kind)).value)
    return found | {stateful.column: str(stateful.machine.initial) for stateful in module.machines}


def _wanted(column: sa.Column[Any]) -> bool:
    return column.name not in ("tenant_id", "id") and not column.nullable and column.server_default is None


def _value(column: sa.Column[Any], made: dict[str, UUID], words: Mapping[str, str]) -> Any:
    target = _target(column)
    if target is not None and target in made:
        return made[target]
    kind = column.type
    if isinstance(kind, sa.Uuid):
        return new_id()
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, sa.Integer | sa.BigInteger):
        return 1
    if isinstance(kind, sa.Numeric):
        return Decimal(1)
    if isinstance(kind, sa.DateTime):
        return datetime.now(UTC)
    if isinstance(kind, sa.Date):
        return date(2026, 1, 1)
    if isinstance(kind, pg.ARRAY):
        return []
    if isinstance(kind, pg.JSONB):
        return {}
    if isinstance(kind, sa.LargeBinary):
        return b""
    return words.get(column.name, f"{column.name[:10]}{new_id().hex[-10:]}")


def _target(column: sa.Column[Any]) -> str | None:
    """The table a column refers to, by its foreign key (in which `tenant_id` goes along)."""
    for key in column.foreign_keys:
        if key.column.name == "id":
            return key.column.table.fullname
    return None
