"""Holds: one aspect of an entity (`pay`, `ship`, `bill`) may not go on until somebody releases it."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.pure.errors import Conflict
from entrepot.pure.events import Event, event
from entrepot.pure.ids import new_id


@event("hold.placed", about="entity_id", aliases=("OrderHoldCreated",))
class HoldPlaced(Event, frozen=True):
    """Some aspects of an entity may not go on until somebody releases the hold."""

    hold_id: UUID
    entity_type: str
    entity_id: UUID
    aspect: str
    reason_category: str
    notify_customer: bool
    notify_partner: bool


@event("hold.released", about="entity_id")
class HoldReleased(Event, frozen=True):
    """A hold ended and the former state goes on."""

    hold_id: UUID
    entity_type: str
    entity_id: UUID
    aspect: str
    reason: str


@event("hold.escalated", about="entity_id")
class HoldEscalated(Event, frozen=True):
    """A hold lasts longer than whoever placed it wanted to wait before somebody looks at it."""

    hold_id: UUID
    entity_type: str
    entity_id: UUID
    aspect: str
    reason_category: str
    escalate_at: datetime


EVENTS: tuple[type[Event], ...] = (HoldPlaced, HoldReleased, HoldEscalated)


class Hold(msgspec.Struct, frozen=True):
    """An open hold."""

    id: UUID
    aspect: str
    reason_category: str
    reason_details: str
    estimated_resume_date: date | None
    placed_at: datetime


async def place(
    ctx: Ctx,
    entity_type: str,
    entity_id: UUID,
    aspect: str,
    reason_category: str,
    *,
    reason_details: str = "",
    estimated_resume_date: date | None = None,
    escalate_at: datetime | None = None,
    notify_customer: bool = False,
    notify_partner: bool = False,
) -> UUID:
    """Stop one aspect (`pay`, `ship`, `bill`) of an entity. Refuses with Conflict when that aspect is held already."""
    hold_id = new_id()
    try:
        async with ctx.attempt():
            await ctx.run(
                _HOLD,
                hold_id,
                entity_type,
                entity_id,
                aspect,
                reason_category,
                reason_details,
                estimated_resume_date,
                escalate_at,
                notify_customer,
                notify_partner,
                ctx.now,
                ctx.actor.id,
            )
    except asyncpg.UniqueViolationError as error:
        raise Conflict("{aspect} of this {entity} is on hold already", aspect=aspect, entity=entity_type) from error
    ctx.emit(
        HoldPlaced(
            hold_id=hold_id,
            entity_type=entity_type,
            entity_id=entity_id,
            aspect=aspect,
            reason_category=reason_category,
            notify_customer=notify_customer,
            notify_partner=notify_partner,
        )
    )
    return hold_id


async def release(ctx: Ctx, entity_type: str, entity_id: UUID, aspect: str | None = None, *, reason: str = "") -> int:
    """End the holds of an entity (of one aspect, or all); Conflict when nothing is held."""
    rows = await ctx.connection.fetch(
        "UPDATE kernel.hold SET released_at = $4, released_by = $5, release_reason = $6 "
        "WHERE entity_type = $1 AND entity_id = $2 AND ($3::text IS NULL OR aspect = $3) AND released_at IS NULL "
        "RETURNING id, aspect",
        entity_type,
        entity_id,
        aspect,
        ctx.now,
        ctx.actor.id,
        reason,
    )
    if not rows:
        raise Conflict("this {entity} is not on hold", entity=entity_type)
    for row in rows:
        ctx.emit(
            HoldReleased(
                hold_id=row["id"],
                entity_type=entity_type,
                entity_id=entity_id,
                aspect=row["aspect"],
                reason=reason,
            )
        )
    return len(rows)


async def held(ctx: Ctx, entity_type: str, entity_id: UUID) -> list[Hold]:
    """The open holds of an entity."""
    return await ctx.rows(
        Hold,
        "SELECT id, aspect, reason_category, reason_details, estimated_resume_date, placed_at FROM kernel.hold "
        "WHERE entity_type = $1 AND entity_id = $2 AND released_at IS NULL ORDER BY placed_at, id",
        entity_type,
        entity_id,
    )


async def must_not_be_held(ctx: Ctx, entity_type: str, entity_id: UUID, aspect: str) -> None:
    """Refuses with Conflict when this aspect of the entity is on hold."""
    for hold in await held(ctx, entity_type, entity_id):
        if hold.aspect == aspect:
            raise Conflict(
                "{aspect} is on hold: {reason}", aspect=aspect, reason=hold.reason_category, hold=str(hold.id)
            )


async def escalate(ctx: Ctx) -> list[UUID]:
    """Mark and tell the open holds whose escalation date has come, once each; an hourly job. Returns their ids."""
    found = await ctx.rows(
        HoldEscalated,
        "UPDATE kernel.hold SET escalated = true WHERE escalate_at <= $1 AND NOT escalated AND released_at IS NULL "
        "RETURNING id, entity_type, entity_id, aspect, reason_category, escalate_at",
        ctx.now,
    )
    for each in found:
        ctx.emit(each)
    return [each.hold_id for each in found]


_HOLD = """
INSERT INTO kernel.hold (id, entity_type, entity_id, aspect, reason_category, reason_details, estimated_resume_date,
                         escalate_at, notify_customer, notify_partner, placed_at, placed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
