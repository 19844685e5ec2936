"""What a command would do: it runs for real, its reactions too, and everything is rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from entrepot.kernel.ctx import SYSTEM, Ctx
from entrepot.pure.errors import Refusal
from entrepot.pure.events import Event


class Change(msgspec.Struct, frozen=True):
    """One row that would be created, updated or deleted."""

    action: str
    entity_type: str
    entity_id: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class Effect(msgspec.Struct, frozen=True):
    """One event that would be told."""

    name: str
    data: Event


class Previewed(msgspec.Struct, frozen=True):
    """The answer of `?preview=true`: the result, every change, every event, and what would be refused afterwards."""

    result: Any
    changes: Sequence[Change]
    events: Sequence[Effect]
    refused: Sequence[str] = ()


class Preview:
    """A preview under way."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx


async def previewed(preview: Preview, result: Any) -> Previewed:
    """Let the reactions of this process run in the same transaction, then tell what everything together changed."""
    ctx = preview.ctx
    events: list[Event] = []
    refused: list[str] = []
    actor, ctx.actor = ctx.actor, SYSTEM
    while ctx.pending and len(events) < 200:
        told = [each.event for each in ctx.pending]
        ctx.pending.clear()
        events += told
        for reaction in ctx.house.catalogue.reactions:
            mine = [event for event in told if event.event_name in reaction.events]
            if not mine:
                continue
            try:
                async with ctx.attempt():
                    if reaction.batch:
                        await reaction.handler(ctx, mine)
                    else:
                        for event in mine:
                            await reaction.handler(ctx, event)
            except Refusal as refusal:
                refused.append(f"{reaction.name}: {refusal}")
    ctx.actor = actor
    rows = await ctx.connection.fetch(
        "SELECT action, entity_type, entity_id, kernel.trailed(old) AS old, kernel.trailed(new, made) AS new "
        "FROM kernel.audit_trail "
        "WHERE at >= now() AND request_id = $1 ORDER BY seq",
        ctx.caller.request_id[:100],
    )
    changes = [Change(r["action"], r["entity_type"], str(r["entity_id"]), r["old"], r["new"]) for r in rows]
    ctx.pending.clear()
    return Previewed(result, changes, [Effect(event.event_name, event) for event in events], refused)
