"""Jobs exist when their unit commits, run once, are counted before they start, and schedules catch up once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from entrepot.kernel import jobs
from entrepot.kernel.facade import WiringError
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.testing.world import World
from tests.kernel.conftest import MakeWorld
from tests.kernel.helpers import break_at, mend, numbers, system, until
from tests.kernel.trial.commands import every_hour, note_later

JOBS = "SELECT state, attempts, error, worker, lease_until, finished_at FROM kernel.job WHERE name LIKE 'trial.%'"


async def enqueue(house: House, tenant: UUID, number: int, **options: Any) -> UUID | None:
    async with unit(house, tenant) as ctx:
        return await jobs.enqueue(ctx, note_later, thing_id=tenant, number=number, **options)


async def due_now(house: House) -> None:
    await system(house, "UPDATE kernel.job SET run_at = now() WHERE state = 'queued' RETURNING 1")


async def test_a_job_exists_when_its_unit_commits_and_runs_once(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    with pytest.raises(ZeroDivisionError):
        async with unit(house, tenant) as ctx:
            assert await jobs.enqueue(ctx, note_later, thing_id=tenant, number=1)
            raise ZeroDivisionError
    assert await system(house, JOBS) == []
    await enqueue(house, tenant, 2)
    assert await house.jobs.drain() == 1
    assert await house.jobs.drain() == 0
    assert await numbers(house, tenant, "job") == [2]
    [job] = await system(house, JOBS)
    assert (job["state"], job["attempts"], job["error"], job["lease_until"]) == ("done", 1, None, None)
    with pytest.raises(WiringError):
        async with unit(house, tenant) as ctx:
            await jobs.enqueue(ctx, enqueue, number=3)


@pytest.mark.covers("JOB-007")
async def test_a_failing_job_is_tried_three_times_and_leaves_nothing(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await break_at(house, tenant, tenant, 1, "job")
    await enqueue(house, tenant, 1)
    waits = []
    for _ in range(3):
        assert await house.jobs.drain() == 1
        [job] = await system(
            house, "SELECT state, attempts, round(extract(epoch FROM run_at - now())) AS wait FROM kernel.job"
        )
        waits.append((job["state"], job["attempts"], int(job["wait"])))
        await due_now(house)
    assert waits == [("queued", 1, 2), ("queued", 2, 4), ("failed", 3, 8)]
    await mend(house, tenant)
    assert await house.jobs.drain() == 0, "who gave up stays given up"
    [job] = await system(house, JOBS)
    assert job["error"] == "RuntimeError: cannot bear 1"
    assert await numbers(house, tenant, "job") == []


async def test_a_retried_job_that_works_is_done(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await break_at(house, tenant, tenant, 1, "job")
    await enqueue(house, tenant, 1)
    await house.jobs.drain()
    await mend(house, tenant)
    await due_now(house)
    assert await house.jobs.drain() == 1
    [job] = await system(house, JOBS)
    assert (job["state"], job["attempts"], job["error"]) == ("done", 2, None)
    assert await numbers(house, tenant, "job") == [1]


async def test_a_unique_key_queues_once_until_it_ran(fresh: World) -> None:
    house = fresh.house_of("trial")
    mine, yours = (await fresh.tenant()).tenant, (await fresh.tenant()).tenant
    assert await enqueue(house, mine, 1, unique_key="k") is not None
    assert await enqueue(house, mine, 2, unique_key="k") is None
    assert await enqueue(house, yours, 3, unique_key="k") is not None
    await house.jobs.drain()
    assert await enqueue(house, mine, 4, unique_key="k") is not None
    await house.jobs.drain()
    assert (await numbers(house, mine, "job"), await numbers(house, yours, "job")) == ([1, 4], [3])


async def test_a_job_for_later_waits_for_its_time(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await enqueue(house, tenant, 1, at=datetime.now(UTC) + timedelta(hours=2))
    assert await house.jobs.drain() == 0
    fresh.clock.move(timedelta(hours=3))
    assert await house.jobs.drain() == 1


async def test_two_workers_never_run_the_same_job(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL", 0.02)
    world = await make_world(works=True, pool=20)
    house = world.house_of("trial")
    other = world.another(works=True)
    tenant = (await world.tenant()).tenant
    await other.start()
    try:
        await asyncio.gather(*(enqueue(house, tenant, number) for number in range(60)))

        async def all_done() -> bool:
            return len(await system(house, JOBS + " AND state = 'done'")) == 60

        await until(all_done)
    finally:
        await other.stop()
    assert sorted(await numbers(house, tenant, "job")) == list(range(60))
    rows = await system(house, JOBS)
    assert {row["attempts"] for row in rows} == {1}
    assert {row["worker"] for row in rows} == {house.jobs.worker, other.jobs.worker}


async def test_who_lost_the_lease_leaves_nothing_behind(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first worker falls asleep within the job; the second takes it over and does it."""
    house, other = fresh.house_of("trial"), fresh.another()
    await other.start()
    tenant = (await fresh.tenant()).tenant
    await enqueue(house, tenant, 1)
    asleep, awake = asyncio.Event(), asyncio.Event()
    first = True

    async def sleepy(ctx: Any, thing_id: UUID, number: int) -> None:
        nonlocal first
        sleeps, first = first, False
        if sleeps:
            await ctx.value("SELECT 1")
            asleep.set()
            await awake.wait()
        await note_later(ctx, thing_id, number)

    for each in (house, other):
        monkeypatch.setitem(each.catalogue.jobs, "trial.note_later", sleepy)
    running = asyncio.create_task(house.jobs.step(house.databases.main))
    try:
        await asleep.wait()
        assert not await other.jobs.step(other.databases.main), "it is leased"
        await system(house, "UPDATE kernel.job SET lease_until = now() - interval '1 second' RETURNING 1")
        assert await other.jobs.step(other.databases.main)
        awake.set()
        assert await running
    finally:
        awake.set()
        await other.stop()
    assert await numbers(house, tenant, "job") == [1]
    [job] = await system(house, JOBS)
    assert (job["state"], job["attempts"]) == ("done", 2)


async def test_a_long_job_keeps_its_lease(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.6))
    house, other = fresh.house_of("trial"), fresh.another()
    await other.start()
    tenant = (await fresh.tenant()).tenant
    await enqueue(house, tenant, 1)
    leases = set()

    async def slow(ctx: Any, thing_id: UUID, number: int) -> None:
        for _ in range(10):
            await asyncio.sleep(0.15)
            [job] = await system(house, JOBS)
            leases.add(job["lease_until"])
            assert not await other.jobs.step(other.databases.main)
        await note_later(ctx, thing_id, number)

    monkeypatch.setitem(house.catalogue.jobs, "trial.note_later", slow)
    try:
        await house.jobs.drain()
    finally:
        await other.stop()
    assert len(leases) > 2
    assert await numbers(house, tenant, "job") == [1]


async def test_a_job_whose_worker_dies_every_time_is_given_up(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await enqueue(house, tenant, 1)
    await system(
        house,
        "UPDATE kernel.job SET state = 'running', attempts = 3, lease_until = now() - interval '1 second' RETURNING 1",
    )
    assert await house.jobs.drain() == 0
    [job] = await system(house, JOBS)
    assert (job["state"], job["attempts"], job["error"]) == ("failed", 3, "its worker died while it ran, every time")


@pytest.mark.covers("JOB-008")
async def test_a_schedule_that_was_missed_catches_up_once(fresh: World) -> None:
    house = fresh.house_of("trial")
    mine, yours = (await fresh.tenant()).tenant, (await fresh.tenant()).tenant
    name = house.job_name(every_hour)
    start = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    assert name not in await house.jobs.tick(start), "it is not run because it is new"
    assert name not in await house.jobs.tick(start + timedelta(minutes=29))
    assert name in await house.jobs.tick(start + timedelta(minutes=30))
    assert name not in await house.jobs.tick(start + timedelta(minutes=31))
    await house.jobs.drain()
    assert name in await house.jobs.tick(start + timedelta(hours=50))
    assert name not in await house.jobs.tick(start + timedelta(hours=50))
    await house.jobs.drain()
    for tenant in (mine, yours):
        assert await numbers(house, tenant, "hourly") == [0, 0]


async def test_a_schedule_whose_starter_dies_halfway_stays_due(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    house = fresh.house_of("trial")
    mine, yours = (await fresh.tenant()).tenant, (await fresh.tenant()).tenant
    name = house.job_name(every_hour)
    start = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    await house.jobs.tick(start)
    genuine = house.jobs._enqueue_for_all

    async def dies_after_queueing(what: str) -> None:
        await genuine(what)
        if what == name:
            raise ConnectionError

    monkeypatch.setattr(house.jobs, "_enqueue_for_all", dies_after_queueing)
    with pytest.raises(ConnectionError):
        await house.jobs.tick(start + timedelta(hours=1))
    monkeypatch.undo()
    assert name in await house.jobs.tick(start + timedelta(hours=1))
    await house.jobs.drain()
    for tenant in (mine, yours):
        assert await numbers(house, tenant, "hourly") == [0]


async def test_two_schedulers_start_a_schedule_once(fresh: World) -> None:
    house, other = fresh.house_of("trial"), fresh.another()
    await other.start()
    tenant = (await fresh.tenant()).tenant
    start = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    await house.jobs.tick(start)
    try:
        ran = await asyncio.gather(*(h.jobs.tick(start + timedelta(hours=1)) for h in (house, other)))
        await house.jobs.drain()
        await asyncio.gather(*(h.jobs.tick(start + timedelta(hours=1)) for h in (house, other)))
        await house.jobs.drain()
    finally:
        await other.stop()
    assert [name for names in ran for name in names].count(house.job_name(every_hour)) == 1
    assert await numbers(house, tenant, "hourly") == [0]


async def test_upkeep_forgets_what_is_spent(fresh: World) -> None:
    house = fresh.house_of("trial")
    person = await fresh.tenant()
    await person.post("/things", {"name": "kept"}, headers={"idempotency-key": "k"})
    await enqueue(house, person.tenant, 1)
    await house.jobs.drain()
    start = fresh.clock()
    fresh.clock.set(start)
    await house.jobs.tick()
    fresh.clock.set(start + timedelta(days=31))
    assert {"kernel.tidy", "kernel.watch_deadlines"} <= set(await house.jobs.tick())
    await house.jobs.drain()
    assert await system(house, "SELECT 1 FROM kernel.idempotency") == []
    rows = await system(house, "SELECT name, state FROM kernel.job WHERE name LIKE 'trial.note%' OR state <> 'done'")
    assert rows == []
