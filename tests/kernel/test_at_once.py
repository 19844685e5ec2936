"""What is handled in the transaction that told it: once, as a whole, and never at the cost of its cause."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from uuid import UUID

import pytest

from entrepot.kernel import at_once, positions
from entrepot.kernel.ctx import Again, Ctx
from entrepot.kernel.house import House
from entrepot.kernel.relay import on, reactions_of
from entrepot.kernel.units import unit
from entrepot.pure.ids import new_id
from entrepot.testing.world import World
from tests.kernel.helpers import (
    batched,
    break_at,
    handled,
    mend,
    numbers,
    parked,
    poked,
    settle_now,
    system,
    tell,
    until,
)
from tests.kernel.trial.events import ThingBatched

MINE = "trial.note_batch"


async def tell_at_once(house: House, tenant: UUID, *told: ThingBatched) -> None:
    async with unit(house, tenant) as ctx:
        for event in told:
            ctx.emit(event)
        await at_once.handle(ctx)


async def said(house: House, thing: UUID) -> list[list[str] | None]:
    """Who handled the events of a thing at once."""
    rows = await system(house, "SELECT at_once FROM kernel.event WHERE subject = $1 ORDER BY seq", str(thing))
    return [row["at_once"] for row in rows]


async def test_it_is_there_with_its_cause_and_the_relay_passes_it_by(fresh: World) -> None:
    house, thing = fresh.house_of("trial"), new_id()
    tenant = (await fresh.tenant()).tenant
    await tell_at_once(house, tenant, batched(thing, 1), batched(thing, 2))
    assert await handled(house, tenant, "batch%") == [(thing, 1), (thing, 2)]
    assert await said(house, thing) == [[MINE], [MINE]]
    assert await house.relay.step(house.databases.main, house.relay.reactions[MINE], wait=True) == 0
    await fresh.settle()
    assert await handled(house, tenant, "batch%") == [(thing, 1), (thing, 2)]


async def test_others_hear_of_it_as_ever(fresh: World) -> None:
    house, thing = fresh.house_of("trial"), new_id()
    tenant = (await fresh.tenant()).tenant
    async with unit(house, tenant) as ctx:
        ctx.emit(poked(thing, 7))
        ctx.emit(batched(thing, 8))
        await at_once.handle(ctx)
    assert (await numbers(house, tenant, "poke"), await numbers(house, tenant, "batch%")) == ([], [8])
    assert await said(house, thing) == [None, [MINE]]
    await fresh.settle()
    assert (await numbers(house, tenant, "poke"), await numbers(house, tenant, "batch%")) == ([7], [8])


async def test_what_the_relay_reads_around_it_is_in_order_and_once(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once and later in turns, more than fits in several batches."""
    monkeypatch.setattr(positions, "BATCH", 4)
    house, thing = fresh.house_of("trial"), new_id()
    tenant = (await fresh.tenant()).tenant
    for number in range(0, 40, 2):
        await tell_at_once(house, tenant, batched(thing, number))
        await tell(house, tenant, batched(thing, number + 1))
    assert await numbers(house, tenant, "batch%") == list(range(0, 40, 2))
    await fresh.settle()
    assert await numbers(house, tenant, "batch%") == [*range(0, 40, 2), *range(1, 40, 2)]


async def test_a_unit_that_fails_leaves_neither(fresh: World) -> None:
    house, thing = fresh.house_of("trial"), new_id()
    tenant = (await fresh.tenant()).tenant
    with pytest.raises(RuntimeError):
        async with unit(house, tenant) as ctx:
            ctx.emit(batched(thing, 1))
            await at_once.handle(ctx)
            raise RuntimeError
    await fresh.settle()
    assert (await numbers(house, tenant, "batch%"), await said(house, thing)) == ([], [])


async def test_a_cause_does_not_depend_on_its_effect(fresh: World) -> None:
    """A handler that fails makes the unit run again, which then leaves its events to the relay: there they are parked."""
    house, thing = fresh.house_of("trial"), new_id()
    tenant = (await fresh.tenant()).tenant
    await break_at(house, tenant, thing, 1, "batch")
    with pytest.raises(Again):
        await tell_at_once(house, tenant, batched(thing, 1))
    assert (await numbers(house, tenant, "batch%"), await said(house, thing)) == ([], [])
    await tell_at_once(house, tenant, batched(thing, 1))
    assert (await numbers(house, tenant, "batch%"), await said(house, thing)) == ([], [None])
    await fresh.settle()
    assert (await numbers(house, tenant, "batch%"), await parked(house, MINE)) == ([], 1)
    await mend(house, tenant)
    await settle_now(fresh)
    assert (await numbers(house, tenant, "batch%"), await parked(house, MINE)) == ([1], 0)


async def test_what_is_paused_waits_for_the_relay(fresh: World) -> None:
    house, thing = fresh.house_of("trial"), new_id()
    tenant = (await fresh.tenant()).tenant
    await tell_at_once(house, tenant, batched(thing, 1))
    async with unit(house, tenant) as ctx:  # whoever does it, it concerns everybody
        await ctx.run("UPDATE kernel.subscription SET paused = true WHERE name = $1", MINE)

    async def left_alone() -> bool:
        other = new_id()
        await tell_at_once(house, tenant, batched(other, 2))
        return await said(house, other) == [None]

    await until(left_alone)
    await fresh.settle()
    heard = await numbers(house, tenant, "batch%")
    await system(house, f"UPDATE kernel.subscription SET paused = false WHERE name = '{MINE}' RETURNING 1")
    await fresh.settle()
    assert await numbers(house, tenant, "batch%") == [*heard, 2]


async def test_nobody_else_is_woken_for_it(fresh: World) -> None:
    house, rung = fresh.house_of("trial"), []
    house.relay._bells[house.databases.main.name].ring = rung.append  # type: ignore[method-assign, assignment]
    tenant = (await fresh.tenant()).tenant
    rung.clear()
    await tell_at_once(house, tenant, batched(new_id(), 1))
    assert rung == []
    await tell(house, tenant, batched(new_id(), 1))
    assert rung == [{"thing.batched"}]


def test_who_handles_single_events_cannot_do_it_at_once() -> None:
    async def alone(ctx: Ctx, event: ThingBatched) -> None: ...

    room = SimpleNamespace(__name__=__name__, alone=on(ThingBatched, at_once=True)(alone))
    with pytest.raises(TypeError, match=r"trial\.alone handles events at once"):
        reactions_of("trial", room)


async def test_many_at_once_name_each_their_own_cause(fresh: World) -> None:
    house, things = fresh.house_of("trial"), [new_id() for _ in range(3)]
    tenant = (await fresh.tenant()).tenant
    seen: list[tuple[Sequence[str], str]] = []
    reaction = house.relay.reactions[MINE]
    original = reaction.handler

    async def noting(ctx: Ctx, events: list[ThingBatched]) -> None:
        seen.append(([ctx.origin(event.thing_id).caller.causation for event in events], ctx.actor.kind))
        await original(ctx, events)

    object.__setattr__(reaction, "handler", noting)
    try:
        await tell_at_once(house, tenant, *(batched(thing, 1) for thing in things))
    finally:
        object.__setattr__(reaction, "handler", original)
    ids = {
        row["subject"]: str(row["id"])
        for row in await system(house, "SELECT subject, id FROM kernel.event WHERE name = 'thing.batched'")
    }
    assert seen == [([ids[str(thing)] for thing in things], "system")]
