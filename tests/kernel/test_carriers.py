"""Events between services: none lost, each once, in order, however badly the way between them behaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from entrepot import assembly
from entrepot.assembly import web_of
from entrepot.kernel import positions
from entrepot.kernel.carriers import direct
from entrepot.kernel.carriers.rabbit import Rabbit
from entrepot.kernel.config import Config
from entrepot.kernel.database import Database, Databases
from entrepot.kernel.house import House
from entrepot.kernel.module import Catalogue
from entrepot.kernel.topology import Plan, Service, sender
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id
from entrepot.testing.world import World, test_config
from tests.kernel.conftest import MakeWorld
from tests.kernel.helpers import numbers, poked, system, tell, until
from tests.kernel.trial.events import ThingUnheard

TENANT = new_id()


class Way:
    """Between two services; may be down, or lose the answer."""

    def __init__(self, send: Any) -> None:
        self.send = send
        self.down = False
        self.forgetful = False
        self.carried = 0

    async def __call__(self, body: bytes, headers: dict[str, str]) -> bytes:
        if self.down:
            raise Conflict("a part of the system cannot be reached; nothing was done", retry=True)
        answer: bytes = await self.send(body, headers)
        self.carried += 1
        if self.forgetful:
            raise Conflict("a part of the system cannot be reached; nothing was done", retry=True)
        return answer


@asynccontextmanager
async def neighbours(make_world: MakeWorld, *, works: bool = False) -> AsyncIterator[tuple[House, House, Way]]:
    """Two houses on databases of their own; what happens in the first is carried to the second."""
    worlds: list[World] = [await make_world(), await make_world()]
    near, far = worlds[0].another(name="near", works=works), worlds[1].another(name="far", works=works)
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(web_of(far)), base_url="http://far")
    way = Way(sender(client, "http://far", timeout=10, door="events"))
    direct.attach(near, {"far": way})
    await near.start()
    await far.start()
    try:
        yield near, far, way
    finally:
        await near.stop()
        await far.stop()
        await client.aclose()


async def test_what_happens_here_is_heard_there_in_order(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "BATCH", 100)
    async with neighbours(make_world) as (near, far, way):
        things = [new_id() for _ in range(4)]
        for start in range(0, 240, 60):
            await tell(near, TENANT, *(poked(things[n % 4], n) for n in range(start, start + 60)))
        await tell(near, TENANT, ThingUnheard(thing_id=things[0]))
        await near.relay.drain()
        assert way.carried >= 3
        await far.relay.drain()
        assert await numbers(far, TENANT, "poke") == list(range(240))
        sources = await system(
            far, "SELECT source, name, count(*) AS count FROM kernel.event GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert [(row["source"], row["name"], row["count"]) for row in sources] == [
            ("far", "thing.echoed", 240),
            ("near", "thing.echoed", 240),
            ("near", "thing.poked", 240),
        ], "what nobody hears there is not kept there"
        first = (
            "SELECT id, subject, correlation, causation, data FROM kernel.event WHERE name = 'thing.poked' ORDER BY seq"
        )
        assert await system(near, first) == await system(far, first)


async def test_a_lost_answer_makes_a_repeat_that_the_inbox_absorbs(make_world: MakeWorld) -> None:
    async with neighbours(make_world) as (near, far, way):
        way.forgetful = True
        await tell(near, TENANT, *(poked(TENANT, n) for n in range(3)))
        for _ in range(3):
            with pytest.raises(Conflict):
                await near.relay.drain()
        way.forgetful = False
        await tell(near, TENANT, poked(TENANT, 3))
        await near.relay.drain()
        assert way.carried == 4
        await far.relay.drain()
        assert await numbers(far, TENANT, "poke") == [0, 1, 2, 3]
        assert await system(far, "SELECT count(*) AS count FROM kernel.inbox WHERE source = 'near'") == [{"count": 8}]


async def test_a_neighbour_that_is_away_delays_and_loses_nothing(make_world: MakeWorld) -> None:
    async with neighbours(make_world, works=True) as (near, far, way):
        way.down = True
        for n in range(5):
            await tell(near, TENANT, poked(TENANT, n))

        async def heard_here() -> bool:
            return await numbers(near, TENANT, "poke") == [0, 1, 2, 3, 4]

        await until(heard_here)
        assert await numbers(far, TENANT, "poke") == []
        assert await system(near, "SELECT 1 FROM kernel.parked") == []
        way.down = False

        async def heard_there() -> bool:
            return await numbers(far, TENANT, "poke") == [0, 1, 2, 3, 4]

        await until(heard_there)


def services(tmp_path: Path, **settings: Any) -> tuple[House, Plan, Config]:
    """A house of the service `first` of a plan with two services, not started."""
    names = assembly.module_names()
    other = [name for name in names if name not in ("identity", "platform")]
    plan = Plan(
        service={
            "first": Service(modules=["identity", "platform"], port=1),
            "second": Service(modules=other, port=2),
        }
    )
    config = test_config(tmp_path, service="first", **settings)
    house = House(
        config,
        Catalogue(assembly.load_modules(["identity", "platform"]), elsewhere=assembly.load_modules(other)),
        Databases(Database("postgresql://nowhere/")),
        name="first",
        works=False,
    )
    return house, plan, config


def test_the_configuration_chooses_the_carrier(tmp_path: Path) -> None:
    house, plan, config = services(tmp_path)
    assembly.carry(house, plan, config)
    assert [name for name, r in house.relay.reactions.items() if r.forward is not None] == ["forward.second"]
    assert house.carriers == []

    house, plan, config = services(tmp_path, broker_url="amqp://nowhere/")
    assembly.carry(house, plan, config)
    assert [name for name, r in house.relay.reactions.items() if r.forward is not None] == ["forward.broker"]
    [carrier] = house.carriers
    assert isinstance(carrier, Rabbit)
    assert set(carrier.hears) == {"first", "second"}
    assert "entity.created" in carrier.hears["second"]
