"""Units of work: one request, message or job, in one transaction of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from entrepot.kernel import numbers
from entrepot.kernel.ctx import Again, Ctx
from entrepot.kernel.database import Connection, Database
from entrepot.kernel.line import Line, refusal_of
from entrepot.kernel.origins import NIL, NOBODY_ELSE, SYSTEM, Actor, Caller, Origins, begin_sql, settings_sql
from entrepot.kernel.positions import FREE

if TYPE_CHECKING:
    from entrepot.kernel.house import House
    from entrepot.kernel.idempotency import Lock

# A list of rows as JSON is planned for as if it had a hundred: for so many it would seem cheaper to read a whole warehouse
# than to look up the few goods of a sale.
_BY_KEY = "; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


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
        if locks:
            # In the order of their numbers, so that no two units wait for each other.
            taken = (f"pg_advisory_xact_lock{'_shared' * lock.shared}({lock.number:d})" for lock in sorted(set(locks)))
            begin += f"; SELECT {', '.join(taken)}"
        await connection.execute(begin)
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
    if preview:
        return
    for changed in ctx.changed:
        house.forget(changed)
    if ctx.told:
        house.relay.wake(database, ctx.told, ctx.served)


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
