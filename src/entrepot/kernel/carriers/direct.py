"""Events straight from one service's log to the others' by signed requests; the inbox absorbs repeats.

The sending side is a subscription like any other, so nothing is skipped and nothing is lost; the receiving side
appends to its own log what its subscribers want, once per event id, and its relay does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from entrepot.kernel.facade import sign, verify
from entrepot.kernel.log import envelope
from entrepot.pure.encoding import encode
from entrepot.pure.events import Envelope
from entrepot.pure.groups import grouped

if TYPE_CHECKING:
    from entrepot.kernel.house import House
    from entrepot.kernel.topology import Send

_decoder = msgspec.json.Decoder(list[Envelope])


def attach(house: House, doors: dict[str, Send]) -> None:
    """Forward what happens in this house to the other services."""
    for name, send in doors.items():
        house.relay.forward(f"forward.{name}", _forwarder(house, send))


def _forwarder(house: House, send: Send) -> Any:
    async def forward(rows: Sequence[Any]) -> None:
        body = encode([envelope(row) for row in rows])
        await send(body, sign(house.config.secret, body))

    return forward


async def receive(house: House, body: bytes, stamp: str, signature: str) -> None:
    """Take in events of another service: each once, and only what somebody here hears."""
    verify(house.config.secret, body, stamp, signature)
    await take_in(house, _decoder.decode(body))


async def take_in(house: House, envelopes: Sequence[Envelope]) -> int:
    """Append foreign events to our log, each once; returns how many were new. Our own, come back by a broker, are
    not foreign."""
    heard = {name for reaction in house.catalogue.reactions for name in reaction.events}
    wanted = [e for e in envelopes if e.type in heard and e.source != house.name]
    if not wanted:
        return 0
    new = 0
    for database, mine in grouped(wanted, lambda e: house.databases.of(UUID(e.tenant))).items():
        async with database.connection() as connection, connection.transaction():
            fresh = {
                row["event_id"]
                for row in await connection.fetch(
                    "INSERT INTO kernel.inbox (source, event_id) SELECT * FROM unnest($1::text[], $2::uuid[]) "
                    "ON CONFLICT DO NOTHING RETURNING event_id",
                    [e.source for e in mine],
                    [UUID(e.id) for e in mine],
                )
            }
            await connection.execute("SET LOCAL ROLE entrepot_system")
            await connection.executemany(
                _APPEND,
                [
                    (
                        UUID(e.tenant),
                        UUID(e.id),
                        e.type,
                        e.version,
                        e.subject,
                        UUID(e.entity) if e.entity else None,
                        e.source,
                        UUID(e.actor) if e.actor else None,
                        e.correlation,
                        e.causation,
                        e.data,
                    )
                    for e in mine
                    if UUID(e.id) in fresh
                ],
            )
            new += len(fresh)
        house.relay.wake(database, {e.type for e in mine})
    return new


_APPEND = """
INSERT INTO kernel.event (tenant_id, id, name, version, subject, entity_id, source, actor, correlation, causation, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
