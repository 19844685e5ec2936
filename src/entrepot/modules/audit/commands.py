"""Writes of audit: replaying events, and the universal status change."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import replay, status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx


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
