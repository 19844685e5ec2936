"""Where a subscription stands in the log, and how it reads on without skipping what commits late.

A position is the set of rows a subscription is done with, so a row whose transaction commits late is a hole that
stays open. A fence says when the holes below it can no longer fill: it remembers the newest number anybody had taken
and, taken after that, a transaction id of our own. A row's transaction has its id before the row takes a number, so
once no transaction older than the fence's runs, every row up to the fence's number that will ever exist can be seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from entrepot.kernel.database import Connection

if TYPE_CHECKING:
    from entrepot.kernel.ctx import Ctx

BATCH = 300  # events that are handled in one transaction at most
# How the log is read: along its numbers, as far as needed. The planner takes a range of numbers for a small part of the
# log, and would read and sort all of a backlog for each batch of it. It is told before, and free again for the handlers.
ALONG = "SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off"
FREE = "RESET enable_sort; RESET enable_seqscan"
AHEAD = timedelta(days=2)  # no clock that writes events is further ahead
END = 2**62


@dataclass(frozen=True, slots=True)
class Fence:
    """The newest number when it was raised, a transaction id taken after that, and the time."""

    seq: int
    xid: int
    at: datetime


@dataclass(slots=True)
class Position:
    """The rows a subscription is done with as sorted half-open ranges, its fence, and what it knows of the log."""

    done: list[tuple[int, int]]
    fence: Fence | None
    since: datetime
    newest: int
    now: datetime

    def holes(self) -> list[tuple[int, int]]:
        """What is not done yet."""
        found, at = [], 0
        for low, high in self.done:
            if low > at:
                found.append((at, low))
            at = high
        found.append((at, END))
        return found

    def finish(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Mark rows as done, each range from its first row up to, not including, its second."""
        merged: list[tuple[int, int]] = []
        for low, high in sorted([*self.done, *ranges]):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        self.done = merged

    def settle(self, seen: Seen) -> bool:
        """Close the holes that can no longer fill, and raise a fence behind those that still can; True when moved."""
        before = (self.done, self.fence)
        if seen.everything:
            if seen.oldest >= seen.own:
                self._close(Fence(self.newest, seen.own, self.now))
            elif self.fence is not None and seen.oldest >= self.fence.xid:
                self._close(self.fence)
        if self.fence is None and self._open_below(self.newest):
            self.fence = Fence(self.newest, seen.own, self.now)
        return (self.done, self.fence) != before

    def _close(self, fence: Fence) -> None:
        if self._open_below(fence.seq):
            self.finish([(0, fence.seq + 1)])
            # Rows behind the fence were written after it was raised; the day is for clocks that are set back.
            self.since = fence.at - timedelta(days=1)
        self.fence = None

    def _open_below(self, seq: int) -> bool:
        return self.holes()[0][0] <= seq


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the log showed: the oldest transaction still running, our own, whether that was everything
    there is, whether events of this subscription are parked, and as ranges what it passed that is not for it."""

    oldest: int
    own: int
    everything: bool
    parked: bool
    passed: Sequence[tuple[int, int]] = ()


async def lock(connection: Connection, name: str, *, wait: bool) -> Position | None:
    """The position of a subscription, locked until the end of the transaction; None when it is paused or, unless we
    `wait`, when another process works on it. Must be the first thing its transaction does: see `_STATE`."""
    row = await connection.fetchrow(_LOCK_AND_WAIT if wait else _LOCK, name)
    return None if row is None else _position(row)


async def lock_many(connection: Connection, names: Collection[str]) -> dict[str, Position]:
    """The positions of those subscriptions that nobody works on, locked as by `lock`."""
    return {row["name"]: _position(row) for row in await connection.fetch(_LOCK_MANY, list(names))}


def _position(row: Any) -> Position:
    fence = None if row["fence_seq"] is None else Fence(row["fence_seq"], row["fence_xid"], row["fence_at"])
    done = [(part.lower, part.upper) for part in row["done"]]
    return Position(done, fence, row["since"], row["newest"], row["now"])


async def heard_since(
    connection: Connection, positions: Collection[Position]
) -> tuple[list[tuple[str, list[str]]], Seen]:
    """The names of all events that one of these positions is not done with, each with who handled it at once, and what
    the look showed."""
    first = min(position.holes()[0][0] for position in positions)
    since = min((position.since for position in positions), key=_in_utc)
    until = min(position.now for position in positions) + AHEAD
    row = await connection.fetchrow(_HEARD, first, since, until)
    told = [(name, served) for name, *served in (each.split() for each in row["told"])]
    return told, Seen(row["oldest"], row["own"], True, False)


def _in_utc(moment: datetime) -> datetime:
    """A moment that compares with others: the driver reads `-infinity` as the first there is, in no zone."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


async def read(
    connection: Connection, name: str, position: Position, events: Sequence[str], source: str | None
) -> tuple[list[Any], Seen]:
    """The next rows that are not done: those of these events or, for a carrier, those that began in this house."""
    holes = position.holes()
    lows, highs = [low for low, _ in holes], [high for _, high in holes]
    wanted = list(events) if source is None else source
    until = position.now + AHEAD
    sql = _READ if source is None else _READ_OWN
    rows = await connection.fetch(sql, lows, highs, wanted, BATCH, position.since, name, until)
    first = rows[0]
    found = [row for row in rows if row["seq"] is not None]
    if len(found) < BATCH:
        return found, Seen(first["oldest"], first["own"], True, first["parked"])
    sql = _PASSED if source is None else _PASSED_OWN
    passed = await connection.fetchval(sql, lows, highs, wanted, found[-1]["seq"], position.since, until, name)
    ranges = [(part.lower, part.upper) for part in passed or ()]
    return found, Seen(first["oldest"], first["own"], False, first["parked"], ranges)


async def save(ctx: Ctx, name: str, position: Position, handled: int) -> None:
    """Keep the position; it counts when the transaction commits, together with what the handlers did."""
    await ctx.run_later("kernel.subscription", _MOVE, *_moved(name, position, handled))


async def save_many(connection: Connection, moved: Mapping[str, Position]) -> None:
    """Keep the positions of subscriptions that handled nothing."""
    await connection.executemany(_MOVE, [_moved(name, position, 0) for name, position in moved.items()])


def _moved(name: str, position: Position, handled: int) -> tuple[Any, ...]:
    fence = position.fence
    return (
        name,
        [asyncpg.Range(low, high) for low, high in position.done],
        fence.seq if fence else None,
        fence.xid if fence else None,
        fence.at if fence else None,
        position.since,
        handled,
    )


async def register(connection: Connection, names: Sequence[str], from_start: Sequence[bool]) -> None:
    """Make the subscriptions that do not exist yet. In a database that has none they begin at its beginning; one that
    is added later begins now, because a new module must not act on years of old events unless it says so."""
    await connection.execute(_REGISTER, list(names), list(from_start))


async def behind(connection: Connection) -> dict[str, bool]:
    """What `delivery.behind` tells; only the house itself sees what is parked for all tenants."""
    return {row["name"]: row["due"] for row in await connection.fetch(_BEHIND)}


# The newest number that anybody has taken; NULL when nobody has. A sequence that is read like a table tells for a moment
# numbers that nobody has taken yet: while it writes to the log of the server that the next thirty-two may be, they stand in
# its row. This function waits for that.
NEWEST = "pg_sequence_last_value('kernel.event_seq')"

# The newest number must be read before the lock gives this transaction its id; a materialised CTE is read before
# the row it is joined to is locked.
_STATE = """
WITH newest AS MATERIALIZED (SELECT coalesce(NEWEST, 0) AS seq)
SELECT s.done, s.fence_seq, s.fence_xid, s.fence_at, s.since, newest.seq AS newest, now() AS now
FROM kernel.subscription s, newest WHERE s.name = $1 AND NOT s.paused FOR UPDATE OF s
""".replace("NEWEST", NEWEST)
_LOCK_AND_WAIT = _STATE
_LOCK = _STATE + " SKIP LOCKED"
_LOCK_MANY = (
    _STATE.replace("SELECT s.done", "SELECT s.name, s.done").replace("s.name = $1", "s.name = ANY($1::text[])")
    + " SKIP LOCKED"
)

_SNAPSHOT = (
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest, pg_current_xact_id()::text::bigint AS own"
)
# Whether something is parked is asked here and not with the lock: a statement that waited for a lock still sees the
# other tables as they were before. The upper bound spares a look into the partitions of the months to come, and
# planning for them, as it is a value and not an expression.
_READ = """
SELECT snap.oldest, snap.own, snap.parked, e.*
FROM (SNAPSHOT,
             EXISTS (SELECT 1 FROM kernel.parked WHERE subscription = $6) AS parked) snap
LEFT JOIN LATERAL (
    SELECT r.* FROM unnest($1::bigint[], $2::bigint[]) h(low, high) CROSS JOIN LATERAL (
        SELECT seq, tenant_id, id, name, version, subject, entity_id, at, source, actor, correlation, causation,
               data::text AS data
        FROM kernel.event WHERE seq >= h.low AND seq < h.high AND name = ANY($3::text[])
             AND ($6 = ANY(at_once)) IS NOT TRUE AND at >= $5 AND at < $7
        ORDER BY seq LIMIT $4
    ) r ORDER BY r.seq LIMIT $4
) e ON true
""".replace("SNAPSHOT", _SNAPSHOT)
_HEARD = """
SELECT snap.oldest, snap.own, ARRAY(
    SELECT array_to_string(name || coalesce(at_once, '{}'), ' ')
    FROM (SELECT DISTINCT name, at_once FROM kernel.event WHERE seq >= $1 AND at >= $2 AND at < $3) heard
) AS told
FROM (SNAPSHOT) snap
""".replace("SNAPSHOT", _SNAPSHOT)
# While there is always more to read, nothing is settled. Without this every batch would look again at what all the batches
# before it passed, and the holes would grow more and smaller. It names only what is not for this subscription: rows that
# it should hear may have become visible since.
_PASSED = """
SELECT range_agg(int8range(e.seq, e.seq + 1)) FROM unnest($1::bigint[], $2::bigint[]) h(low, high)
JOIN kernel.event e ON e.seq >= h.low AND e.seq < least(h.high, $4) AND e.at >= $5 AND e.at < $6
WHERE NOT e.name = ANY($3::text[]) OR $7 = ANY(e.at_once)
"""
_PASSED_OWN = _PASSED.replace("e.name = ANY($3::text[])", "e.source = $3::text")
_READ_OWN = _READ.replace("name = ANY($3::text[])", "source = $3::text")

_MOVE = """
UPDATE kernel.subscription SET done = $2, fence_seq = $3, fence_xid = $4, fence_at = $5, since = $6,
       handled = handled + $7, updated_at = now() WHERE name = $1
"""
_REGISTER = """
INSERT INTO kernel.subscription (name, done, since)
SELECT n.name,
       CASE WHEN n.from_start OR fresh.fresh OR newest.seq IS NULL THEN '{}'
            ELSE int8multirange(int8range(0, newest.seq + 1)) END,
       CASE WHEN n.from_start OR fresh.fresh OR newest.seq IS NULL THEN '-infinity'
            ELSE now() - interval '1 day' END
FROM unnest($1::text[], $2::boolean[]) n(name, from_start), (SELECT NEWEST AS seq) newest,
     (SELECT NOT EXISTS (SELECT 1 FROM kernel.subscription) AS fresh) fresh
ON CONFLICT DO NOTHING
""".replace("NEWEST", NEWEST)
_BEHIND = """
SELECT name, due FROM (
    SELECT s.name, s.fence_seq IS NOT NULL OR newest.seq IS NOT NULL AND NOT s.done @> int8range(0, newest.seq + 1) AS late,
           EXISTS (SELECT 1 FROM kernel.parked p WHERE p.subscription = s.name AND p.next_at <= now()) AS due
    FROM kernel.subscription s, (SELECT NEWEST AS seq) newest WHERE NOT s.paused) s
WHERE late OR due
""".replace("NEWEST", NEWEST)
