"""Carries events from the log to their subscribers, each exactly once in its own database and in order per entity."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints
from uuid import UUID

import asyncpg
import msgspec
import structlog

from entrepot.kernel import parking, positions
from entrepot.kernel.ctx import NIL, SYSTEM, Caller, Ctx, Origin
from entrepot.kernel.database import Connection, Database
from entrepot.kernel.log import Bell
from entrepot.kernel.logs import about
from entrepot.kernel.origins import Origins
from entrepot.kernel.positions import BATCH
from entrepot.kernel.units import switch
from entrepot.pure.events import Event

if TYPE_CHECKING:
    from entrepot.kernel.house import House

POLL = 1.0
PACE = 0.01
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

Carry = Callable[[Sequence[Any]], Awaitable[None]]
logger = structlog.get_logger("entrepot.relay")


@dataclass(frozen=True, slots=True)
class Reaction:
    """A handler with the events it hears; `batch` handlers get a list of consecutive events of one tenant. Or a
    carrier: `forward` gets every event that began in this house."""

    name: str
    events: dict[str, type[Event]]
    handler: Callable[[Ctx, Any], Awaitable[None]]
    batch: bool
    from_start: bool = False
    patterns: tuple[str, ...] = ()
    between_services: bool = False
    forward: Carry | None = None


_REACTIONS = "__reaction__"


def on(
    *kinds: type[Event] | str, from_start: bool = False, between_services: bool = False
) -> Callable[[Callable[[Ctx, Any], Awaitable[None]]], Any]:
    """Mark an event handler. A handler whose second parameter is a list takes batches of up to a hundred.

    Beside events themselves, patterns of their names are heard: `order.*` is everything that happens to orders.
    A handler that is added to a house in use hears what happens from now on; with `from_start` also everything that
    ever happened. In a new database every handler begins at the beginning. A handler that is only about what services
    tell each other (`between_services`) is not served where every module is in one process."""

    def mark(function: Callable[[Ctx, Any], Awaitable[None]]) -> Callable[[Ctx, Any], Awaitable[None]]:
        setattr(function, _REACTIONS, (kinds, from_start, between_services))
        return function

    return mark


def reactions_of(module: str, room: Any) -> list[Reaction]:
    """The handlers of a module's `reactions` room."""
    found = []
    for name, function in sorted(vars(room).items()):
        marked = getattr(function, _REACTIONS, None)
        if marked is None or function.__module__ != room.__name__:
            continue
        kinds, from_start, between_services = marked
        parameter = list(inspect.signature(function).parameters)[1]
        batch = get_origin(get_type_hints(function)[parameter]) in (list, Sequence)
        events = {kind.event_name: kind for kind in kinds if not isinstance(kind, str)}
        patterns = tuple(kind for kind in kinds if isinstance(kind, str))
        found.append(Reaction(f"{module}.{name}", events, function, batch, from_start, patterns, between_services))
    return found


def resolved(reaction: Reaction, known: dict[str, type[Event]], aliases: dict[str, str]) -> Reaction:
    """The reaction with every event that its patterns mean, by canonical name or alias."""
    if not reaction.patterns:
        return reaction
    names = {name for pattern in reaction.patterns for name in fnmatch.filter([*known, *aliases], pattern)}
    meant = {aliases.get(name, name) for name in names}
    return replace(reaction, events={**{name: known[name] for name in sorted(meant)}, **reaction.events})


class Relay:
    """Runs every subscription of the house over each of its databases until stopped."""

    def __init__(self, house: House, reactions: Sequence[Reaction], *, workers: bool = True) -> None:
        self.house = house
        apart = bool(house.topology.far)
        self.reactions = {r.name: r for r in reactions if apart or not r.between_services}
        self.workers = workers
        self._bells: dict[str, Bell] = {}
        self._wakers: dict[str, dict[str, asyncio.Event]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def forward(self, name: str, carry: Carry) -> None:
        """Also hand every event that began in this house to a carrier; before `start`."""
        self.reactions[name] = Reaction(name, {}, _nobody, batch=True, forward=carry)

    async def start(self) -> None:
        """Register the subscriptions and, where this process works, serve them."""
        for database in self.house.databases.all():
            await self.take_up(database)

    async def take_up(self, database: Database) -> None:
        """Register the subscriptions in a database and serve them there."""
        async with database.connection() as connection:
            await positions.register(connection, list(self.reactions), [r.from_start for r in self.reactions.values()])
        wakers = self._wakers[database.name] = {
            name: asyncio.Event() for name in (self.reactions if self.workers else ())
        }
        bell = self._bells[database.name] = Bell(database)
        await bell.open(partial(self._wake_here, database))
        for name, waker in wakers.items():
            self._spawn(self._serve(database, self.reactions[name], waker), f"relay-{name}")
        if wakers:
            self._spawn(self._watch(database), f"watch-{database.name}")

    async def stop(self) -> None:
        """Let running batches finish, then end."""
        self._stopping.set()
        for wakers in self._wakers.values():
            for waker in wakers.values():
                waker.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=10)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for bell in self._bells.values():
            await bell.close()

    def wake(self, database: Database, names: Collection[str]) -> None:
        """Events of these names were committed: look now, here and in the other processes."""
        self._wake_here(database, names)
        bell = self._bells.get(database.name)
        if bell is not None:
            bell.ring(names)

    async def drain(self) -> int:
        """Handle everything there is, here and now, in rounds until nothing new appears; for tests and commands.

        Returns how many events were handled."""
        total = 0
        while True:
            before = total
            for database in self.house.databases.all():
                for reaction in self.reactions.values():
                    while handled := await self.step(database, reaction, wait=True):
                        total += handled
            if total == before:
                return total

    async def step(self, database: Database, reaction: Reaction, *, wait: bool = False) -> int:
        """One batch of one subscription; returns how many events it looked at."""
        started = time.perf_counter()
        with about(subscription=reaction.name):
            try:
                handled = await self._batch(database, reaction, wait=wait, careful=False)
            except _Failed as failed:
                logger.info("relay.careful", error=repr(failed.__cause__))
                handled = await self._batch(database, reaction, wait=wait, careful=True)
            if handled:
                took = round((time.perf_counter() - started) * 1000, 1)
                logger.info("relay.handled", events=handled, ms=took)
        return handled

    # ── how it runs ──

    def _spawn(self, work: Any, name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _wake_here(self, database: Database, names: Collection[str]) -> None:
        """An empty collection of names means that anything may have happened."""
        for name, waker in self._wakers.get(database.name, {}).items():
            reaction = self.reactions[name]
            if not names or reaction.forward is not None or not reaction.events.keys().isdisjoint(names):
                waker.set()

    async def _serve(self, database: Database, reaction: Reaction, waker: asyncio.Event) -> None:
        pause = 0.0
        waker.set()
        while not self._stopping.is_set():
            await waker.wait()
            try:
                # A batch that was not full has left nothing: what came since has set the waker again.
                began = time.perf_counter()
                while not self._stopping.is_set() and await self.step(database, reaction) >= BATCH:
                    began = time.perf_counter()
                pause = 0.0
                # Under load the events of a few milliseconds make one batch instead of many small ones: as long as half
                # of what a batch takes is well spent waiting for more of them.
                await asyncio.sleep(min(PACE, (time.perf_counter() - began) / 2))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                pause = min(max(0.1, pause * 2), 5.0)
                logger.warning("relay.failed", subscription=reaction.name, error=repr(error), pause=pause)
                waker.set()
                await self._rest(pause)

    async def _watch(self, database: Database) -> None:
        """Wake what is behind although nobody rang: its ringer died, or the time of a parked event has come."""
        while not self._stopping.is_set():
            await self._rest(POLL * random.uniform(0.8, 1.2))
            try:
                async with database.connection() as connection:
                    waiting = await positions.behind(connection)
            except Exception as error:
                logger.warning("relay.unwatched", database=database.name, error=repr(error))
                continue
            for name, waker in self._wakers[database.name].items():
                if name in waiting:
                    waker.set()

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # ── one batch ──

    async def _batch(self, database: Database, reaction: Reaction, *, wait: bool, careful: bool) -> int:
        async with database.connection() as connection:
            ctx = Ctx(self.house, database, connection, NIL, SYSTEM)
            await connection.execute(f"BEGIN; SET LOCAL ROLE entrepot_system; {positions.ALONG}")
            try:
                handled, told = await self._read_and_handle(ctx, reaction, wait, careful)
                await ctx.connection.execute("COMMIT")
            except BaseException:
                if not connection.is_closed() and connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
                await ctx.give_back()
                raise
        if told:
            self.wake(database, told)
        return handled

    async def _read_and_handle(self, ctx: Ctx, reaction: Reaction, wait: bool, careful: bool) -> tuple[int, set[str]]:
        connection = ctx.connection
        position = await positions.lock(connection, reaction.name, wait=wait)
        # What was committed until now is read now; who rings from here on rings for what may be missed.
        waker = self._wakers.get(ctx.database.name, {}).get(reaction.name)
        if waker is not None:
            waker.clear()
        if position is None:
            return 0, set()
        source = None if reaction.forward is None else self.house.name
        rows, seen = await positions.read(connection, reaction.name, position, list(reaction.events), source)
        due = await parking.due(connection, reaction.name, BATCH) if seen.parked else []
        told: set[str] = set()
        if rows and reaction.forward is not None:
            # A carrier that fails fails as a whole and is tried again: parking single events would break their order.
            await reaction.forward(rows)
        elif rows:
            blocked = await parking.blocked(connection, reaction.name, rows) if seen.parked else set()
            told |= await self._deliver(ctx, reaction, rows, blocked, careful)
        if due:
            told |= await self._retry(ctx, reaction, due)
        position.finish([*((row["seq"], row["seq"] + 1) for row in rows), *seen.passed])
        if position.settle(seen) or rows:
            await positions.save(ctx, reaction.name, position, len(rows))
        return len(rows) + len(due), told

    async def _deliver(
        self, ctx: Ctx, reaction: Reaction, rows: Sequence[Any], blocked: set[tuple[UUID, str]], careful: bool
    ) -> set[str]:
        by_tenant: dict[UUID, list[Any]] = {}
        for row in rows:
            by_tenant.setdefault(row["tenant_id"], []).append(row)
        told: set[str] = set()
        for tenant, mine in by_tenant.items():
            await switch(ctx, tenant, SYSTEM, _caller(mine[0]), _origins(mine))
            free = []
            for row in mine:
                if (tenant, row["subject"]) in blocked:
                    await parking.park(ctx.connection, reaction.name, row, parking.WAITING, attempts=0)
                else:
                    free.append(row)
            if careful:
                await self._one_by_one(ctx, reaction, free)
            elif free:
                try:
                    for part in _by_entity(free) if reaction.batch else [[row] for row in free]:
                        await self._call(ctx, reaction, part)
                except Exception as error:
                    if _is_transient(error, ctx.connection):
                        raise
                    raise _Failed from error
            told |= await self._flush(ctx)
        return told

    async def _one_by_one(self, ctx: Ctx, reaction: Reaction, rows: Sequence[Any]) -> None:
        """Each event for itself, so that one that fails is put aside and the others have their effect."""
        stuck: set[str] = set()
        for row in rows:
            if row["subject"] in stuck:
                await parking.park(ctx.connection, reaction.name, row, parking.WAITING, attempts=0)
                continue
            error = await self._try(ctx, reaction, row)
            if error is not None:
                stuck.add(row["subject"])
                await parking.park(ctx.connection, reaction.name, row, parking.describe(error), attempts=1)
                with about(tenant=str(row["tenant_id"]), correlation=row["correlation"] or ""):
                    logger.warning("relay.parked", what=row["name"], subject=row["subject"], error=repr(error))

    async def _retry(self, ctx: Ctx, reaction: Reaction, due: Sequence[Any]) -> set[str]:
        told: set[str] = set()
        stuck: set[tuple[UUID, str]] = set()
        for row in due:
            entity = (row["tenant_id"], row["subject"])
            if entity in stuck:
                continue
            await switch(ctx, row["tenant_id"], SYSTEM, _caller(row))
            error = await self._try(ctx, reaction, row)
            if error is None:
                await parking.unpark(ctx.connection, reaction.name, row)
            else:
                stuck.add(entity)
                await parking.park_again(ctx.connection, reaction.name, row, parking.describe(error))
            told |= await self._flush(ctx)
        return told

    async def _try(self, ctx: Ctx, reaction: Reaction, row: Any) -> Exception | None:
        """Handle one event so that a failure leaves nothing behind; returns what went wrong with the event."""
        try:
            async with ctx.attempt():
                await self._call(ctx, reaction, [row])
        except Exception as error:
            if _is_transient(error, ctx.connection):
                raise
            return error
        return None

    async def _call(self, ctx: Ctx, reaction: Reaction, rows: Sequence[Any]) -> None:
        ctx.caller = _caller(rows[0])
        ctx.origins = _origins(rows)
        ctx.entity_id = rows[0]["entity_id"] or NIL
        with self.house.metrics.timed(reaction.name):
            events = [msgspec.json.decode(row["data"], type=reaction.events[row["name"]], strict=False) for row in rows]
            await reaction.handler(ctx, events if reaction.batch else events[0])
        if ctx.spoiled is not None:
            raise ctx.spoiled

    async def _flush(self, ctx: Ctx) -> set[str]:
        told = {each.event.event_name for each in ctx.pending}
        if told:
            await self.house.log.write(ctx)
            ctx.pending.clear()
        return told


class _Failed(Exception):
    """A handler failed; its batch is rolled back and tried again event by event."""


def _is_transient(error: Exception, connection: Connection) -> bool:
    return isinstance(error, TRANSIENT) or bool(connection.is_closed())


def _by_entity(rows: Sequence[Any]) -> Collection[list[Any]]:
    """The rows of each business entity, so that a handler of batches acts for one at a time, as any other unit does."""
    parts: dict[UUID | None, list[Any]] = {}
    for row in rows:
        parts.setdefault(row["entity_id"], []).append(row)
    return parts.values()


async def _nobody(_ctx: Ctx, _events: Any) -> None:
    """The handler of a forwarding subscription, which has none."""


def _origins(rows: Sequence[Any]) -> Origins:
    """What the work of a batch is done for, so that each effect names its own cause and not the first of the batch."""
    return {row["subject"]: Origin(SYSTEM, _caller(row)) for row in rows}


def _caller(row: Any) -> Caller:
    return Caller(correlation=row["correlation"] or "", causation=str(row["id"]))
