"""One batch of one subscription: read along the log, handled tenant by tenant, and its position kept, all in one
transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from entrepot.kernel import parking, positions
from entrepot.kernel.ctx import NIL, SYSTEM, Caller, Ctx, Origin
from entrepot.kernel.database import Connection, Database
from entrepot.kernel.logs import about
from entrepot.kernel.origins import Origins
from entrepot.kernel.positions import BATCH, Position
from entrepot.kernel.units import roll_back, switch
from entrepot.pure.groups import grouped

if TYPE_CHECKING:
    from entrepot.kernel.house import House
    from entrepot.kernel.relay import Reaction

# What says nothing about the event: the whole batch is tried again. So is everything on a connection that broke.
TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
)

# So many rows are looked at for several subscriptions at once; who is further behind goes on by itself.
NEAR = 50_000

logger = structlog.get_logger("entrepot.relay")


class Batch:
    """A batch. `reading` is called when it begins to read: what is committed later it does not see. Which
    events its handlers told stands in `told`, by name."""

    told: Collection[str] = ()

    def __init__(self, house: House, database: Database, reaction: Reaction, reading: Callable[[], None]) -> None:
        self.house = house
        self.database = database
        self.reaction = reaction
        self.reading = reading

    async def run(self, *, wait: bool = False, careful: bool = False) -> int:
        """Handle it and return how many events it looked at. Raises Failed when a handler failed, unless it goes about
        it `careful`ly, event by event; `wait` for another process that is at the same subscription."""
        async with self.database.connection() as connection:
            ctx = Ctx(self.house, self.database, connection, NIL, SYSTEM)
            try:
                async with _along_the_log(connection):
                    handled = await self._read_and_handle(ctx, wait, careful)
                    await ctx.connection.settle()
            except BaseException:
                await ctx.give_back()
                raise
        self.told = ctx.told
        return handled

    async def _read_and_handle(self, ctx: Ctx, wait: bool, careful: bool) -> int:
        connection, reaction = ctx.connection, self.reaction
        position = await positions.lock(connection, reaction.name, wait=wait)
        self.reading()
        if position is None:
            return 0
        source = None if reaction.forward is None else self.house.name
        rows, seen = await positions.read(connection, reaction.name, position, list(reaction.events), source)
        due = await parking.due(connection, reaction.name, BATCH) if seen.parked else []
        if rows and reaction.forward is not None:
            # A carrier that fails fails as a whole and is tried again: parking single events would break their order.
            await reaction.forward(rows)
        elif rows:
            blocked = await parking.blocked(connection, reaction.name, rows) if seen.parked else set()
            await self._deliver(ctx, rows, blocked, careful)
        if due:
            await self._retry(ctx, due)
        position.finish([*((row["seq"], row["seq"] + 1) for row in rows), *seen.passed])
        if position.settle(seen) or rows:
            await positions.save(ctx, reaction.name, position, len(rows))
        return len(rows) + len(due)

    async def _deliver(self, ctx: Ctx, rows: Sequence[Any], blocked: set[tuple[UUID, str]], careful: bool) -> None:
        for tenant, mine in grouped(rows, itemgetter("tenant_id")).items():
            await switch(ctx, tenant, SYSTEM, _caller(mine[0]), _origins(mine))
            held = [row for row in mine if (tenant, row["subject"]) in blocked] if blocked else []
            for row in held:
                await parking.park(ctx.connection, self.reaction.name, row, parking.WAITING, attempts=0)
            free = [row for row in mine if (tenant, row["subject"]) not in blocked] if held else mine
            if careful:
                await self._one_by_one(ctx, free)
            elif free:
                try:
                    # A handler of batches acts for one business entity at a time, as any other unit does.
                    parts: Iterable[list[Any]] = ([row] for row in free)
                    if self.reaction.batch:
                        parts = grouped(free, itemgetter("entity_id")).values()
                    for part in parts:
                        await self._call(ctx, part)
                except Exception as error:
                    if _is_transient(error, ctx.connection):
                        raise
                    raise Failed from error
            await self.house.log.write(ctx)

    async def _one_by_one(self, ctx: Ctx, rows: Sequence[Any]) -> None:
        """Each event for itself, so that one that fails is put aside and the others have their effect."""
        stuck: set[str] = set()
        for row in rows:
            if row["subject"] in stuck:
                await parking.park(ctx.connection, self.reaction.name, row, parking.WAITING, attempts=0)
                continue
            error = await self._try(ctx, row)
            if error is not None:
                stuck.add(row["subject"])
                await parking.park(ctx.connection, self.reaction.name, row, parking.describe(error), attempts=1)
                with about(tenant=str(row["tenant_id"]), correlation=row["correlation"] or ""):
                    logger.warning("relay.parked", what=row["name"], subject=row["subject"], error=repr(error))

    async def _retry(self, ctx: Ctx, due: Sequence[Any]) -> None:
        stuck: set[tuple[UUID, str]] = set()
        for row in due:
            entity = (row["tenant_id"], row["subject"])
            if entity in stuck:
                continue
            await switch(ctx, row["tenant_id"], SYSTEM, _caller(row))
            error = await self._try(ctx, row)
            if error is None:
                await parking.unpark(ctx.connection, self.reaction.name, row)
            else:
                stuck.add(entity)
                await parking.park_again(ctx.connection, self.reaction.name, row, parking.describe(error))
            await self.house.log.write(ctx)

    async def _try(self, ctx: Ctx, row: Any) -> Exception | None:
        """Handle one event so that a failure leaves nothing behind; returns what went wrong with the event."""
        try:
            async with ctx.attempt():
                await self._call(ctx, [row])
        except Exception as error:
            if _is_transient(error, ctx.connection):
                raise
            return error
        return None

    async def _call(self, ctx: Ctx, rows: Sequence[Any]) -> None:
        ctx.caller = _caller(rows[0])
        ctx.origins = _origins(rows)
        ctx.entity_id = rows[0]["entity_id"] or NIL
        kinds = self.reaction.events
        await self.reaction.hear(
            ctx, [msgspec.json.decode(row["data"], type=kinds[row["name"]], strict=False) for row in rows]
        )


async def behind(connection: Connection) -> dict[str, bool]:
    """The subscriptions that are not at the end of the log, or have a parked event to try again; True for the latter."""
    async with _along_the_log(connection):
        return await positions.behind(connection)


async def pass_by(connection: Connection, hearing: Mapping[str, Collection[str]]) -> set[str]:
    """Move on, with one look at the log, the subscriptions for which there is nothing in it; `hearing` has the names of the
    events of each. Returns which were moved or need not be."""
    async with _along_the_log(connection):
        held = await positions.lock_many(connection, hearing.keys())
        near = {name: at for name, at in held.items() if at.newest - at.holes()[0][0] < NEAR}
        idle: dict[str, Position] = {}
        if near:
            told, seen = await positions.heard_since(connection, near.values())
            idle = {
                name: at
                for name, at in near.items()
                if not any(event in hearing[name] and name not in served for event, served in told)
            }
            await positions.save_many(connection, {name: at for name, at in idle.items() if at.settle(seen)})
    return set(idle)


@asynccontextmanager
async def _along_the_log(connection: Connection) -> AsyncIterator[None]:
    """A transaction of the house itself, which reads the log of all tenants."""
    await connection.execute(f"BEGIN; SET LOCAL ROLE entrepot_system; {positions.ALONG}")
    try:
        yield
        await connection.execute("COMMIT")
    except BaseException:
        await roll_back(connection)
        raise


class Failed(Exception):
    """A handler failed; its batch is rolled back and tried again event by event."""


def _is_transient(error: Exception, connection: Connection) -> bool:
    return isinstance(error, TRANSIENT) or bool(connection.is_closed())


def _origins(rows: Sequence[Any]) -> Origins:
    """What the work of a batch is done for, so that each effect names its own cause and not the first of the batch."""
    return {row["subject"]: Origin(SYSTEM, _caller(row)) for row in rows}


def _caller(row: Any) -> Caller:
    return Caller(correlation=row["correlation"] or "", causation=str(row["id"]))
