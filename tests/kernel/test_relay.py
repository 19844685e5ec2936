"""No event is skipped, each takes effect exactly once, in order per entity, and a failing one stops nobody else."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from uuid import UUID

import asyncpg
import pytest

from entrepot.kernel import relay, replay
from entrepot.kernel.delivery import behind
from entrepot.kernel.house import House
from entrepot.kernel.positions import END, Fence, Position, Seen
from entrepot.kernel.units import unit
from entrepot.pure.errors import Invalid, NotFound
from entrepot.pure.ids import new_id
from entrepot.testing.world import World
from tests.kernel.conftest import MakeWorld
from tests.kernel.helpers import (
    batched,
    break_at,
    handled,
    mend,
    numbers,
    poked,
    settle_now,
    system,
    tell,
    until,
)
from tests.kernel.trial.events import ThingUnheard

POSITION = "SELECT done, fence_seq FROM kernel.subscription WHERE name = $1"


def bounds(row: dict[str, object]) -> list[tuple[int, int]]:
    return [(part.lower, part.upper) for part in row["done"]]  # type: ignore[attr-defined]


async def write_out_of_order(house: House, tenant: UUID, seed: int, count: int) -> list[int]:
    """Many writers at once that linger between writing and committing; one in five thinks better of it."""
    chance = random.Random(seed)

    class Regret(Exception):
        pass

    async def write(number: int, linger: float, regrets: bool) -> int | None:
        try:
            async with unit(house, tenant) as ctx:
                ctx.emit(poked(new_id(), number))
                ctx.emit(ThingUnheard(thing_id=new_id()))
                await house.log.write(ctx)
                ctx.pending.clear()
                await asyncio.sleep(linger)
                if regrets:
                    raise Regret
        except Regret:
            return None
        house.relay.wake(ctx.database, ["thing.poked"])
        return number

    plans = [(n, chance.choice([0, 0.001, 0.02, 0.08]), chance.random() < 0.2) for n in range(count)]
    gate = asyncio.Semaphore(8)

    async def gated(plan: tuple[int, float, bool]) -> int | None:
        async with gate:
            return await write(*plan)

    done = await asyncio.gather(*(gated(plan) for plan in plans))
    return [number for number in done if number is not None]


@pytest.mark.covers("OBS-010")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_skipped_when_commits_are_out_of_order(make_world: MakeWorld, seed: int) -> None:
    """Two houses relay on the same database while the writers run."""
    world = await make_world(works=True, pool=20)
    house = world.house_of("trial")
    tenant = (await world.tenant()).tenant
    other = world.another(works=True)
    await other.start()
    try:
        committed = await write_out_of_order(house, tenant, seed, 200)
        assert 120 < len(committed) < 200

        async def all_there() -> bool:
            return len(await numbers(house, tenant, "poke")) >= len(committed)

        await until(all_there)
        await world.settle()
    finally:
        await other.stop()
    assert sorted(await numbers(house, tenant, "poke")) == sorted(committed)
    assert sorted(await numbers(house, tenant, "echo")) == sorted(committed)

    async def compact() -> bool:
        await house.relay.drain()
        states = await system(house, "SELECT done, fence_seq FROM kernel.subscription")
        return all(len(row["done"]) == 1 and row["fence_seq"] is None for row in states)

    await until(compact)


async def test_a_row_that_commits_late_is_waited_for(fresh: World) -> None:
    """The writer has its number but has not committed, and is the newest transaction there is: the snapshot's upper
    end does not show it. A position that went past it would lose the event."""
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    thing = new_id()
    reaction = house.relay.reactions["trial.note_poke"]
    main = house.databases.main
    async with unit(house, tenant) as late:
        late.emit(poked(thing, 1))
        await house.log.write(late)
        await late.connection.settle()
        late.pending.clear()
        for number in range(2, 5):
            await tell(house, tenant, poked(thing, number))
            assert await house.relay.step(main, reaction) == 1
        for _ in range(5):
            assert await house.relay.step(main, reaction) == 0
        [state] = await system(house, POSITION, reaction.name)
        assert state["fence_seq"] is not None
        assert len(bounds(state)) == 2, "the late row is a hole"
    assert await house.relay.step(main, reaction) == 1
    assert await numbers(house, tenant, "poke") == [2, 3, 4, 1]
    await house.relay.step(main, reaction)
    [state] = await system(house, POSITION, reaction.name)
    assert (len(bounds(state)), bounds(state)[0][0], state["fence_seq"]) == (1, 0, None)


async def test_a_hole_below_what_is_done_counts_as_behind(fresh: World) -> None:
    """A batch may end with a row that is newer than the newest number known when it began. A hole below that row has
    no fence yet; if nobody rings when it fills, the watch must find it."""
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    name = "trial.note_poke"
    await tell(house, tenant, poked(new_id(), 1))
    await house.relay.drain()
    await house.relay.drain()
    async with house.databases.main.connection() as connection:
        assert name not in await behind(connection)
    [log] = await system(house, "SELECT max(seq) AS seq FROM kernel.event")
    await system(
        house,
        "UPDATE kernel.subscription SET done = int8multirange(int8range(0, $2 - 1), int8range($2, $2 + 1)), "
        "fence_seq = NULL, fence_xid = NULL, fence_at = NULL WHERE name = $1 RETURNING name",
        name,
        log["seq"],
    )
    async with house.databases.main.connection() as connection:
        assert name in await behind(connection)
    await house.relay.drain()
    await house.relay.drain()
    [state] = await system(house, POSITION, name)
    assert (len(bounds(state)), state["fence_seq"]) == (1, None)


async def test_gaps_of_rolled_back_rows_close_and_positions_stay_small(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    for round in range(3):
        committed = await write_out_of_order(house, tenant, round, 40)
        await house.relay.drain()
        rows = await system(house, "SELECT name, done, fence_seq FROM kernel.subscription")
        [newest] = await system(house, "SELECT last_value FROM kernel.event_seq")
        assert len(committed) < 40
        assert {row["name"]: bounds(row) for row in rows} == {
            row["name"]: [(0, newest["last_value"] + 1)] for row in rows
        }
        assert {row["fence_seq"] for row in rows} == {None}


def test_a_fence_is_passed_when_everything_older_has_ended() -> None:
    now = asyncpg.Range  # any value serves as a time here
    position = Position([(0, 3)], None, now, newest=5, now=now)  # type: ignore[arg-type]
    assert position.settle(Seen(oldest=90, own=100, everything=True, parked=False))
    assert (position.done, position.fence) == ([(0, 3)], Fence(5, 100, now))  # type: ignore[arg-type]
    assert position.holes() == [(3, END)]
    assert not position.settle(Seen(oldest=99, own=120, everything=True, parked=False)), "somebody older still runs"
    assert not position.settle(Seen(oldest=100, own=121, everything=False, parked=False)), "there was more to read"


async def test_order_is_kept_when_an_older_transaction_commits_later(fresh: World) -> None:
    """The transaction that began first gets the entity last: its event is the second."""
    house = fresh.house_of("trial")
    person = await fresh.tenant()
    thing = UUID((await person.post("/things", {"name": "one"}))["id"])
    async with unit(house, person.tenant) as elder:
        await elder.value("SELECT pg_current_xact_id()")
        async with unit(house, person.tenant) as younger:
            await younger.value("SELECT 1 FROM trial.thing WHERE id = $1 FOR UPDATE", thing)
            younger.emit(poked(thing, 1))
        await elder.value("SELECT 1 FROM trial.thing WHERE id = $1 FOR UPDATE", thing)
        elder.emit(poked(thing, 2))
        elder.emit(poked(thing, 3))
    await house.relay.drain()
    assert await numbers(house, person.tenant, "poke") == [1, 2, 3]


async def test_order_within_one_unit_and_over_many_batches(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    things = [new_id() for _ in range(5)]
    for start in range(0, 250, 50):
        await tell(house, tenant, *(poked(things[n % 5], n) for n in range(start, start + 50)))
    await house.relay.drain()
    assert await numbers(house, tenant, "poke") == list(range(250))


async def test_a_handler_that_fails_halfway_leaves_nothing_and_stops_only_its_entity(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant, stranger = (await fresh.tenant()).tenant, (await fresh.tenant()).tenant
    bad, good = new_id(), new_id()
    await break_at(house, tenant, bad, 2)
    await tell(house, tenant, poked(bad, 1), poked(bad, 2), poked(good, 1), poked(bad, 3), poked(good, 2))
    await tell(house, stranger, poked(bad, 2), poked(bad, 3))  # another tenant's thing of the same id
    await house.relay.drain()
    assert await handled(house, tenant, "poke") == [(bad, 1), (good, 1), (good, 2)]
    assert await numbers(house, stranger, "poke") == [2, 3]
    assert len(await handled(house, tenant, "echo")) == 5, "other subscriptions go on"

    async with unit(house, tenant) as ctx:
        first, second = await replay.parked(ctx)
    assert (first.subscription, first.name, first.subject, first.attempts) == (
        "trial.note_poke",
        "thing.poked",
        str(bad),
        1,
    )
    assert first.error == "RuntimeError: cannot bear 2"
    assert (second.attempts, second.error) == (0, "waits behind an earlier event")
    assert first.next_at > first.parked_at

    # What comes later waits behind it as well, what belongs to others does not.
    await tell(house, tenant, poked(bad, 4), poked(good, 3))
    await house.relay.drain()
    assert await handled(house, tenant, "poke") == [(bad, 1), (good, 1), (good, 2), (good, 3)]

    # It fails again, later each time.
    waits = []
    for _ in range(3):
        await settle_now(fresh)
        [row] = await system(
            house, "SELECT attempts, extract(epoch FROM next_at - now()) AS wait FROM kernel.parked WHERE attempts > 0"
        )
        waits.append((row["attempts"], round(row["wait"])))
    assert waits == [(2, 4), (3, 8), (4, 16)]

    await mend(house, tenant)
    await settle_now(fresh)
    assert await handled(house, tenant, "poke") == [
        (bad, 1),
        (good, 1),
        (good, 2),
        (good, 3),
        (bad, 2),
        (bad, 3),
        (bad, 4),
    ]
    assert await system(house, "SELECT 1 FROM kernel.parked") == []


async def test_one_bad_event_of_a_batch_does_not_take_the_others_with_it(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    things = [new_id() for _ in range(100)]
    await tell(house, tenant, *(batched(thing, n) for n, thing in enumerate(things)))
    await house.relay.drain()
    assert await numbers(house, tenant, "batch of 100") == [0]
    assert await numbers(house, tenant, "batch%") == list(range(100))

    await break_at(house, tenant, things[40], 140, "batch")
    await tell(house, tenant, *(batched(thing, 100 + n) for n, thing in enumerate(things)))
    await house.relay.drain()
    assert await numbers(house, tenant, "batch%") == [*range(140), *range(141, 200)]
    async with unit(house, tenant) as ctx:
        [stuck] = await replay.parked(ctx, "trial.note_batch")
    assert (stuck.subject, stuck.attempts) == (str(things[40]), 1)
    await mend(house, tenant)
    await settle_now(fresh)
    assert sorted(await numbers(house, tenant, "batch%")) == list(range(200))


async def test_parked_events_can_be_retried_skipped_and_replayed(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant, stranger = (await fresh.tenant()).tenant, (await fresh.tenant()).tenant
    thing = new_id()
    await break_at(house, tenant, thing, 1)
    await tell(house, tenant, poked(thing, 1), poked(thing, 2))
    await house.relay.drain()
    async with unit(house, stranger) as ctx:
        assert await replay.parked(ctx) == []
        with pytest.raises(NotFound):
            await replay.retry_now(ctx, "trial.note_poke")
    async with unit(house, tenant) as ctx:
        first, second = await replay.parked(ctx)
        assert await replay.retry_now(ctx, "trial.note_poke", first.event_id) == 1
    await house.relay.drain()
    async with unit(house, tenant) as ctx:
        assert [p.attempts for p in await replay.parked(ctx)] == [2, 0]
        with pytest.raises(Invalid):
            await replay.skip(ctx, "trial.note_poke", first.event_id, " ")
        await replay.skip(ctx, "trial.note_poke", first.event_id, "was a test order")
    await house.relay.drain()
    assert await numbers(house, tenant, "poke") == [2]
    async with unit(house, tenant) as ctx:
        assert await replay.parked(ctx) == []
        skipped = await ctx.value("SELECT data FROM kernel.event WHERE name = 'event.skipped'")
        assert skipped == {
            "subscription": "trial.note_poke",
            "event_id": str(first.event_id),
            "name": "thing.poked",
            "reason": "was a test order",
        }
        await replay.replay(ctx, "trial.note_poke", second.event_id)
        with pytest.raises(NotFound):
            await replay.replay(ctx, "trial.note_batch", second.event_id)
        with pytest.raises(NotFound):
            await replay.replay(ctx, "trial.nobody", second.event_id)
    await house.relay.drain()
    assert await numbers(house, tenant, "poke") == [2, 2]

    await mend(house, tenant)
    async with unit(house, tenant) as ctx:
        since, until_ = await ctx.connection.fetchrow("SELECT now() - interval '1 hour', now() + interval '1 hour'")
        assert await replay.replay_range(ctx, "trial.note_poke", since, until_) == 2
        assert await replay.replay_range(ctx, "trial.note_poke", since, since) == 0
    await house.relay.drain()
    assert await numbers(house, tenant, "poke") == [2, 2, 1, 2]
    assert await numbers(house, tenant, "echo") == [1, 2], "only the subscription that was asked for heard it again"


async def test_waking_others_needs_no_polling(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a poll that never comes, an event reaches the worker of another process and its echo the next handler."""
    monkeypatch.setattr(relay, "POLL", 3600.0)
    world = await make_world()
    writer = world.house_of("trial")
    tenant = (await world.tenant()).tenant
    worker = world.another(works=True)
    await worker.start()
    try:
        thing = new_id()

        async def heard(*wanted: int) -> bool:
            echoes = await numbers(writer, tenant, "echo")
            return echoes == list(wanted) and await numbers(writer, tenant, "poke") == list(wanted)

        # The first may be found by the look a worker takes when it starts; the second only because somebody rang.
        await tell(writer, tenant, poked(thing, 0))
        await until(partial(heard, 0))
        await tell(writer, tenant, poked(thing, 1))
        await until(partial(heard, 0, 1))
        # The line of the bell is cut; it is picked up again, and what was told meanwhile is found.
        await system_terminate(world, worker)
        await tell(writer, tenant, poked(thing, 2))

        await until(partial(heard, 0, 1, 2))
    finally:
        await worker.stop()


async def system_terminate(world: World, house: House) -> None:
    bell = house.relay._bells["main"]._connection
    owner = await asyncpg.connect(world.owner())
    await owner.execute("SELECT pg_terminate_backend($1)", bell.get_server_pid())
    await owner.close()


async def test_without_a_ring_the_watch_finds_what_is_behind(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "POLL", 0.05)
    world = await make_world()
    writer = world.house_of("trial")
    tenant = (await world.tenant()).tenant
    worker = world.another(works=True)
    await worker.start()
    monkeypatch.setattr(writer.relay, "wake", lambda *_: None)
    try:
        await tell(writer, tenant, poked(new_id(), 1))

        async def heard() -> bool:
            return await numbers(writer, tenant, "poke") == [1]

        await until(heard)

        async def at_the_end() -> bool:
            async with writer.databases.main.connection() as connection:
                return await behind(connection) == {}

        await until(at_the_end)
    finally:
        await worker.stop()


async def test_only_who_hears_it_is_woken(fresh: World) -> None:
    house = fresh.another(works=True)
    await house.start()
    await house.relay.drain()
    try:
        wakers = house.relay._wakers["main"]
        for waker in wakers.values():
            waker.clear()
        house.relay._wake_here(house.databases.main, {"thing.batched"})
        assert {name for name, waker in wakers.items() if waker.is_set()} == {"trial.note_batch"}
    finally:
        await house.stop()


async def test_a_subscription_added_later_begins_now_unless_it_says_otherwise(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await tell(house, tenant, poked(new_id(), 1))
    await house.relay.drain()
    later = fresh.another()
    seen: dict[str, list[int]] = {"now": [], "start": []}

    def hears(name: str, from_start: bool) -> relay.Reaction:
        async def handler(_ctx: object, event: object) -> None:
            seen[name].append(event.number)  # type: ignore[attr-defined]

        events = house.relay.reactions["trial.note_poke"].events
        return relay.Reaction(f"late.{name}", events, handler, batch=False, from_start=from_start)

    for reaction in (hears("now", False), hears("start", True)):
        later.relay.reactions[reaction.name] = reaction
    await later.start()
    try:
        await tell(house, tenant, poked(new_id(), 2))
        await later.relay.drain()
    finally:
        await later.stop()
    assert seen == {"now": [2], "start": [1, 2]}


async def test_a_paused_subscription_waits(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await system(house, "UPDATE kernel.subscription SET paused = true WHERE name = 'trial.note_poke' RETURNING 1")
    await tell(house, tenant, poked(new_id(), 1))
    await house.relay.drain()
    assert (await numbers(house, tenant, "poke"), await numbers(house, tenant, "echo")) == ([], [1])
    await system(house, "UPDATE kernel.subscription SET paused = false WHERE name = 'trial.note_poke' RETURNING 1")
    await house.relay.drain()
    assert await numbers(house, tenant, "poke") == [1]


@pytest.mark.covers("PLT-017", "PLT-018")
async def test_events_carry_their_cause(fresh: World) -> None:
    house = fresh.house_of("trial")
    person = await fresh.tenant()
    thing = (await person.post("/things", {"name": "one"}))["id"]
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for number in (1, 2):
        await person.post(f"/things/{thing}/poke", {"number": number, "later": True}, headers={"traceparent": trace})
    await fresh.settle()
    async with unit(house, person.tenant) as ctx:
        rows = await ctx.connection.fetch(
            "SELECT id, name, (data->>'number')::int AS number, subject, correlation, causation, actor, source, version "
            "FROM kernel.event WHERE name IN ('thing.poked', 'thing.echoed') ORDER BY seq"
        )
        notes = await ctx.connection.fetch(
            "SELECT reaction, note FROM trial.handled WHERE number = 2 ORDER BY reaction"
        )
        [job] = await ctx.connection.fetch("SELECT id, correlation FROM kernel.job WHERE arguments->>'number' = '2'")
    pokes = {row["number"]: row for row in rows if row["name"] == "thing.poked"}
    echoes = {row["number"]: row for row in rows if row["name"] == "thing.echoed"}
    correlation = "0af7651916cd43dd8448eb211c80319c"
    assert {row["correlation"] for row in rows} == {correlation}
    assert {row["subject"] for row in rows} == {thing}
    assert {row["source"] for row in rows} == {"entrepot"}
    assert [pokes[n]["causation"] for n in (1, 2)] == [None, None]
    assert [echoes[n]["causation"] for n in (1, 2)] == [str(pokes[1]["id"]), str(pokes[2]["id"])]
    assert {row["reaction"]: row["note"] for row in notes} == {
        "poke": f"{correlation} {pokes[2]['id']}",
        "echo": f"{correlation} {echoes[2]['id']}",
        "job": f"{correlation} {job['id']}",
    }
    assert job["correlation"] == correlation
