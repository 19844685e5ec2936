"""The event log: written in the transaction that caused the events, kept for good, read by position."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from entrepot.kernel.database import TROUBLE
from entrepot.pure.encoding import encode
from entrepot.pure.errors import NotFound
from entrepot.pure.events import Envelope, Event

if TYPE_CHECKING:
    from entrepot.kernel.ctx import Ctx
    from entrepot.kernel.database import Connection, Database
    from entrepot.kernel.origins import Origin

Heard = Callable[[Collection[str]], object]
Told = Callable[[UUID | None], object]
Hears = Callable[[bool], object]

CHANNEL = "entrepot_events"
CHANGED = "entrepot_changed"  # written by the triggers of `schema.remembered`
SILENCE = 5.0  # seconds without a ring after which the line is tried: a dead one may look as if nothing happened
MOST_PAYLOAD = 7900  # bytes that PostgreSQL takes in one notification, less a few


class Pending(NamedTuple):
    """An event of a unit that is not written yet, with its business entity and whose work it is."""

    id: UUID
    event: Event
    subject: str
    entity_id: UUID
    origin: Origin


_INSERT = """
INSERT INTO kernel.event (tenant_id, id, name, version, subject, entity_id, source, actor, correlation, causation, data,
                          at_once)
SELECT $3, id, name, version, subject, coalesce(entity_id, $5), $4, coalesce(actor, $6), correlation, causation, data::json,
       at_once
FROM ROWS FROM (
    json_to_recordset($1::json) AS (id uuid, name text, version smallint, subject text, entity_id uuid, actor uuid,
                                    correlation text, causation text, at_once text[]),
    unnest($2::text[])
) AS told(id, name, version, subject, entity_id, actor, correlation, causation, at_once, data)
"""

ENVELOPE_COLUMNS = (
    "seq, tenant_id, id, name, version, subject, entity_id, at, source, actor, correlation, causation, data::text"
)


class Log:
    """Writes events; `source` names this house in the envelope."""

    def __init__(self, source: str) -> None:
        self.source = source

    async def write(self, ctx: Ctx, by_whom: Mapping[UUID, Sequence[str]] = MappingProxyType({})) -> None:
        """All that the unit told and is not written yet, with what else is still to be written. `by_whom` are the
        subscriptions that handle an event at once, by its id."""
        if not ctx.pending:
            return
        told = [_row(ctx, each, by_whom.get(each.id)) for each in ctx.pending]
        # Within what is told of them it would be read as JSON three times, and this is most of it.
        said = [encode(each.event).decode() for each in ctx.pending]
        ctx.told |= {each.event.event_name for each in ctx.pending}
        ctx.pending.clear()
        unit = (ctx.tenant_id, self.source, ctx.entity_id, ctx.actor.id)
        await ctx.run_later("kernel.event", _INSERT, told, said, *unit, more=2)


def _row(ctx: Ctx, told: Pending, at_once: Sequence[str] | None) -> dict[str, Any]:
    """What is told of an event beside what it says, without what it has of its unit or has not at all."""
    actor, caller = told.origin
    row = {
        "id": told.id,
        "name": told.event.event_name,
        "version": told.event.event_version,
        "subject": told.subject,
    }
    if told.entity_id != ctx.entity_id:
        row["entity_id"] = told.entity_id
    if actor.id != ctx.actor.id:
        row["actor"] = actor.id
    if caller.thread:
        row["correlation"] = caller.thread
    if caller.causation:
        row["causation"] = caller.causation
    if at_once:
        row["at_once"] = at_once
    return row


def envelope(row: Any) -> Envelope:
    """A row of the log as it travels."""
    return Envelope(
        id=str(row["id"]),
        type=row["name"],
        source=row["source"],
        subject=row["subject"],
        time=row["at"].isoformat().replace("+00:00", "Z"),
        tenant=str(row["tenant_id"]),
        data=msgspec.Raw(row["data"].encode()),
        version=row["version"],
        actor=str(row["actor"]) if row["actor"] else None,
        entity=str(row["entity_id"]) if row["entity_id"] else None,
        correlation=row["correlation"],
        causation=row["causation"],
    )


async def stored(ctx: Ctx, event_id: UUID) -> Envelope:
    """One event of the store by its id; NotFound for another tenant's."""
    # The column list is a constant of this file.
    row = await ctx.connection.fetchrow(
        f"SELECT {ENVELOPE_COLUMNS} FROM kernel.event WHERE id = $1",  # noqa: S608
        event_id,
    )
    if row is None:
        raise NotFound("there is no such {what}", what="event")
    return envelope(row)


class Bell:
    """Rings in every process when events were committed, and says which; and hears who changed what is remembered.

    NOTIFY inside the writing transaction would make commits queue behind one another, because PostgreSQL holds a
    lock from there until the transaction is on disk. So it is sent afterwards, on a connection of its own and at
    most once every few milliseconds; what a crash in between leaves unrung is found by the relay's slow watch.
    """

    def __init__(self, database: Database, *, pause: float = 0.02) -> None:
        self.database = database
        self.pause = pause
        self._heard: Heard = _deaf
        self._told: Told = _deaf
        self._hears: Hears = _deaf
        self._connection: Connection | None = None
        self._stirred = asyncio.Event()
        self._names: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def open(self, heard: Heard, told: Told, hears: Hears) -> None:
        """Listen: `heard(names)` is called at every ring of others; without names anything may have happened.
        `told(tenant)` is called when what is remembered of a tenant has changed; without one it may be any. `hears` is
        told whether the line stands."""
        self._heard, self._told, self._hears = heard, told, hears
        await self._connect()
        self._task = asyncio.create_task(self._ring_on(), name=f"bell-{self.database.name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()

    def ring(self, names: Collection[str]) -> None:
        """Tell the other processes soon."""
        self._names.update(names)
        self._stirred.set()

    async def _connect(self) -> None:
        connection = await self.database.dedicated()
        connection.add_termination_listener(self._lost)
        await connection.add_listener(CHANNEL, self._listen)
        await connection.add_listener(CHANGED, self._changed)
        self._connection = connection
        self._hears(True)

    def _lost(self, connection: Connection) -> None:
        if connection is self._connection:
            self._connection = None
            self._hears(False)
            self._stirred.set()

    def _listen(self, connection: Connection, sender: int, _channel: str, payload: str) -> None:
        if sender != connection.get_server_pid():
            self._heard(payload.split(",") if payload else ())

    def _changed(self, _connection: Connection, _sender: int, _channel: str, payload: str) -> None:
        self._told(UUID(payload) if payload else None)

    async def _ring_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SILENCE):
                    await self._stirred.wait()
            self._stirred.clear()
            names, self._names = self._names, set()
            try:
                if self._connection is None:
                    await self._connect()
                    # Nobody could reach us while the line was dead.
                    self._heard(())
                assert self._connection is not None
                async with asyncio.timeout(SILENCE):
                    await self._say(self._connection, names)
            except TROUBLE:
                if self._connection is not None:
                    self._connection.terminate()
                    self._lost(self._connection)
                self._names |= names
                self._stirred.set()
                await asyncio.sleep(0.5)
            await asyncio.sleep(self.pause)

    async def _say(self, connection: Connection, names: Collection[str]) -> None:
        if not names:
            await connection.execute("SELECT 1")
            return
        listed = ",".join(sorted(names))
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, listed if len(listed) < MOST_PAYLOAD else "")


def _deaf(_said: object) -> None:
    """Who hears before the bell is open."""
