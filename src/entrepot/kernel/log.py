"""The event log: written in the transaction that caused the events, kept for good, read by position."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec

from entrepot.pure.errors import NotFound
from entrepot.pure.events import Envelope, Event

if TYPE_CHECKING:
    from entrepot.kernel.ctx import Ctx
    from entrepot.kernel.database import Connection, Database

Pending = tuple[UUID, Event, UUID]  # id, event, business entity

CHANNEL = "entrepot_events"

_INSERT = """
INSERT INTO kernel.event (id, name, version, subject, entity_id, source, actor, correlation, causation, data)
SELECT u.id, u.name, u.version, u.subject, u.entity_id, $6, $7, $8, $9, u.data
FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::uuid[], $10::jsonb[])
     WITH ORDINALITY AS u(id, name, version, subject, entity_id, data, at) ORDER BY u.at
"""

ENVELOPE_COLUMNS = (
    "seq, tenant_id, id, name, version, subject, entity_id, at, source, actor, correlation, causation, data::text"
)


class Log:
    """Writes events; `source` names this house in the envelope."""

    def __init__(self, source: str) -> None:
        self.source = source

    async def write(self, ctx: Ctx) -> None:
        """All events of the unit with one statement, just before the commit."""
        pending = ctx.pending
        await ctx.connection.execute(
            _INSERT,
            [id for id, _, _ in pending],
            [event.event_name for _, event, _ in pending],
            [event.event_version for _, event, _ in pending],
            [event.subject for _, event, _ in pending],
            [entity for _, _, entity in pending],
            self.source,
            ctx.actor.id,
            ctx.caller.correlation or ctx.caller.request_id or None,
            ctx.caller.causation or None,
            [event for _, event, _ in pending],
        )


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
    """Rings in every process when events were committed.

    NOTIFY inside the writing transaction would make commits queue behind one another, because PostgreSQL holds a
    lock from there until the transaction is on disk. So it is sent afterwards, on a connection of its own and at
    most once every few milliseconds; what a crash in between leaves unrung is found by the relay's slow poll.
    """

    def __init__(self, database: Database, *, pause: float = 0.005) -> None:
        self.database = database
        self.pause = pause
        self._connection: Connection | None = None
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._heard: list[Any] = []

    async def open(self, heard: Any) -> None:
        """Listen: `heard()` is called at every ring, ours and others'."""
        self._heard.append(heard)
        await self._connect()
        self._task = asyncio.create_task(self._ring_on(), name=f"bell-{self.database.name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()

    def ring(self) -> None:
        self._wanted.set()

    async def _connect(self) -> None:
        self._connection = await self.database.dedicated()
        await self._connection.add_listener(CHANNEL, self._listen)

    def _listen(self, *_: Any) -> None:
        for heard in self._heard:
            heard()

    async def _ring_on(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                if self._connection is None or self._connection.is_closed():
                    await self._connect()
                await self._connection.execute(f"NOTIFY {CHANNEL}")  # type: ignore[union-attr]
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._connection = None
                self._wanted.set()
                await asyncio.sleep(0.5)
            await asyncio.sleep(self.pause)
