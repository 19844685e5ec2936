"""Reactions at once: where they run in the process that caused them, they need not wait for the relay.

What a unit told is handled before it commits, by the reactions that ask for it (`on(..., at_once=True)`): effect and cause
are one transaction. The events say who handled them, so the relay passes them by. Where it cannot be done (the handler
refuses, the modules are apart, the subscription is paused) the relay does it as it does everything else: the cause never
depends on its effects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from uuid import UUID

import structlog

from entrepot.kernel.ctx import SYSTEM, Again, Ctx
from entrepot.kernel.log import Pending
from entrepot.kernel.origins import NIL, Caller, Origin, Origins, context_of
from entrepot.kernel.relay import Reaction
from entrepot.pure.groups import grouped

logger = structlog.get_logger("entrepot.relay")


async def handle(ctx: Ctx) -> None:
    """Handle at once what this unit told; the last thing a unit does that is run again when it raises Again. That is what
    comes of a reaction that fails: run again, the unit leaves its events to the relay."""
    heard = await _heard(ctx)
    if not heard:
        return
    told = list(ctx.pending)
    by_whom: dict[UUID, list[str]] = {}
    try:
        for reaction in heard:
            mine = [each for each in told if each.event.event_name in reaction.events]
            for each in mine:
                by_whom.setdefault(each.id, []).append(reaction.name)
            await _call(ctx, reaction, mine)
        await ctx.house.log.write(ctx, by_whom)
        await ctx.connection.settle()
    except Again:
        raise
    except Exception as error:
        for reaction in heard:
            ctx.house.memory.note(ctx.tenant_id, ("failed", reaction.name))
        logger.info("at_once.failed", tenant=str(ctx.tenant_id), error=repr(error))
        raise Again from error
    ctx.served |= {reaction.name for reaction in heard}


async def _heard(ctx: Ctx) -> list[Reaction]:
    """The reactions that handle some of what was told at once."""
    house = ctx.house
    if house.topology.far:
        return []
    names = {each.event.event_name for each in ctx.pending}
    heard = [
        reaction
        for reaction in house.relay.at_once
        if not names.isdisjoint(reaction.events) and not house.memory.noted(ctx.tenant_id, ("failed", reaction.name))
    ]
    if not heard:
        return []
    paused = await house.memory.recall(NIL, ("paused", ctx.database.name), lambda: _paused(ctx))
    return [reaction for reaction in heard if reaction.name not in paused]


async def _paused(ctx: Ctx) -> set[str]:
    rows = await ctx.ask("SELECT name FROM kernel.subscription WHERE paused", tables=("kernel.subscription",))
    return {name for (name,) in rows}


async def _call(ctx: Ctx, reaction: Reaction, events: Sequence[Pending]) -> None:
    """What the relay does with a batch, and as whom: each effect names the event it comes from as its cause."""
    mine = ctx.actor, ctx.caller, ctx.entity_id, ctx.origins
    theirs: Origins = {each.subject: Origin(SYSTEM, _caller(each)) for each in events}
    # Rows of the unit itself and of the reaction come of the same references; the module tells them apart.
    module = reaction.name.split(".", 1)[0]
    apart: dict[UUID | str, Origin] = {f"{module}.{subject}": origin for subject, origin in theirs.items()}
    ctx.connection.context(partial(context_of, ctx.actor, ctx.caller, {**ctx.origins, **apart}))
    ctx.actor, ctx.origins, ctx.at_once = SYSTEM, theirs, True
    for entity_id, part in grouped(events, attrgetter("entity_id")).items():
        ctx.entity_id, ctx.caller = entity_id, _caller(part[0])
        await reaction.hear(ctx, [each.event for each in part])
    ctx.actor, ctx.caller, ctx.entity_id, ctx.origins = mine
    ctx.at_once = False


def _caller(each: Pending) -> Caller:
    return Caller(correlation=each.origin.caller.thread, causation=str(each.id))
