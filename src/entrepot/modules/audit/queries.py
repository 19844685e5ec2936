"""Reads of audit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from entrepot.kernel import holds, log, replay, status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.modules.audit.tables import ParkedEvent, PlacedHold, QueuedJob, Standing, StoredEvent, Trail
from entrepot.pure.errors import Invalid, NotFound
from entrepot.pure.events import Envelope


class TrailRow(msgspec.Struct, frozen=True):
    """Who changed what, when and from where; `old` and `new` hold what changed."""

    seq: int
    at: datetime
    action: str
    entity_type: str
    entity_id: UUID
    actor: UUID | None
    actor_name: str | None
    actor_kind: str | None
    address: str | None
    agent: str | None
    request_id: str | None
    correlation: str | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class EventRow(msgspec.Struct, frozen=True):
    """An event of the store."""

    seq: int
    id: UUID
    name: str
    version: int
    subject: str
    entity_id: UUID | None
    at: datetime
    source: str
    actor: UUID | None
    correlation: str | None
    causation: str | None
    data: dict[str, Any]


class JobRow(msgspec.Struct, frozen=True):
    """A job and how it fares."""

    id: UUID
    name: str
    state: str
    run_at: datetime
    attempts: int
    max_attempts: int
    error: str | None
    progress: int | None
    correlation: str | None
    created_at: datetime


class HoldRow(msgspec.Struct, frozen=True):
    """A hold: what of which thing may not go on, why, and since when."""

    id: UUID
    entity_type: str
    entity_id: UUID
    aspect: str
    reason_category: str
    reason_details: str
    estimated_resume_date: date | None
    escalated: bool
    placed_at: datetime
    released_at: datetime | None
    release_reason: str | None


class OverdueRow(msgspec.Struct, frozen=True):
    """Something that is in its status for longer than its deadline allows."""

    entity_id: UUID
    entity_type: str
    status: str
    since: datetime
    deadline: datetime | None


class ParkedRow(msgspec.Struct, frozen=True):
    """An event whose handler failed; `key` names it and the handler."""

    key: str
    name: str
    subscription: str
    subject: str
    attempts: int
    next_at: datetime
    error: str | None
    event_id: UUID
    parked_at: datetime


class History(msgspec.Struct, frozen=True):
    """Where an entity stands, how it came there, and what holds it."""

    current: status.Current | None
    steps: list[status.Step]
    holds: list[holds.Hold]


TRAIL = Listing(
    name="audit_trail",
    view=view(
        TrailRow,
        Trail,
        old=sa.func.kernel.trailed(Trail.old, type_=Trail.old.type),
        new=sa.func.kernel.trailed(Trail.new, Trail.made, type_=Trail.new.type),
    ),
    needs="audit.view",
    search=[Trail.entity_type, Trail.actor_name],
    sort="-seq",
    key="seq",
)
EVENTS = Listing(
    name="events",
    view=view(EventRow, StoredEvent),
    needs="audit.view",
    search=[StoredEvent.name, StoredEvent.subject],
    sort="-seq",
    key="seq",
)
HOLDS = Listing(
    name="holds",
    view=view(HoldRow, PlacedHold),
    needs="holds.view",
    search=[PlacedHold.entity_type, PlacedHold.reason_category, PlacedHold.reason_details],
    sort="-placed_at",
)
OVERDUE = Listing(
    name="overdue",
    view=view(OverdueRow, Standing).where(Standing.overdue),
    needs="holds.view",
    sort="since",
    key="entity_id",
)
PARKED = Listing(
    name="parked_events",
    view=view(ParkedRow, ParkedEvent, key=ParkedEvent.subscription + "/" + sa.cast(ParkedEvent.event_id, sa.Text)),
    needs="audit.view",
    search=[ParkedEvent.name, ParkedEvent.subscription, ParkedEvent.error],
    sort="parked_at",
    key="key",
)
JOBS = Listing(
    name="jobs",
    view=view(JobRow, QueuedJob),
    needs="audit.view",
    search=[QueuedJob.name],
    sort="-created_at",
)


@command(needs="audit.view")
async def get_event(ctx: Ctx, event_id: UUID) -> Envelope:
    """One event of the store as it travels (CloudEvents 1.0)."""
    return await log.stored(ctx, event_id)


@command(needs="audit.view")
async def list_parked(ctx: Ctx, subscription: str | None = None) -> list[replay.Parked]:
    """Events whose handler failed, with the error and when they are tried again."""
    return await replay.parked(ctx, subscription)


@command(needs="any")
async def get_history(ctx: Ctx, entity_type: str, entity_id: UUID) -> History:
    """Every status of an entity, oldest first, with its open holds."""
    if entity_type not in ctx.house.catalogue.machines:
        raise Invalid.field(
            "entity_type", "there is no such kind of entity", allowed=sorted(ctx.house.catalogue.machines)
        )
    current = await status.current(ctx, entity_type, entity_id)
    if current is None:
        raise NotFound("there is no such {what}", what=entity_type)
    return History(
        current,
        await status.history(ctx, entity_type, entity_id),
        await holds.held(ctx, entity_type, entity_id),
    )
