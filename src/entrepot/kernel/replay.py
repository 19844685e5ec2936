"""What a person does about events whose handler failed, and about handlers that must hear something again.

Everything here goes through the parked events of a subscription, so order per entity and exactly once hold as ever:
the relay takes them up within a second of the unit's commit.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import Reaction
from entrepot.pure.errors import Invalid, NotFound
from entrepot.pure.events import Event, event
from entrepot.pure.ids import id_of

MOST_LISTED = 500
MOST_REPLAYED = 100_000


@event("event.skipped", about="event_id")
class EventSkipped(Event, frozen=True):
    """Somebody decided that a subscription shall never handle an event, and said why."""

    subscription: str
    event_id: UUID
    name: str
    reason: str


@event("event.replayed", about="subscription")
class EventReplayed(Event, frozen=True):
    """Somebody let a subscription handle events again, or now."""

    subscription: str
    events: int


EVENTS: tuple[type[Event], ...] = (EventSkipped, EventReplayed)


class Parked(msgspec.Struct, frozen=True):
    """An event that a subscription could not handle yet; `attempts` 0 means that it waits behind an earlier one."""

    subscription: str
    event_id: UUID
    name: str
    subject: str
    happened_at: datetime
    attempts: int
    next_at: datetime
    error: str | None
    parked_at: datetime


async def parked(ctx: Ctx, subscription: str | None = None) -> list[Parked]:
    """The tenant's parked events, of one subscription or all, oldest first; at most 500."""
    return await ctx.rows(
        Parked,
        "SELECT subscription, event_id, name, subject, event_at, attempts, next_at, error, parked_at "
        "FROM kernel.parked WHERE $1::text IS NULL OR subscription = $1 ORDER BY seq, subscription LIMIT $2",
        subscription,
        MOST_LISTED,
    )


async def retry_one(ctx: Ctx, key: str) -> None:
    """Try one parked event again at once; `key` is its subscription and its id, with a stroke between."""
    subscription, _, event_id = key.rpartition("/")
    await retry_now(ctx, subscription, id_of("parked event", event_id))


async def retry_now(ctx: Ctx, subscription: str, event_id: UUID | None = None) -> int:
    """Try a parked event, or all of them, again at once; returns how many. NotFound when nothing is parked."""
    count = await ctx.run(
        "UPDATE kernel.parked SET next_at = now() WHERE subscription = $1 AND ($2::uuid IS NULL OR event_id = $2)",
        subscription,
        event_id,
    )
    if not count:
        raise NotFound("there is no such {what}", what="parked event")
    ctx.emit(EventReplayed(subscription=subscription, events=count))
    return count


async def skip(ctx: Ctx, subscription: str, event_id: UUID, reason: str) -> None:
    """Give up on a parked event for good; what waits behind it goes on. The reason is kept in the log."""
    if not reason.strip():
        raise Invalid.field("reason", "say why")
    name = await ctx.value(
        "DELETE FROM kernel.parked WHERE subscription = $1 AND event_id = $2 RETURNING name", subscription, event_id
    )
    if name is None:
        raise NotFound("there is no such {what}", what="parked event")
    ctx.emit(EventSkipped(subscription=subscription, event_id=event_id, name=name, reason=reason))


async def replay(ctx: Ctx, subscription: str, event_id: UUID) -> None:
    """Let a subscription handle an event of the log again. Its handler runs once more, so it must bear that."""
    reaction = _reaction(ctx, subscription)
    count = await ctx.run(_REPLAY + " AND e.id = $3", subscription, list(reaction.events), event_id)
    if not count:
        raise NotFound("there is no such {what}", what="event")
    ctx.emit(EventReplayed(subscription=subscription, events=count))


async def replay_range(ctx: Ctx, subscription: str, since: datetime, until: datetime) -> int:
    """Let a subscription handle again what happened from `since` up to, not including, `until`; returns how many."""
    reaction = _reaction(ctx, subscription)
    count = await ctx.run(
        _REPLAY + " AND e.at >= $3 AND e.at < $4 LIMIT $5",
        subscription,
        list(reaction.events),
        since,
        until,
        MOST_REPLAYED + 1,
    )
    if count > MOST_REPLAYED:
        raise Invalid.field("until", "these are more than {most} events; replay them in parts", most=MOST_REPLAYED)
    if count:
        ctx.emit(EventReplayed(subscription=subscription, events=count))
    return count


def _reaction(ctx: Ctx, subscription: str) -> Reaction:
    found = ctx.house.relay.reactions.get(subscription)
    if found is None or found.forward is not None:
        raise NotFound("there is no such {what}", what="subscription")
    return found


# What the subscription has not reached yet is handled anyway; what is parked already stays as it is.
_REPLAY = """
INSERT INTO kernel.parked (subscription, seq, event_id, event_at, subject, name, attempts, next_at)
SELECT $1, e.seq, e.id, e.at, e.subject, e.name, 0, now() FROM kernel.event e
WHERE e.name = ANY($2) AND (SELECT s.done FROM kernel.subscription s WHERE s.name = $1) @> e.seq
      AND NOT EXISTS (SELECT 1 FROM kernel.parked p WHERE p.subscription = $1 AND p.seq = e.seq)
"""
