"""Units of work: one request, message or job, in one transaction of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import asyncpg

from entrepot.kernel import numbers
from entrepot.kernel.ctx import Again, Ctx
from entrepot.kernel.database import Connection, Database
from entrepot.kernel.line import Line, refusal_of
from entrepot.kernel.origins import (
    NIL,
    NOBODY_ELSE,
    SYSTEM,
    Actor,
    Caller,
    Origins,
    begin_sql,
    context_of,
    settings_sql,
)
from entrepot.kernel.positions import FREE
from entrepot.kernel.shared import Shared

if TYPE_CHECKING:
    from entrepot.kernel.house import House
    from entrepot.kernel.idempotency import Lock

T = TypeVar("T")

# A list of rows as JSON is planned for as if it had a hundred: for so many it would seem cheaper to read a whole warehouse
# than to look up the few goods of a sale.
_BY_KEY = "; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"

PATIENCE = 0.2  # seconds that units which share a transaction wait for somebody else's rows


@asynccontextmanager
async def unit(
    house: House,
    tenant_id: UUID,
    actor: Actor = SYSTEM,
    *,
    entity_id: UUID | None = None,
    caller: Caller | None = None,
    locale: str | None = None,
    preview: bool = False,
    read_only: bool = False,
    locks: Sequence[Lock] = (),
    database: Database | None = None,
    hot: bool = False,
) -> AsyncIterator[Ctx]:
    """One request, message or job: one tenant, one transaction. Commits at the end, or leaves nothing behind.

    The database is the tenant's; only the directory of tenants names another. What is `hot` runs the same few statements
    all day, each found by a key whatever the key is: planning them anew for each would cost as much as running them."""
    database = database or house.databases.of(tenant_id)
    # Who has read what they wanted need not wait for the end of their transaction.
    async with database.connection(last="COMMIT" if read_only and not preview else "") as connection:
        ctx = Ctx(
            house,
            database,
            connection,
            tenant_id,
            actor,
            entity_id=entity_id,
            caller=caller,
            locale=locale,
            preview=preview,
        )
        begin = begin_sql(tenant_id, actor, ctx.caller, read_only=read_only)
        if hot:
            begin += _BY_KEY
        if preview:
            begin += "; SET LOCAL app.preview = 'on'"
        await connection.execute(begin + _locked(locks))
        try:
            yield ctx
            if ctx.spoiled is not None:
                raise ctx.spoiled
            if preview:
                await ctx.connection.settle()
                await connection.execute("ROLLBACK")
            else:
                await house.log.write(ctx)
                await (ctx.connection.settle() if read_only else _commit(ctx.connection))
        except Again:
            # What was taken elsewhere was taken under the same reference as the winner's: it is theirs now.
            await roll_back(connection)
            numbers.unsure(ctx)
            raise
        except BaseException:
            await roll_back(connection)
            numbers.unsure(ctx)
            await ctx.give_back()
            raise
    if not preview:
        _committed(ctx)


Work = Callable[[Ctx], Awaitable[T]]


class SharedUnits:
    """Units of several tenants in one transaction, which go on in step (`kernel/shared.py`)."""

    def __init__(self, house: House, database: Database, connection: Connection) -> None:
        self._house = house
        self._database = database
        self.shared = Shared(database, connection)
        self.begun: list[Ctx] = []

    async def do(self, works: Iterable[tuple[UUID, UUID, Work[T]]]) -> list[T]:
        """What these come to: each by tenant and business entity, in a unit of the house itself. What one has written is
        sent when it ends, and is committed with what the others have. Where one fails the others are ended."""
        nobody = context_of(SYSTEM, Caller(), NOBODY_ELSE)
        begun = []
        for tenant_id, entity_id, work in works:
            line = self.shared.line(tenant_id, nobody)
            ctx = Ctx(self._house, self._database, line, tenant_id, SYSTEM, entity_id=entity_id)
            self.begun.append(ctx)
            begun.append((line, self._unit(ctx, work)))
        return await self.shared.do(begun)

    async def _unit(self, ctx: Ctx, work: Work[T]) -> T:
        result = await work(ctx)
        if ctx.spoiled is not None:
            raise ctx.spoiled
        await self._house.log.write(ctx)
        await ctx.connection.settle()
        return result


@asynccontextmanager
async def shared_units(house: House, database: Database, locks: Sequence[Lock]) -> AsyncIterator[SharedUnits]:
    """One transaction for hot units of several tenants of a database, committed at the end for all of them or for none. Their
    neighbours must all be near: nothing is given back elsewhere.

    Somebody's rows that others hold for long must not hold up everybody else: then it fails, and each goes by itself."""
    async with database.connection() as connection:
        units = SharedUnits(house, database, connection)
        try:
            await connection.execute(
                f"BEGIN; SET LOCAL lock_timeout = '{1000 * PATIENCE:.0f}ms'{_BY_KEY}{_locked(locks)}"
            )
            yield units
            await _commit(Line(connection))
        except BaseException:
            await roll_back(connection)
            for ctx in units.begun:
                numbers.unsure(ctx)
            raise
        database.functions_of(connection).update(units.shared.made)
    for ctx in units.begun:
        _committed(ctx)


def _locked(locks: Sequence[Lock]) -> str:
    """What takes these locks with BEGIN, in the order of their numbers, so that no two units wait for each other."""
    if not locks:
        return ""
    taken = (f"pg_advisory_xact_lock{'_shared' * lock.shared}({lock.number:d})" for lock in sorted(set(locks)))
    return f"; SELECT {', '.join(taken)}"


def _committed(ctx: Ctx) -> None:
    for changed in ctx.changed:
        ctx.house.forget(changed)
    if ctx.told:
        ctx.house.relay.wake(ctx.database, ctx.told, ctx.served)


async def switch(
    ctx: Ctx,
    tenant_id: UUID,
    actor: Actor = SYSTEM,
    caller: Caller | None = None,
    origins: Origins = NOBODY_ELSE,
) -> None:
    """Let a unit of the house itself (relay, jobs) go on as another tenant of the same database."""
    ctx.tenant_id = tenant_id
    ctx.actor = actor
    ctx.caller = caller or Caller()
    ctx.entity_id = NIL
    ctx.origins = origins
    # What the database checks at the end of a transaction it must check now, while it sees this tenant's rows.
    checked = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED; "
    free = f"RESET ROLE; {FREE}; "
    await ctx.connection.execute(checked + free + settings_sql(tenant_id, actor, ctx.caller, origins))


async def _commit(line: Line) -> None:
    try:
        await line.execute("COMMIT")
    except asyncpg.PostgresError as error:
        raise refusal_of(error) from error


async def roll_back(connection: Connection) -> None:
    """End a transaction that is still there, leaving nothing."""
    if not connection.is_closed() and connection.is_in_transaction():
        await connection.execute("ROLLBACK")
