"""Why is it stuck? What keeps things from going on, and what clears it, asked of every module, near and far.

The kernel itself knows holds, passed deadlines, parked events and failed jobs; each is told by the module it belongs
to, from the database of that module. What only a module can know it declares in `Module.obstacles`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec

from entrepot.kernel import holds, replay
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.facade import Offer, offer
from entrepot.pure.errors import NotFound, Refusal
from entrepot.pure.facade import Facade, ask, tell
from entrepot.pure.ids import id_of
from entrepot.pure.said import Said, says

if TYPE_CHECKING:
    from entrepot.kernel.module import Module, Stateful

MOST = 200
RELEASES, RETRIES, SEES_WORK = "holds.edit", "audit.replay", "audit.view"


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the way: of what, why, since when. The button leads to `path`, or clears `key` of `what` at once;
    `needs` is the permission it takes. Without `name` the thing is called by its list."""

    entity: str
    entity_id: UUID | None
    reason: Said
    since: datetime | None
    name: str = ""
    button: str = ""
    path: str = ""
    what: str = ""
    key: str = ""
    needs: str = ""
    sees: str = ""
    module: str = ""


Finder = Callable[[Ctx, UUID | None], Awaitable[list[Obstacle]]]


class Obstacles(Facade, name="obstacles"):
    """What every module answers about what is in the way; each by a facade of its own (`door`)."""

    @ask
    async def obstacles(self, entity: str, entity_id: UUID | None) -> list[Obstacle]:
        """What is in the way of one entity, of all of a kind, or (without a kind) of anything; oldest first."""
        raise AssertionError

    @tell()
    async def clear(self, key: str, what: str) -> None:
        """Release a hold, try a parked event again, or run a failed job again; refuses with Denied who may not."""
        raise AssertionError


@cache
def door(module: str) -> type[Obstacles]:
    """The facade by which one module is asked."""
    operations = {name: vars(Obstacles)[name] for name in Obstacles.operations()}
    made: Any = type(f"ObstaclesOf{module.title()}", (Obstacles,), operations, name=f"obstacles.{module}")
    return cast("type[Obstacles]", made)


def offered(module: Module) -> Offer:
    """How a module answers."""

    async def obstacles(ctx: Ctx, entity: str, entity_id: UUID | None) -> list[Obstacle]:
        return await found_here(ctx, [module], entity, entity_id)

    async def clear(ctx: Ctx, key: str, what: str) -> None:
        clearing = _CLEARING.get(what)
        if clearing is None:
            raise NotFound("there is no such {what}", what=what)
        await clearing(ctx, key)

    return offer(door(module.name), obstacles, clear)


async def everywhere(ctx: Ctx, entity: str = "", entity_id: UUID | None = None) -> tuple[list[Obstacle], list[str]]:
    """Every obstacle of this tenant, and the titles of the modules that could not be asked."""
    catalogue = ctx.house.catalogue
    found = await found_here(ctx, list(catalogue.modules.values()), entity, entity_id)
    silent: list[str] = []

    async def ask_far(module: Module) -> list[Obstacle]:
        if door(module.name).facade_name not in ctx.house.topology.far:
            silent.append(module.title)
            return []
        try:
            return await ctx.of(door(module.name)).obstacles(entity, entity_id)
        except Refusal:
            silent.append(module.title)
            return []

    away = [m for m in catalogue.elsewhere.values() if not entity or concerns(m, entity)]
    for answer in await asyncio.gather(*(ask_far(m) for m in away)):
        found += answer
    return sorted(found, key=_oldest)[:MOST], sorted(silent)


def _oldest(one: Obstacle) -> tuple[Any, ...]:
    return (one.since.timestamp() if one.since else float("inf")), one.entity, str(one.entity_id), one.key


def concerns(module: Module, entity: str) -> bool:
    """Whether a module may know of something in the way of this kind of entity: its own, or one it hears of."""
    return entity in module.obstacles or entity in _heard_of(module)


def _heard_of(module: Module) -> frozenset[str]:
    """The kinds of entity that a module keeps or hears of; read once, for it takes reading every handler."""
    known = _HEARD.get(module.name)
    if known is None:
        kept = {stateful.machine.entity for stateful in module.machines}
        heard = {kind.event_about for reaction in module.reaction_list() for kind in reaction.events.values()}
        known = _HEARD[module.name] = frozenset(kept | {about.removesuffix("_id") for about in heard})
    return known


_HEARD: dict[str, frozenset[str]] = {}


async def found_here(ctx: Ctx, modules: Sequence[Module], entity: str, entity_id: UUID | None) -> list[Obstacle]:
    """What these modules, which are here, know."""
    found = await _known_to_the_kernel(ctx, modules, entity, entity_id)
    for module in modules:
        for kind, find in module.obstacles.items():
            if entity in ("", kind):
                found += [msgspec.structs.replace(one, module=module.name) for one in await find(ctx, entity_id)]
    return found


async def _known_to_the_kernel(
    ctx: Ctx, modules: Sequence[Module], entity: str, entity_id: UUID | None
) -> list[Obstacle]:
    """Holds, passed deadlines, parked events and failed jobs, with one statement for all of these modules."""
    owners = {stateful.machine.entity: (module, stateful) for module in modules for stateful in module.machines}
    kinds = [kind for kind in owners if entity in ("", kind)]
    names = [module.name for module in modules]
    rows = await ctx.connection.fetch(_FOUND, kinds, entity_id, names, bool(entity_id), MOST, not entity)
    called = await _called(ctx, {kind: stateful for kind, (_, stateful) in owners.items()}, rows)
    return [_obstacle(row, owners, called, entity) for row in rows]


def _obstacle(row: Any, owners: dict[str, Any], called: dict[Any, str], entity: str) -> Obstacle:
    kind, what, identifier = row["kind"], row["what"], row["entity_id"]
    if what in ("hold", "overdue"):
        module = owners[kind][0].name
        common: dict[str, Any] = {"entity": kind, "entity_id": identifier, "name": called.get((kind, identifier), "")}
    else:
        module = kind
        about = identifier is not None and entity
        common = {"entity": entity if about else what, "entity_id": identifier, "name": row["name"]}
    common |= {"since": row["since"], "module": module}
    if what == "hold":
        said = says("{aspect} is on hold: {reason}", aspect=row["name"], reason=row["why"])
        if row["more"]:
            said = says("{aspect} is on hold: {reason}. {details}", **said.facts, details=row["more"])
        return Obstacle(**common, reason=said, button="Release", what="hold", key=row["key"], needs=RELEASES)
    if what == "overdue":
        return Obstacle(
            **common,
            reason=says("{status} for longer than it may be", status=row["name"]),
            button="Take the next step",
            path=".",
        )
    if what == "job":
        said = says("the job {name} failed: {error}", name=row["name"], error=row["why"])
        again = "Run again"
    else:
        said = says(
            "{name} could not be handled by {handler}: {error}", name=row["name"], handler=row["more"], error=row["why"]
        )
        again = "Try again now"
    return Obstacle(**common, reason=said, button=again, what=what, key=row["key"], needs=RETRIES, sees=SEES_WORK)


async def _called(ctx: Ctx, machines: dict[str, Stateful], rows: Iterable[Any]) -> dict[Any, str]:
    """What people call the things in these rows, with one statement for each kind."""
    wanted: dict[str, list[UUID]] = {}
    for row in rows:
        if row["what"] in ("hold", "overdue"):
            wanted.setdefault(row["kind"], []).append(row["entity_id"])
    found: dict[Any, str] = {}
    for kind, ids in wanted.items():
        stateful = machines[kind]
        # Table and column are our own declarations.
        sql = f'SELECT id, "{stateful.label}"::text FROM {stateful.table.qualified()} WHERE id = ANY($1)'  # noqa: S608
        found.update({(kind, row[0]): row[1] or "" for row in await ctx.connection.fetch(sql, ids)})
    return found


# ── clearing ──


async def _release(ctx: Ctx, key: str) -> None:
    ctx.need(RELEASES)
    row = await ctx.connection.fetchrow(
        "SELECT entity_type, entity_id, aspect FROM kernel.hold WHERE id = $1 AND released_at IS NULL",
        id_of("hold", key),
    )
    if row is None:
        raise NotFound("there is no such {what}", what="hold")
    await holds.release(ctx, row["entity_type"], row["entity_id"], row["aspect"])


async def _retry(ctx: Ctx, key: str) -> None:
    ctx.need(RETRIES)
    await replay.retry_one(ctx, key)


async def _run_again(ctx: Ctx, key: str) -> None:
    ctx.need(RETRIES)
    if not await ctx.run(
        "UPDATE kernel.job SET state = 'queued', attempts = 0, run_at = $2, error = NULL, finished_at = NULL "
        "WHERE id = $1 AND state = 'failed'",
        id_of("job", key),
        ctx.now,
    ):
        raise NotFound("there is no such {what}", what="job")


_CLEARING: dict[str, Callable[[Ctx, str], Awaitable[None]]] = {"hold": _release, "parked": _retry, "job": _run_again}

# A subscription and a job are called after their module. Parked events wait behind one that failed ($5 of each kind).
_FOUND = """
(SELECT 'hold' AS what, entity_type AS kind, entity_id, placed_at AS since, id::text AS key, aspect AS name,
        reason_category AS why, reason_details AS more
 FROM kernel.hold WHERE released_at IS NULL AND entity_type = ANY($1) AND ($2::uuid IS NULL OR entity_id = $2)
 ORDER BY placed_at, id LIMIT $5)
UNION ALL
(SELECT 'overdue', entity_type, entity_id, since, '', status, '', ''
 FROM kernel.status WHERE overdue AND entity_type = ANY($1) AND ($2::uuid IS NULL OR entity_id = $2)
 ORDER BY since LIMIT $5)
UNION ALL
(SELECT 'parked', split_part(subscription, '.', 1), $2, parked_at, subscription || '/' || event_id, name,
        coalesce(error, ''), subscription
 FROM kernel.parked WHERE split_part(subscription, '.', 1) = ANY($3) AND attempts > 0
   AND CASE WHEN $4 THEN subject = $2::text ELSE $6 END
 ORDER BY parked_at LIMIT $5)
UNION ALL
(SELECT 'job', split_part(name, '.', 1), NULL, coalesce(finished_at, created_at), id::text, name, coalesce(error, ''), ''
 FROM kernel.job WHERE state = 'failed' AND $6 AND split_part(name, '.', 1) = ANY($3)
 ORDER BY finished_at LIMIT $5)
"""
