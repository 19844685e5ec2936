"""Status of every kind of entity in one place: current, history with reason, and deadline; `holds` stop it.

All of it is written in the transaction of the change itself, whoever changes what.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from entrepot.kernel import holds
from entrepot.kernel.ctx import Again, Ctx
from entrepot.pure.errors import Conflict, Denied, Invalid, NotFound
from entrepot.pure.events import Event, event
from entrepot.pure.states import Machine, Move

if TYPE_CHECKING:
    from entrepot.kernel.module import Stateful


@event("status.changed", about="entity_id")
class StatusChanged(Event, frozen=True):
    """Any entity went from one status to another."""

    entity_type: str
    entity_id: UUID
    from_status: str | None
    to_status: str
    move: str | None
    reason: str | None = None
    context: dict[str, Any] = {}


@event("status.overdue", about="entity_id")
class StatusOverdue(Event, frozen=True):
    """An entity is in its status for longer than its deadline allows."""

    entity_type: str
    entity_id: UUID
    status: str
    deadline: datetime


EVENTS: tuple[type[Event], ...] = (StatusChanged, StatusOverdue)


class Step(msgspec.Struct, frozen=True):
    """One line of a status history."""

    from_status: str | None
    to_status: str
    move: str | None
    reason: str | None
    context: dict[str, Any] | None
    at: datetime
    actor: UUID | None
    actor_name: str | None


class Current(msgspec.Struct, frozen=True):
    """Where an entity stands."""

    status: str
    since: datetime
    deadline: datetime | None
    overdue: bool


async def begin(
    ctx: Ctx,
    machine: Machine[Any],
    ids: Sequence[UUID],
    status: str | None = None,
    *,
    move: str | None = None,
) -> None:
    """Enter new entities, all in the same first status; written when the unit next needs the database.

    Where they stand is then told by their history; only what has a deadline or moves gets a row of its own for it."""
    first = str(status or machine.initial)
    limit = machine.deadlines.get(machine.states(first))
    by_actor: dict[tuple[UUID | None, str | None], list[UUID]] = {}
    for id in ids:
        actor = ctx.origin(id).actor
        by_actor.setdefault((actor.id, actor.name), []).append(id)
    entered = [
        {"entity": machine.entity, "status": first, "move": move, "actor": id, "actor_name": name, "ids": theirs}
        for (id, name), theirs in by_actor.items()
    ]
    await ctx.run_later("kernel.status_history", _RECORD, entered, ctx.tenant_id, ctx.now, more=1)
    if limit is not None:
        due = [{"entity": machine.entity, "status": first, "until": ctx.now + limit, "ids": ids}]
        await ctx.run_later("kernel.status", _ENTER, due, ctx.now, twice=Again, more=1)


async def follow(
    ctx: Ctx,
    machine: Machine[Any],
    entity_id: UUID,
    step: Move[Any],
    before: str,
    *,
    reason: str | None = None,
    context: dict[str, Any] | None = None,
) -> None:
    """Record a move: refuses when a hold stops it, when the reason is missing, or when somebody else was faster."""
    if step.asks_reason and not (reason or "").strip():
        raise Invalid.field("transition_reason", "say why")
    if step.stops:
        await holds.must_not_be_held(ctx, machine.entity, entity_id, step.stops)
    limit = machine.deadlines.get(step.target)
    moved = await ctx.value(
        _FOLLOW,
        machine.entity,
        entity_id,
        str(before),
        str(step.target),
        ctx.now,
        ctx.now + limit if limit else None,
        step.name,
        reason,
        context or {},
        ctx.actor.id,
        ctx.actor.name,
    )
    if not moved:
        raise Conflict("the {entity} was changed by somebody else; look again", entity=machine.entity)
    ctx.emit(
        StatusChanged(
            entity_type=machine.entity,
            entity_id=entity_id,
            from_status=str(before),
            to_status=str(step.target),
            move=step.name,
            reason=reason,
            context=context or {},
        )
    )


async def move(
    ctx: Ctx,
    stateful: Stateful,
    entity_id: UUID,
    name: str,
    *,
    reason: str | None = None,
    context: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """Lock the entity, check the move, change its row and record the step; returns the new status."""
    machine = stateful.machine
    before = await held_state(ctx, stateful, entity_id)
    step = machine.step(before, name)
    await follow(ctx, machine, entity_id, step, before, reason=reason, context=context)
    await ctx.change(stateful.table, entity_id, **{stateful.column: str(step.target)}, **changes)
    return str(step.target)


async def change_status(
    ctx: Ctx,
    entity_type: str,
    entity_id: UUID,
    to_status: str,
    transition_reason: str | None = None,
    business_context: dict[str, Any] | None = None,
) -> None:
    """The universal status change: check, history, current status, row, audit and event in one transaction.

    A move that has a command of its own (paying takes money) runs that command; it is never just relabelled."""
    stateful = ctx.house.catalogue.machines.get(entity_type)
    if stateful is None:
        raise Invalid.field(
            "entity_type", "there is no such kind of entity", allowed=sorted(ctx.house.catalogue.machines)
        )
    before = await held_state(ctx, stateful, entity_id)
    step = stateful.machine.to(before, to_status)
    if not ctx.may(step.needs):
        raise Denied("you need the permission {missing} for this", missing=step.needs)
    own = stateful.moves.get(step.name)
    if own is not None:
        await own(ctx, entity_id, transition_reason)
        return
    if not step.by_hand:
        raise Conflict("to {move} a {entity} takes more than a new status", move=step.name, entity=entity_type)
    await follow(ctx, stateful.machine, entity_id, step, before, reason=transition_reason, context=business_context)
    await ctx.change(stateful.table, entity_id, **{stateful.column: str(step.target)})


async def held_state(ctx: Ctx, stateful: Stateful, entity_id: UUID) -> str:
    """The state of an entity, its row locked; NotFound when there is none."""
    # Table and column are our own declarations.
    state = await ctx.value(
        f'SELECT "{stateful.column}" FROM {stateful.table.qualified()} WHERE id = $1 FOR UPDATE',  # noqa: S608
        entity_id,
    )
    if state is None:
        raise NotFound("there is no such {what}", what=stateful.machine.entity)
    return str(state)


async def history(ctx: Ctx, entity_type: str, entity_id: UUID) -> list[Step]:
    """Every step of an entity, oldest first."""
    return await ctx.rows(
        Step,
        "SELECT from_status, to_status, move, reason, context, at, actor, actor_name FROM kernel.status_history "
        "WHERE entity_type = $1 AND entity_id = $2 ORDER BY seq",
        entity_type,
        entity_id,
    )


async def current(ctx: Ctx, entity_type: str, entity_id: UUID) -> Current | None:
    return await ctx.row(Current, _CURRENT, entity_type, entity_id)


async def flag_overdue(ctx: Ctx) -> list[UUID]:
    """Mark and tell what has passed its deadline; an hourly job. Returns the entities newly overdue."""
    found = await ctx.rows(
        StatusOverdue,
        "UPDATE kernel.status SET overdue = true WHERE deadline <= $1 AND NOT overdue "
        "RETURNING entity_type, entity_id, status, deadline",
        ctx.now,
    )
    for each in found:
        ctx.emit(each)
    return [each.entity_id for each in found]


_ENTER = """
INSERT INTO kernel.status (entity_type, entity_id, status, since, deadline)
SELECT u.entity, id, u.status, $2, u.until
FROM json_to_recordset($1::json) AS u(entity text, status text, until timestamptz, ids uuid[]), unnest(u.ids) AS id
"""
_RECORD = """
INSERT INTO kernel.status_history (tenant_id, entity_type, entity_id, to_status, at, move, actor, actor_name)
SELECT $2, u.entity, id, u.status, $3, u.move, u.actor, u.actor_name
FROM json_to_recordset($1::json) AS u(entity text, status text, move text, actor uuid, actor_name text, ids uuid[]),
     unnest(u.ids) AS id
"""
_LAST = """
SELECT to_status, at FROM kernel.status_history WHERE entity_type = $1 AND entity_id = $2 ORDER BY seq DESC LIMIT 1
"""
_CURRENT = """
SELECT h.to_status AS status, h.at AS since, s.deadline, coalesce(s.overdue, false) AS overdue
FROM (LAST) h LEFT JOIN kernel.status s ON s.entity_type = $1 AND s.entity_id = $2
""".replace("LAST", _LAST)
# Who moves first makes the row; two at once meet at its key, and the second finds where the first has gone.
_FOLLOW = """
WITH stands AS (
    SELECT WHERE EXISTS (SELECT FROM kernel.status WHERE entity_type = $1 AND entity_id = $2)
              OR $3 = (SELECT to_status FROM (LAST) last)
), moved AS (
    INSERT INTO kernel.status AS s (entity_type, entity_id, status, since, deadline)
    SELECT $1, $2, $4, $5, $6 FROM stands
    ON CONFLICT (tenant_id, entity_type, entity_id)
    DO UPDATE SET status = $4, since = $5, deadline = $6, overdue = false WHERE s.status = $3 RETURNING 1
)
INSERT INTO kernel.status_history
    (entity_type, entity_id, from_status, to_status, at, move, reason, context, actor, actor_name)
SELECT $1, $2, $3, $4, $5, $7, $8, $9, $10, $11 FROM moved RETURNING 1
""".replace("LAST", _LAST)
