"""Reads of trials."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.pure.errors import NotFound
from tests.kernel.trial.contract import Stock
from tests.kernel.trial.tables import Thing


class ThingShown(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    amount: Decimal
    rank: int
    state: str
    good: bool
    due: date | None
    seen_at: datetime | None
    custom: dict[str, Any]
    created_at: datetime
    version: int


THINGS = Listing(
    name="things",
    view=view(ThingShown, Thing),
    needs="trial.view",
    search=[Thing.name],
    sort="rank",
    extensible=Thing,
)


@command(needs="trial.view")
async def get_thing(ctx: Ctx, thing_id: UUID) -> ThingShown:
    """One thing."""
    return await ctx.one(view(ThingShown, Thing).where(Thing.id == thing_id))


@command(needs="trial.view")
async def count_things(ctx: Ctx, least: Decimal = Decimal(0), good: bool = True) -> int:
    """How many things have at least this amount."""
    return await ctx.value("SELECT count(*) FROM trial.thing WHERE amount >= $1 AND good = $2", least, good)


async def left(ctx: Ctx, name: str) -> Stock:
    found = await ctx.row(Stock, "SELECT name, amount FROM trial.thing WHERE name = $1", name)
    if found is None:
        raise NotFound("there is no such {what}", what="thing", name=name)
    return found


async def all_left(ctx: Ctx, names: list[str], least: Decimal) -> list[Stock]:
    return await ctx.rows(
        Stock,
        "SELECT name, amount FROM trial.thing WHERE name = ANY($1) AND amount >= $2 ORDER BY name",
        names,
        least,
    )
