"""What a subscription remembers of the log while there is always more to read, and takes for the newest in it; what its watch
thinks of; and a bell that goes on ringing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import asyncpg
import pytest

from entrepot.kernel import positions
from entrepot.kernel.delivery import behind, pass_by
from entrepot.kernel.log import Bell
from entrepot.kernel.units import unit
from entrepot.pure.ids import new_id
from entrepot.testing.world import World
from tests.kernel.conftest import MakeWorld
from tests.kernel.helpers import break_at, mend, numbers, parked, poked, system, tell, until
from tests.kernel.test_relay import POSITION, bounds
from tests.kernel.trial.events import ThingUnheard


async def test_a_full_batch_leaves_no_trail_of_what_it_passed(fresh: World) -> None:
    """With always more to read nothing is settled, and every batch would look again at all that is between its events. A
    row that commits late stays a hole all the same, and is handled."""
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    thing = new_id()
    reaction = house.relay.reactions["trial.note_poke"]
    main = house.databases.main
    [before] = await system(house, "SELECT last_value AS seq FROM kernel.event_seq")
    batch = positions.BATCH
    async with unit(house, tenant) as late:
        late.emit(poked(new_id(), 0))
        await house.log.write(late)
        await late.connection.settle()
        late.pending.clear()
        mixed = [e for number in range(batch + 5) for e in (poked(thing, number), ThingUnheard(thing_id=thing))]
        await tell(house, tenant, *mixed)
        assert await house.relay.step(main, reaction) == batch
        [state] = await system(house, POSITION, reaction.name)
        assert bounds(state)[-1] == (before["seq"] + 2, before["seq"] + 1 + 2 * batch)
        assert len(bounds(state)) <= 2, "what is done lies in one piece behind the late row"
    assert await house.relay.step(main, reaction) == 6
    assert await numbers(house, tenant, "poke") == [*range(batch), 0, *range(batch, batch + 5)]


async def test_the_newest_number_is_never_one_that_nobody_has_taken(fresh: World) -> None:
    """A sequence that is read like a table tells up to thirty-two too many now and then, and what takes them later would be
    passed by."""
    connections = [await asyncpg.connect(fresh.owner()) for _ in range(3)]
    try:
        looking, *taking = connections
        await looking.execute(LOOK)
        seen, *_ = await asyncio.gather(
            looking.fetchrow("SELECT * FROM pg_temp.look()"), *(each.execute(TAKE) for each in taking)
        )
    finally:
        for each in connections:
            await each.close()
    looks, backwards = seen
    assert looks > 10_000
    assert backwards == 0


LOOK = f"""CREATE FUNCTION pg_temp.look(OUT looks int, OUT backwards int) LANGUAGE plpgsql AS $$
DECLARE
    till timestamptz := clock_timestamp() + interval '3 seconds';
    before bigint := 0;
    newest bigint;
BEGIN
    looks := 0;
    backwards := 0;
    WHILE clock_timestamp() < till LOOP
        SELECT coalesce({positions.NEWEST}, 0) INTO newest;
        looks := looks + 1;
        backwards := backwards + (newest < before)::int;
        before := newest;
    END LOOP;
END $$"""
TAKE = """DO $$
DECLARE till timestamptz := clock_timestamp() + interval '3 seconds';
BEGIN
    WHILE clock_timestamp() < till LOOP PERFORM nextval('kernel.event_seq'); END LOOP;
END $$"""


async def test_a_backlog_is_read_no_further_than_the_batch_needs(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planner would rather read all of it and sort, for each hundred again."""
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    reaction = house.relay.reactions["trial.note_poke"]
    main = house.databases.main
    await house.relay.drain()
    batch = positions.BATCH
    thing = new_id()
    backlog = [e for number in range(15 * batch) for e in (poked(thing, number), ThingUnheard(thing_id=thing))]
    await tell(house, tenant, *backlog)
    looked: list[int] = []
    for name in ("fetch", "fetchval"):
        original = getattr(asyncpg.Connection, name)

        async def measured(self: Any, sql: str, *arguments: Any, _original: Any = original, **named: Any) -> Any:
            if "FROM kernel.event" in sql or "JOIN kernel.event" in sql:
                [(plan,)] = await self._execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", arguments, 0, None)
                looked.append(rows_read(plan[0]["Plan"]))
            return await _original(self, sql, *arguments, **named)

        monkeypatch.setattr(asyncpg.Connection, name, measured)
    for _ in range(15):
        assert await house.relay.step(main, reaction) == batch
    assert await house.relay.step(main, reaction) == 0
    assert len(looked) == 31, "the log is read, and what was passed in it, by each full batch"
    assert max(looked) <= 2 * batch, looked


async def test_who_has_nothing_to_hear_is_moved_on_with_one_look(fresh: World) -> None:
    """Also while a row is on its way: it stays a hole, and who is to hear it does when it is there."""
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    main = house.databases.main
    await house.relay.drain()
    await house.relay.drain()
    hearing = {name: one.events.keys() for name, one in house.relay.reactions.items()}
    hears = {name for name, events in hearing.items() if "thing.poked" in events}
    assert hears
    assert hearing.keys() - hears

    async def pass_all() -> set[str]:
        async with main.connection() as connection:
            return await pass_by(connection, hearing)

    async def late() -> set[str]:
        async with main.connection() as connection:
            return set(await behind(connection))

    async with unit(house, tenant) as slow:
        slow.emit(poked(new_id(), 1))
        await house.log.write(slow)
        await slow.connection.settle()
        slow.pending.clear()
        await tell(house, tenant, ThingUnheard(thing_id=new_id()))
        assert await pass_all() == hearing.keys(), "what nobody sees yet holds up nobody"
        states = await system(house, "SELECT name, fence_seq FROM kernel.subscription")
        assert None not in {state["fence_seq"] for state in states}, "but nobody may pass it for good"
        assert await late() == hearing.keys()
    assert await pass_all() == hearing.keys() - hears
    assert await late() == hears
    assert await house.relay.drain() > 0
    assert await numbers(house, tenant, "poke") == [1]
    await house.relay.drain()
    assert await late() == set()


async def test_the_watch_leaves_alone_who_is_at_work_or_far_behind(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrepot.kernel.relay.POLL", 3600)
    house = fresh.another(works=True)
    await house.start()
    monkeypatch.setattr("entrepot.kernel.delivery.NEAR", 1)
    tenant = (await fresh.tenant()).tenant
    relay, main = house.relay, house.databases.main
    try:
        # Who serves would look for themselves, at the start and at each ring, and here only the watch is to look.
        for task in relay._tasks:
            task.cancel()
        await asyncio.gather(*relay._tasks, return_exceptions=True)
        await relay.drain()
        await tell(fresh.house_of("trial"), tenant, ThingUnheard(thing_id=new_id()), ThingUnheard(thing_id=new_id()))
        assert await relay._behind(main) == relay.reactions.keys(), "two rows are far, so each looks for itself"
        monkeypatch.setattr("entrepot.kernel.delivery.NEAR", 50_000)
        async with relay._turns["main"]["trial.note_poke"]:
            assert await relay._behind(main) == {"trial.note_poke"}
        assert await relay._behind(main) == set()
    finally:
        await house.stop()


async def test_the_watch_finds_a_parked_event_whose_time_has_come(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else happens, so nothing but the watch can think of it."""
    monkeypatch.setattr("entrepot.kernel.relay.POLL", 0.05)
    world = await make_world()
    house, thing = world.house_of("trial"), new_id()
    tenant = (await world.tenant()).tenant
    await break_at(house, tenant, thing, 1)
    await tell(house, tenant, poked(thing, 1))
    await house.relay.drain()
    await system(house, "UPDATE kernel.parked SET next_at = now() + interval '1 hour' RETURNING 1")
    await mend(house, tenant)
    worker = world.another(works=True)
    await worker.start()
    try:

        async def at_the_end() -> bool:
            async with house.databases.main.connection() as connection:
                return await behind(connection) == {}

        await until(at_the_end)
        assert (await numbers(house, tenant, "poke"), await parked(house, "trial.note_poke")) == ([], 1)
        await system(house, "UPDATE kernel.parked SET next_at = now() RETURNING 1")

        async def made_good() -> bool:
            return await numbers(house, tenant, "poke") == [1]

        await until(made_good)
    finally:
        await worker.stop()
    assert await parked(house, "trial.note_poke") == 0


def rows_read(plan: dict[str, Any]) -> int:
    """How many rows of the log were looked at, fit or not."""
    mine = 0
    if plan.get("Relation Name", "").startswith("event"):
        mine = round((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return mine + sum(rows_read(part) for part in plan.get("Plans", []))


async def test_a_bell_whose_line_lost_its_way_rings_on_another(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that dies in the middle of a ring leaves the driver in a state it complains about in its own words."""
    database = fresh.house_of("trial").databases.main
    heard: list[str] = []
    lost: list[str] = []
    listener, bell = Bell(database, pause=0.0), Bell(database, pause=0.0)

    def note(names: Collection[str]) -> None:
        heard.extend(names)

    original = asyncpg.Connection.execute

    async def once(self: Any, sql: str, *arguments: Any, **named: Any) -> Any:
        if "pg_notify" in sql and not lost:
            lost.append(sql)
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
        return await original(self, sql, *arguments, **named)

    await listener.open(note, ignore, ignore)
    await bell.open(ignore, ignore, ignore)
    monkeypatch.setattr(asyncpg.Connection, "execute", once)
    bell.ring({"thing.poked"})
    async with asyncio.timeout(10):
        while "thing.poked" not in heard:
            await asyncio.sleep(0.01)
    assert len(lost) == 1
    await bell.close()
    await listener.close()


def ignore(_said: object) -> None:
    """Somebody who does not care."""


async def test_who_never_passed_anything_is_moved_on_beside_who_did(fresh: World) -> None:
    """The one begins before all time, which the driver reads as a moment in no zone; the watch ended on comparing them."""
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await house.relay.drain()
    hearing = {name: one.events.keys() for name, one in house.relay.reactions.items()}
    first = min(hearing)
    async with house.databases.main.connection() as connection:
        await connection.execute("BEGIN; SET LOCAL ROLE entrepot_system")
        await connection.execute(
            "UPDATE kernel.subscription SET since = CASE WHEN name = $1 THEN '-infinity' ELSE now() - interval '1 day' END",
            first,
        )
        await connection.execute("COMMIT")
    await tell(house, tenant, ThingUnheard(thing_id=new_id()))
    async with house.databases.main.connection() as connection:
        assert await pass_by(connection, hearing) == hearing.keys()
