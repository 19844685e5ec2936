"""Numbers of documents: no gap, no duplicate, whatever happens to the units that take them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from entrepot.kernel import numbers
from entrepot.kernel.ctx import Again, Ctx
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.pure.errors import Invalid, NotFound
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World
from tests.kernel.conftest import MakeWorld

ON = date(2025, 5, 1)


class Regret(Exception):
    pass


@pytest.mark.covers("NUM-003", "OBS-011")
async def test_sixty_four_writers_leave_no_gap_and_no_duplicate(make_world: MakeWorld) -> None:
    world = await make_world(pool=24)
    house = world.house_of("trial")
    person = await world.tenant()
    entity = UUID((await person.get("/me"))["entity_id"])
    chance = random.Random(7)

    async def write(regrets: bool, several: int) -> list[str]:
        try:
            async with unit(house, person.tenant, entity_id=entity) as ctx:
                taken = await numbers.take_many(ctx, "card", several, on=ON)
                await asyncio.sleep(0.001)
                if regrets:
                    raise Regret
        except Regret:
            return []
        return taken

    plans = [(chance.random() < 0.2, chance.choice([1, 1, 1, 3])) for _ in range(64 * 4)]
    taken = [n for part in await asyncio.gather(*(write(*plan) for plan in plans)) for n in part]
    assert 150 < len(taken) < sum(several for _, several in plans)
    assert sorted(taken) == [f"CC-2025-{n:05d}" for n in range(1, len(taken) + 1)]


@pytest.mark.covers("NUM-003")
@pytest.mark.parametrize("gapless", [True, False])
async def test_who_guesses_among_those_who_ask_leaves_no_gap_and_no_duplicate(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, gapless: bool
) -> None:
    """Two processes of one database: what one takes makes the guesses of the other wrong."""
    series = "card" if gapless else "ticket"
    world = await make_world(pool=12)
    near = world.house_of("trial")
    person = await world.tenant()
    entity = UUID((await person.get("/me"))["entity_id"])
    chance = random.Random(11)
    far = world.another("trial")
    await far.start()
    for house in (near, far):
        known = house.catalogue.series
        monkeypatch.setitem(known, "ticket", replace(known["ticket"], gapless=False))
    try:

        async def write(house: House, guess: bool, regrets: bool, several: int) -> list[str]:
            for _ in range(50):
                try:
                    async with unit(house, person.tenant, entity_id=entity) as ctx:
                        await asyncio.sleep(chance.random() / 500)
                        taken = await numbers.take_many(ctx, series, several, on=ON, guess=guess)
                        if several > 2 and gapless:
                            taken += await numbers.take_many(ctx, series, 1, on=ON, guess=guess)
                        if regrets:
                            raise Regret
                    return taken
                except Again:
                    continue
                except Regret:
                    return []
            raise AssertionError("never right")

        plans = [
            (
                chance.choice([near, near, far]),
                chance.random() < 0.7,
                chance.random() < 0.2,
                chance.choice([1, 1, 1, 3]),
            )
            for _ in range(64 * 4)
        ]
        taken = [n for part in await asyncio.gather(*(write(*plan) for plan in plans)) for n in part]
    finally:
        await far.stop()
    assert len(taken) > 150
    assert len(set(taken)) == len(taken)
    if gapless:
        assert sorted(taken) == [f"CC-2025-{n:05d}" for n in range(1, len(taken) + 1)]


@pytest.fixture
async def ctx(trial: World, ada: Person) -> Ctx:
    """Makes units of the first business entity."""
    entity = UUID((await ada.get("/me"))["entity_id"])
    return lambda **options: trial.unit(ada.tenant, "trial", **{"entity_id": entity, **options})


@pytest.mark.covers("NUM-001", "NUM-002", "NUM-004", "NUM-005", "NUM-006")
async def test_series_by_entity_document_and_year(ctx: Ctx) -> None:
    other = new_id()
    async with ctx() as unit_:
        assert await numbers.take(unit_, "card", on=ON) == "CC-2025-00001"
        assert await numbers.take(unit_, "thing", on=ON) == "ORD-2025-0001"
        assert await numbers.take(unit_, "ticket", on=ON) == "SUP-2025-00001"
        assert await numbers.take(unit_, "card", on=ON) == "CC-2025-00002"
        assert await numbers.take_many(unit_, "card", 3, on=ON) == [f"CC-2025-0000{n}" for n in (3, 4, 5)]
        assert await numbers.take(unit_, "card", on=ON, entity_id=other) == "CC-2025-00001"
        assert await numbers.take(unit_, "card", on=date(2026, 1, 1)) == "CC-2026-00001"
        assert await numbers.take(unit_, "card", on=ON) == "CC-2025-00006"
        assert await numbers.take(unit_, "forever", on=ON) == "001"
        assert await numbers.take(unit_, "forever", on=date(2026, 1, 1)) == "002"
        with pytest.raises(NotFound):
            await numbers.take(unit_, "nothing", on=ON)
        for count in (0, -1, 10_001):
            with pytest.raises(Invalid):
                await numbers.take_many(unit_, "card", count, on=ON)


async def test_series_do_not_block_one_another(ctx: Ctx) -> None:
    async with ctx() as held:
        await numbers.take(held, "card", on=ON)
        async with ctx() as free:
            await free.run("SET LOCAL lock_timeout = '2s'")
            assert await numbers.take(free, "thing", on=ON) == "ORD-2025-0001"
            assert await numbers.take(free, "card", on=ON, entity_id=new_id()) == "CC-2025-00001"
            assert await numbers.take(free, "card", on=date(2026, 1, 1)) == "CC-2026-00001"


async def test_a_new_year_begins_at_one_with_the_pattern_of_the_last(ctx: Ctx) -> None:
    async with ctx() as unit_:
        await numbers.define(unit_, "card", pattern="K{year}/{month}/{number}", padding=3, next=40, year=2025)
        assert await numbers.take(unit_, "card", on=ON) == "K2025/05/040"
        assert await numbers.take(unit_, "card", on=date(2026, 2, 1)) == "K2026/02/001"


async def test_numbers_never_go_back(ctx: Ctx) -> None:
    async with ctx() as unit_:
        await numbers.take_many(unit_, "card", 5, on=ON)
        with pytest.raises(Invalid, match="given already"):
            await numbers.define(unit_, "card", pattern="CC-{number}", padding=5, next=5, year=2025)
        await numbers.define(unit_, "card", pattern="CC-{number}", padding=5, next=6, year=2025)
        assert await numbers.take(unit_, "card", on=ON) == "CC-00006"
        for pattern in ("CC-2025", "{number}{number}", "{number}{evil}", "{number!r}", "{{number}}"):
            with pytest.raises(Invalid):
                await numbers.define(unit_, "card", pattern=pattern, padding=5, next=9, year=2025)


async def test_the_year_is_that_of_the_unit(trial: World, ctx: Ctx) -> None:
    trial.clock.set(datetime(2031, 1, 1, tzinfo=UTC))
    try:
        async with ctx() as unit_:
            assert await numbers.take(unit_, "thing") == "ORD-2031-0001"
    finally:
        trial.clock._at = None


async def test_a_refused_command_gives_its_number_back(ada: Person) -> None:
    year = datetime.now(UTC).year
    assert await ada.post("/thing-numbers", {}) == f"ORD-{year}-0001"
    problem = await ada.refused("POST", "/thing-numbers", {"fail": True}, status=409)
    assert problem["number"] == f"ORD-{year}-0002"
    assert await ada.post("/thing-numbers", {}) == f"ORD-{year}-0002"


async def test_numbers_that_a_unit_does_not_need_after_all_are_taken_by_the_next(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ctx() as unit_:
        assert await numbers.take_many(unit_, "card", 5, on=ON) == [f"CC-2025-0000{n}" for n in range(1, 6)]
        await numbers.give_back(unit_, "card", 3, on=ON, entity_id=unit_.entity_id)
    async with ctx() as unit_:
        assert await numbers.take(unit_, "card", on=ON) == "CC-2025-00003"
        known = unit_.house.catalogue.series
        monkeypatch.setitem(known, "thing", replace(known["thing"], gapless=False))
        with pytest.raises(TypeError, match="others may have taken"):
            await numbers.give_back(unit_, "thing", 1, on=ON, entity_id=unit_.entity_id)


async def test_a_guess_is_taken_with_what_is_written_later(ctx: Ctx) -> None:
    async with ctx() as unit_:
        assert await numbers.take(unit_, "card", on=ON) == "CC-2025-00001"
    async with ctx() as unit_:
        assert await numbers.take_many(unit_, "card", 2, on=ON, guess=True) == ["CC-2025-00002", "CC-2025-00003"]
        assert await stored(unit_, settled=False) == 2
        assert await stored(unit_, settled=True) == 4
        assert await numbers.take_many(unit_, "card", 1, on=ON, guess=True) == ["CC-2025-00004"]
    async with ctx() as unit_:
        assert await numbers.take(unit_, "card", on=ON) == "CC-2025-00005"


async def stored(ctx: Ctx, *, settled: bool) -> int:
    """What the series goes on with in the database, also before what is kept back is sent."""
    if settled:
        await ctx.connection.settle()
    sql = "SELECT next FROM kernel.number_series WHERE document_type = 'card'"
    return int(await ctx.connection.connection.fetchval(sql))


@pytest.mark.parametrize("wrong", ["ahead", "behind", "other pattern"])
async def test_a_wrong_guess_leaves_nothing_and_is_asked_next_time(ctx: Ctx, wrong: str) -> None:
    async with ctx() as unit_:
        await numbers.take_many(unit_, "card", 5, on=ON)
        house, tenant, entity = unit_.house, unit_.tenant_id, unit_.entity_id
    if wrong == "other pattern":
        async with ctx() as unit_:
            await numbers.define(unit_, "card", pattern="K{number}", padding=3, next=6, year=2025)
    else:
        name = ("series", entity, "card", 2025)
        known = house.memory.noted(tenant, name)
        house.memory.note(tenant, name, known._replace(number=9 if wrong == "ahead" else 3))
    told: list[str] = []
    for _ in range(2):
        try:
            async with ctx() as unit_:
                (taken,) = await numbers.take_many(unit_, "card", 1, on=ON, guess=True)
                await unit_.run_later("kernel.idempotency", KEEP, "with a guess")
        except Again:
            told.append(wrong)
            async with ctx() as unit_:
                assert await unit_.value("SELECT count(*) FROM kernel.idempotency WHERE key = 'with a guess'") == 0
    assert told == [wrong], "the second time nobody guesses"
    assert taken == ("K006" if wrong == "other pattern" else "CC-2025-00006")
    async with ctx() as unit_:
        assert await unit_.value("SELECT count(*) FROM kernel.idempotency WHERE key = 'with a guess'") == 1
        assert await stored(unit_, settled=True) == 7


@pytest.mark.parametrize(("asked_for", "guesses"), [(60.0, False), (0.0, True)])
async def test_who_was_rolled_back_asks_for_a_while_and_then_guesses_again(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch, asked_for: float, guesses: bool
) -> None:
    monkeypatch.setattr(numbers, "ASKED_FOR", asked_for)
    async with ctx() as unit_:
        await numbers.take(unit_, "card", on=ON)
    with pytest.raises(Regret):
        async with ctx() as unit_:
            await numbers.take_many(unit_, "card", 1, on=ON, guess=True)
            raise Regret
    async with ctx() as unit_:
        assert await numbers.take_many(unit_, "card", 1, on=ON, guess=True) == ["CC-2025-00002"]
        assert await stored(unit_, settled=False) == 3, "nothing is known of the series, so it is asked"
    async with ctx() as unit_:
        assert await numbers.take_many(unit_, "card", 1, on=ON, guess=True) == ["CC-2025-00003"]
        assert await stored(unit_, settled=False) == (3 if guesses else 4)
        assert await stored(unit_, settled=True) == 4


KEEP = "INSERT INTO kernel.idempotency (key, fingerprint, status, body, created_at) VALUES ($1, '', 200, '', now())"


async def test_a_guess_locks_its_series_before_anything_else_of_its_statement(ctx: Ctx) -> None:
    """So do those who ask, long before they write: in another order the two would wait for each other."""
    async with ctx() as unit_:
        await numbers.take(unit_, "card", on=ON)
    async with ctx() as held, ctx() as waits:
        await held.run("UPDATE kernel.number_series SET next = next WHERE document_type = 'card'")
        await waits.run_later("kernel.idempotency", KEEP, "before")
        await numbers.take_many(waits, "card", 1, on=ON, guess=True)
        await waits.run_later("trial.thing", "UPDATE trial.thing SET rank = rank")
        sent = asyncio.create_task(waits.connection.settle())
        await held.run("SET LOCAL lock_timeout = '5s'")
        while not await held.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.005)
        await held.run_later("kernel.idempotency", KEEP, "before")
        await held.connection.settle()
        assert not sent.done()
        await held.connection.connection.execute("ROLLBACK")
        await sent
