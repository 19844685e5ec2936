"""kill -9 between commit and notification, within a handler, within a job, and of the database itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from entrepot.kernel import jobs, postgres, relay
from entrepot.kernel.units import unit
from entrepot.testing.world import World, one_process, running
from tests.kernel.conftest import MakeWorld
from tests.kernel.helpers import numbers, poked, system, tell, until
from tests.kernel.trial.commands import note_later
from tests.kernel.trial.manifest import module, statements

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def process(
    world: World, what: str, tenant: UUID, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own on the world's database; killed in the end if it still lives."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.kernel.trial.process",
        world.house_of("trial").databases.main.url,
        what,
        str(tenant),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def says(child: asyncio.subprocess.Process, word: str) -> None:
    assert child.stdout is not None
    while line := await child.stdout.readline():
        if line.decode().strip() == word:
            return
    raise AssertionError(f"it ended without saying {word}")


async def test_killed_between_commit_and_notification(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "POLL", 0.1)
    world = await make_world(works=True)
    house = world.house_of("trial")
    tenant = (await world.tenant()).tenant
    async with process(world, "write", tenant) as child:
        assert await child.wait() == -signal.SIGKILL

    async def heard() -> bool:
        return await numbers(house, tenant, "poke") == [1] and await numbers(house, tenant, "echo") == [1]

    await until(heard)


async def test_killed_within_a_handler(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    async with process(fresh, "serve", tenant, TRIAL_STALL="poke 2") as child:
        await says(child, "ready")
        await tell(house, tenant, poked(tenant, 1), poked(tenant, 2), poked(tenant, 3))
        await says(child, "stalled")
        child.kill()
        await child.wait()

    async def free() -> bool:
        await house.relay.drain()
        return await numbers(house, tenant, "poke") == [1, 2, 3]

    await until(free)
    assert sorted(await numbers(house, tenant, "echo")) == [1, 2, 3]
    assert await system(house, "SELECT 1 FROM kernel.parked") == []


async def test_killed_within_a_job(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    async with unit(house, tenant) as ctx:
        await jobs.enqueue(ctx, note_later, thing_id=tenant, number=5)
    for attempt in (1, 2):
        async with process(fresh, "serve", tenant, TRIAL_STALL="job 5") as child:
            await says(child, "stalled")
            child.kill()
            await child.wait()
        [job] = await system(house, "SELECT state, attempts FROM kernel.job")
        assert (job["state"], job["attempts"]) == ("running", attempt)
        assert await house.jobs.drain() == 0, "its lease is not over"
        await system(house, "UPDATE kernel.job SET lease_until = now() - interval '1 second' RETURNING 1")
    assert await house.jobs.drain() == 1
    assert await numbers(house, tenant, "job") == [5]
    [job] = await system(house, "SELECT state, attempts FROM kernel.job")
    assert (job["state"], job["attempts"]) == ("done", 3)


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[tuple[World, postgres.Postgres]]:
    """A world on a database server of its own, with workers."""
    home = Path(tempfile.mkdtemp(prefix="entrepot-killed-"))
    home.chmod(0o755)
    held = postgres.ensure(home)
    try:
        world = await one_process(
            held.server.url,
            tmp_path,
            works=True,
            modules=["identity", "platform"],
            extra=[module],
            sql=statements(),
        )
        async with running(world):
            yield world, held
    finally:
        held.stop()
        shutil.rmtree(home, ignore_errors=True)


async def test_the_database_is_killed_and_comes_back(own_server: tuple[World, postgres.Postgres]) -> None:
    world, held = own_server
    house = world.house_of("trial")
    person = await world.tenant()
    thing = UUID((await person.post("/things", {"name": "kept"}))["id"])
    assert (await world.client.get("/ready")).status_code == 200

    assert held.server.pid is not None
    os.kill(held.server.pid, signal.SIGKILL)

    async def gone() -> bool:
        return (await world.client.get("/ready")).status_code == 503

    await until(gone)
    assert (await world.client.get("/health")).status_code == 200
    problem = await person.refused("GET", f"/things/{thing}", status=503)
    assert problem["code"] == "unavailable"
    answer = await person.call("POST", "/things", {"name": "lost"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")

    async def back() -> bool:
        held.restart_if_dead()
        return (await world.client.get("/ready")).status_code == 200

    await until(back, seconds=60)
    assert [row["name"] for row in await person.get("/things")] == ["kept"]
    await person.post(f"/things/{thing}/poke", {"number": 1, "later": True})

    async def works_again() -> bool:
        return (await numbers(house, person.tenant, "echo"), await numbers(house, person.tenant, "job")) == ([1], [1])

    await until(works_again, seconds=60)
    assert await numbers(house, person.tenant, "poke") == [1]
