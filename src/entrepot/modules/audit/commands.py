"""Writes of audit: replaying events, and the universal status change."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import holds, replay, status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.audit.queries import HoldRow
from entrepot.modules.audit.tables import PlacedHold
from entrepot.pure.errors import Invalid, NotFound


class Replayed(msgspec.Struct, frozen=True):
    """How many events will be handled again."""

    count: int


@command(needs="audit.replay")
async def retry_parked(ctx: Ctx, subscription: str, event_id: UUID | None = None) -> Replayed:
    """Try parked events again now: one, or all of a subscription."""
    return Replayed(await replay.retry_now(ctx, subscription, event_id))


@command(needs="audit.replay")
async def skip_parked(ctx: Ctx, subscription: str, event_id: UUID, reason: str) -> None:
    """Let a subscription never handle an event, and say why; what waits behind it goes on."""
    await replay.skip(ctx, subscription, event_id, reason)


@command(needs="audit.replay")
async def replay_event(ctx: Ctx, event_id: UUID, subscription: str) -> None:
    """Let a subscription handle an event of the store once more."""
    await replay.replay(ctx, subscription, event_id)


@command(needs="audit.replay")
async def replay_range(ctx: Ctx, subscription: str, since: datetime, until: datetime) -> Replayed:
    """Let a subscription handle the events of a span of time once more."""
    return Replayed(await replay.replay_range(ctx, subscription, since, until))


@command(needs="audit.replay")
async def retry_one(ctx: Ctx, key: str) -> None:
    """Try one parked event again now; `key` is its handler and its id, with a stroke between."""
    await replay.retry_one(ctx, key)


@command(needs="holds.edit")
async def place_hold(
    ctx: Ctx,
    entity_type: str,
    entity_id: UUID,
    aspect: str,
    reason_category: str,
    reason_details: str = "",
    estimated_resume_date: date | None = None,
    escalate_at: datetime | None = None,
) -> UUID:
    """Stop one aspect (`pay`, `ship`, `bill`) of anything that has a status."""
    if await status.current(ctx, entity_type, entity_id) is None:
        raise NotFound("there is no such {what}", what=entity_type)
    for name, given in (("aspect", aspect), ("reason_category", reason_category)):
        if not given.strip():
            raise Invalid.field(name, "this field is required")
    return await holds.place(
        ctx,
        entity_type,
        entity_id,
        aspect,
        reason_category,
        reason_details=reason_details,
        estimated_resume_date=estimated_resume_date,
        escalate_at=escalate_at,
    )


@command(needs="holds.edit")
async def release_hold(ctx: Ctx, hold_id: UUID, reason: str = "") -> None:
    """End a hold; what it stopped may go on."""
    hold = await ctx.one(view(HoldRow, PlacedHold).where(PlacedHold.id == hold_id, PlacedHold.released_at.is_(None)))
    await holds.release(ctx, hold.entity_type, hold.entity_id, hold.aspect, reason=reason)


@command(needs="any")
async def change_status(
    ctx: Ctx,
    entity_type: str,
    entity_id: UUID,
    to_status: str,
    transition_reason: str | None = None,
    business_context: dict[str, Any] = {},  # noqa: B006 - copied for every call by the body struct
) -> None:
    """Change the status of anything: its machine says what is allowed, and which permission it needs."""
    await status.change_status(ctx, entity_type, entity_id, to_status, transition_reason, business_context)
