"""Carries events from the log to their subscribers, each exactly once in its own database and in order per entity."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_args, get_type_hints
from uuid import UUID

import asyncpg
import msgspec
import structlog

from entrepot.kernel import log as event_log
from entrepot.kernel.ctx import NIL, SYSTEM, Caller, Ctx, begin_sql, switch
from entrepot.kernel.database import Connection, Database
from entrepot.pure.events import Event

if TYPE_CHECKING:
    from entrepot.kernel.house import House

E = TypeVar("E", bound=Event)
BATCH = 100
POLL = 1.0
END = 2**62
TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.LockNotAvailableError,
    OSError,
)

logger = structlog.get_logger("entrepot.relay")


class Handler(Protocol):
    """A reaction: one event, or a list of them when it takes batches."""

    __name__: str

    def __call__(self, ctx: Ctx, event: Any, /) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Reaction:
    """A handler with the events it hears. `batch` handlers get a list of consecutive events of one tenant."""

    name: str
    events: dict[str, type[Event]]
    handler: Callable[[Ctx, Any], Awaitable[None]]
    batch: bool
    forward: Callable[[Sequence[Any]], Awaitable[None]] | None = None


_REACTIONS = "__reaction__"


def on(*kinds: type[Event]) -> Callable[[Callable[[Ctx, Any], Awaitable[None]]], Any]:
    """Mark an event handler. A handler whose second parameter is a list takes batches of up to a hundred."""

    def mark(function: Callable[[Ctx, Any], Awaitable[None]]) -> Callable[[Ctx, Any], Awaitable[None]]:
        setattr(function, _REACTIONS, kinds)
        return function

    return mark


def reactions_of(module: str, room: Any) -> list[Reaction]:
    """The handlers of a module's `reactions` room."""
    found = []
    for name, function in sorted(vars(room).items()):
        kinds = getattr(function, _REACTIONS, None)
        if kinds is None or function.__module__ != room.__name__:
            continue
        parameter = list(inspect.signature(function).parameters)[1]
        kind = get_type_hints(function)[parameter]
        batch = getattr(kind, "__origin__", None) in (list, Sequence) or bool(
            get_args(kind) and getattr(kind, "__origin__", None) is not None and "Sequence" in str(kind)
        )
        found.append(Reaction(f"{module}.{name}", {k.event_name: k for k in kinds}, function, batch))
    return found


@dataclass(slots=True)
class Position:
    """Where a subscription stands: the rows it is done with, as sorted half-open ranges."""

    done: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def read(cls, ranges: Sequence[Any]) -> Position:
        return cls([(r.lower, r.upper) for r in ranges])

    def holes(self) -> list[tuple[int, int]]:
        """What is not done yet."""
        found, at = [], 0
        for low, high in self.done:
            if low > at:
                found.append((at, low))
            at = high
        found.append((at, END))
        return found

    def finish(self, low: int, high: int) -> None:
        """Mark the rows from `low` up to, not including, `high` as done."""
        merged: list[tuple[int, int]] = []
        for a, b in sorted([*self.done, (low, high)]):
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        self.done = merged

    def ranges(self) -> list[asyncpg.Range]:
        return [asyncpg.Range(a, b) for a, b in self.done]


class Relay:
    """Runs every subscription of the house over each of its databases until stopped."""

    def __init__(self, house: House, reactions: Sequence[Reaction], *, workers: bool = True) -> None:
        self.house = house
        self.reactions = {reaction.name: reaction for reaction in reactions}
        self.workers = workers
        self._bells: dict[str, event_log.Bell] = {}
        self._wakers: dict[str, list[asyncio.Event]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def forward(self, name: str, carry: Callable[[Sequence[Any]], Awaitable[None]]) -> None:
        """Also hand every event that began in this house to a carrier; before `start`."""
        self.reactions[name] = Reaction(name, {}, _nobody, batch=True, forward=carry)

    async def start(self) -> None:
        """Register the subscriptions and, where this process works, serve them."""
        for database in self.house.databases.all():
            async with database.connection() as connection:
                await connection.executemany(
                    "INSERT INTO kernel.subscription (name) VALUES ($1) ON CONFLICT DO NOTHING",
                    [(name,) for name in self.reactions],
                )
            bell = self._bells[database.name] = event_log.Bell(database)
            wakers = self._wakers[database.name] = []
            await bell.open(lambda wakers=wakers: [waker.set() for waker in wakers])
            if self.workers:
                for reaction in self.reactions.values():
                    waker = asyncio.Event()
                    wakers.append(waker)
                    task = asyncio.create_task(self._serve(database, reaction, waker), name=f"relay-{reaction.name}")
                    self._tasks.append(task)

    async def stop(self) -> None:
        """Let running batches finish, then end."""
        self._stopping = True
        for wakers in self._wakers.values():
            for waker in wakers:
                waker.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=10)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for bell in self._bells.values():
            await bell.close()

    def wake(self, database: Database) -> None:
        """Events were committed: look now, here and in the other processes."""
        for waker in self._wakers.get(database.name, ()):
            waker.set()
        bell = self._bells.get(database.name)
        if bell is not None:
            bell.ring()

    async def _serve(self, database: Database, reaction: Reaction, waker: asyncio.Event) -> None:
        pause = 0.0
        while not self._stopping:
            try:
                waker.clear()
                while await self.step(database, reaction) and not self._stopping:
                    pass
                pause = 0.0
            except asyncio.CancelledError:
                raise
            except Exception as error:
                pause = min(max(0.1, pause * 2), 5.0)
                logger.warning("relay.failed", subscription=reaction.name, error=repr(error), pause=pause)
                await asyncio.sleep(pause)
                continue
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(waker.wait(), POLL * random.uniform(0.8, 1.2))

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
        """One batch of one subscription; returns how many events it is done with."""
        try:
            return await self._batch(database, reaction, wait=wait, careful=False)
        except TRANSIENT:
            raise
        except Exception as error:
            if reaction.forward is not None:
                raise
            logger.info("relay.careful", subscription=reaction.name, error=repr(error))
        return await self._batch(database, reaction, wait=wait, careful=True)

    async def _batch(self, database: Database, reaction: Reaction, *, wait: bool, careful: bool) -> int:
        async with database.connection() as connection:
            await connection.execute("BEGIN; SET LOCAL ROLE entrepot_system")
            try:
                handled = await self._read_and_handle(database, connection, reaction, wait, careful)
                await connection.execute("COMMIT")
            except BaseException:
                if not connection.is_closed() and connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
                raise
        return handled

    async def _read_and_handle(
        self, database: Database, connection: Connection, reaction: Reaction, wait: bool, careful: bool
    ) -> int:
        # The number is read before the snapshot of the next statement is taken; see the fence below.
        state = await connection.fetchrow(_LOCK_AND_WAIT if wait else _LOCK, reaction.name)
        if state is None:
            return 0
        position = Position.read(state["done"])
        holes = position.holes()
        rows = await connection.fetch(
            _READ if reaction.forward is None else _READ_OWN,
            [low for low, _ in holes],
            [high for _, high in holes],
            list(reaction.events) if reaction.forward is None else self.house.name,
            BATCH,
            state["since"],
        )
        xmin, xmax = rows[0]["xmin"], rows[0]["xmax"]
        rows = [row for row in rows if row["seq"] is not None]
        due = await connection.fetch(_DUE, reaction.name, BATCH) if state["parked"] else []

        ctx = Ctx(self.house, database, connection, NIL, SYSTEM)
        emitted = 0
        if rows and reaction.forward is not None:
            # A carrier that fails fails as a whole and is tried again: parking single events would break their order.
            await reaction.forward(rows)
            for row in rows:
                position.finish(row["seq"], row["seq"] + 1)
        elif rows:
            blocked = await self._blocked(connection, reaction, rows) if state["parked"] else set()
            emitted += await self._deliver(ctx, reaction, rows, blocked, careful)
            for row in rows:
                position.finish(row["seq"], row["seq"] + 1)
        if due:
            emitted += await self._retry(ctx, reaction, due)

        # A fence at number F, taken when the transaction counter stood at X, is passed when no transaction older
        # than X is left: then every row up to F that will ever exist was visible to the read above.
        fence, fence_xid, fence_at, since = (
            state["fence_seq"],
            state["fence_xid"],
            state["fence_at"],
            state["since"],
        )
        everything_read = len(rows) < BATCH
        moved = bool(rows)
        if fence is not None and xmin >= fence_xid and everything_read:
            position.finish(0, fence + 1)
            since, fence, fence_xid, fence_at = fence_at - timedelta(days=1), None, None, None
            moved = True
        last = state["last_value"] if state["is_called"] else 0
        if fence is None and last > 0 and (len(position.holes()) > 1 or position.holes()[0][0] <= last):
            fence, fence_xid, fence_at = last, xmax, state["now"]
            moved = True
        if moved:
            await connection.execute("RESET ROLE")
            await connection.execute(
                _MOVE, reaction.name, position.ranges(), fence, fence_xid, fence_at, since, len(rows)
            )
        if emitted:
            self.wake(database)
        return len(rows) + len(due)

    async def _blocked(self, connection: Connection, reaction: Reaction, rows: Sequence[Any]) -> set[tuple[UUID, str]]:
        """The entities whose earlier events are parked: what comes after must wait behind them."""
        found = await connection.fetch(
            "SELECT DISTINCT tenant_id, subject FROM kernel.parked WHERE subscription = $1 AND subject = ANY($2)",
            reaction.name,
            list({row["subject"] for row in rows}),
        )
        return {(row["tenant_id"], row["subject"]) for row in found}

    async def _deliver(
        self, ctx: Ctx, reaction: Reaction, rows: Sequence[Any], blocked: set[tuple[UUID, str]], careful: bool
    ) -> int:
        by_tenant: dict[UUID, list[Any]] = {}
        for row in rows:
            by_tenant.setdefault(row["tenant_id"], []).append(row)
        emitted = 0
        for tenant, mine in by_tenant.items():
            free = [row for row in mine if (tenant, row["subject"]) not in blocked]
            await switch(ctx, tenant, SYSTEM, _caller(mine[0]))
            for row in mine:
                if (tenant, row["subject"]) in blocked:
                    await self._park(ctx, reaction, row, "waits behind an earlier event", 0)
            if careful or not reaction.batch:
                for row in free:
                    if (tenant, row["subject"]) in blocked:
                        await self._park(ctx, reaction, row, "waits behind an earlier event", 0)
                        continue
                    ctx.caller = _caller(row)
                    if not careful:
                        await self._call(ctx, reaction, [row])
                        continue
                    try:
                        async with ctx.attempt():
                            await self._call(ctx, reaction, [row])
                    except TRANSIENT:
                        raise
                    except Exception as error:
                        blocked.add((tenant, row["subject"]))
                        await self._park(ctx, reaction, row, _describe(error), 1)
                        logger.warning("relay.parked", subscription=reaction.name, event=row["name"], error=repr(error))
            elif free:
                await self._call(ctx, reaction, free)
            emitted += await self._flush(ctx)
        return emitted

    async def _call(self, ctx: Ctx, reaction: Reaction, rows: Sequence[Any]) -> None:
        events = [msgspec.json.decode(row["data"], type=reaction.events[row["name"]], strict=False) for row in rows]
        if rows[0]["entity_id"] is not None:
            ctx.entity_id = rows[0]["entity_id"]
        with self.house.metrics.timed(reaction.name):
            await reaction.handler(ctx, events if reaction.batch else events[0])
        if ctx.spoiled is not None:
            raise ctx.spoiled

    async def _flush(self, ctx: Ctx) -> int:
        count = len(ctx.pending)
        if count:
            await self.house.log.write(ctx)
            ctx.pending.clear()
        return count

    async def _park(self, ctx: Ctx, reaction: Reaction, row: Any, error: str, attempts: int) -> None:
        await ctx.connection.execute(
            _PARK,
            reaction.name,
            row["seq"],
            row["id"],
            row["at"],
            row["subject"],
            row["name"],
            attempts,
            timedelta(seconds=backoff(attempts)),
            error,
        )

    async def _retry(self, ctx: Ctx, reaction: Reaction, due: Sequence[Any]) -> int:
        emitted = 0
        for parked in due:
            await switch(ctx, parked["tenant_id"], SYSTEM)
            # The column list is a constant of the log.
            row = await ctx.connection.fetchrow(
                f"SELECT {event_log.ENVELOPE_COLUMNS} FROM kernel.event WHERE seq = $1 AND at = $2",  # noqa: S608
                parked["seq"],
                parked["event_at"],
            )
            try:
                async with ctx.attempt():
                    ctx.caller = _caller(row)
                    await self._call(ctx, reaction, [row])
            except TRANSIENT:
                raise
            except Exception as error:
                attempts = parked["attempts"] + 1
                await ctx.connection.execute(
                    _PARK_AGAIN,
                    reaction.name,
                    parked["seq"],
                    attempts,
                    timedelta(seconds=backoff(attempts)),
                    _describe(error),
                )
            else:
                await ctx.connection.execute(
                    "DELETE FROM kernel.parked WHERE subscription = $1 AND seq = $2",
                    reaction.name,
                    parked["seq"],
                )
                await ctx.connection.execute(_NEXT_DUE, reaction.name, parked["subject"])
            emitted += await self._flush(ctx)
        return emitted


async def _nobody(_ctx: Ctx, _events: Any) -> None:
    """The handler of a forwarding subscription, which has none."""


def backoff(attempts: int) -> float:
    """Seconds until the next try: 1, 2, 4 ... up to an hour."""
    return float(min(2 ** min(attempts, 12), 3600)) if attempts else 0.0


def _caller(row: Any) -> Caller:
    return Caller(correlation=row["correlation"] or "", causation=str(row["id"]))


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


def begin_for(tenant_id: UUID) -> str:
    return begin_sql(tenant_id, SYSTEM, Caller())


_STATE = """
SELECT s.done, s.fence_seq, s.fence_xid, s.fence_at, s.since, q.last_value, q.is_called, now() AS now,
       EXISTS (SELECT 1 FROM kernel.parked p WHERE p.subscription = s.name) AS parked
FROM kernel.subscription s, kernel.event_seq q WHERE s.name = $1 AND NOT s.paused FOR UPDATE OF s
"""
_LOCK_AND_WAIT = _STATE
_LOCK = _STATE + " SKIP LOCKED"

_READ = """
SELECT pg_snapshot_xmin(snap.s)::text::bigint AS xmin, pg_snapshot_xmax(snap.s)::text::bigint AS xmax, e.*
FROM (SELECT pg_current_snapshot() AS s) snap LEFT JOIN LATERAL (
    SELECT r.* FROM unnest($1::bigint[], $2::bigint[]) h(low, high) CROSS JOIN LATERAL (
        SELECT seq, tenant_id, id, name, version, subject, entity_id, at, source, actor, correlation, causation,
               data::text AS data
        FROM kernel.event WHERE seq >= h.low AND seq < h.high AND name = ANY($3::text[]) AND at >= $5
        ORDER BY seq LIMIT $4
    ) r ORDER BY r.seq LIMIT $4
) e ON true
"""

_READ_OWN = _READ.replace("name = ANY($3::text[])", "source = $3::text")

_MOVE = """
UPDATE kernel.subscription SET done = $2, fence_seq = $3, fence_xid = $4, fence_at = $5, since = $6,
       handled = handled + $7, updated_at = now() WHERE name = $1
"""

_PARK = """
INSERT INTO kernel.parked (subscription, seq, event_id, event_at, subject, name, attempts, next_at, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::interval, $9) ON CONFLICT DO NOTHING
"""
_PARK_AGAIN = """
UPDATE kernel.parked SET attempts = $3, next_at = now() + $4::interval, error = $5
WHERE subscription = $1 AND seq = $2
"""
# Only the earliest parked event of an entity is ever due.
_DUE = """
SELECT p.tenant_id, p.seq, p.event_at, p.subject, p.attempts FROM kernel.parked p
WHERE p.subscription = $1 AND p.next_at <= now() AND NOT EXISTS (
    SELECT 1 FROM kernel.parked earlier WHERE earlier.subscription = p.subscription
    AND earlier.tenant_id = p.tenant_id AND earlier.subject = p.subject AND earlier.seq < p.seq)
ORDER BY p.seq LIMIT $2
"""
_NEXT_DUE = "UPDATE kernel.parked SET next_at = now() WHERE subscription = $1 AND subject = $2 AND attempts = 0"
