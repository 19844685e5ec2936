"""Events between services by a real RabbitMQ: none lost, each once, in order, though the broker is killed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import pytest

from entrepot.kernel.carriers import rabbit
from entrepot.kernel.house import House
from entrepot.pure.ids import new_id
from tests.distributed.conftest import Program
from tests.kernel.conftest import MakeWorld
from tests.kernel.helpers import numbers, poked, system, tell, until

pytestmark = pytest.mark.distributed


@asynccontextmanager
async def two(make_world: MakeWorld, broker: Program, *, both: bool = True) -> AsyncIterator[tuple[House, House]]:
    """Two services with names nobody used before, so that the tests share a broker and nothing else."""
    url = f"amqp://guest:guest@127.0.0.1:{broker.port}/"
    suffix = new_id().hex[-8:]
    houses = []
    worlds = [await make_world(broker_url=url), await make_world(broker_url=url)]
    hears = {f"{name}-{suffix}": ["thing.poked"] for name in ("near", "far")}
    for world, name in zip(worlds, hears, strict=True):
        house = world.another(name=name, works=True)
        rabbit.attach(house, hears)
        houses.append(house)
    near, far = houses
    await near.start()
    if both:
        await far.start()
    try:
        yield near, far
    finally:
        await near.stop()
        await far.stop()


async def test_each_event_arrives_once_and_in_order(make_world: MakeWorld, broker: Program) -> None:
    async with two(make_world, broker) as (near, far):
        mine, theirs = new_id(), new_id()
        for start in range(0, 300, 30):
            await tell(near, mine, *(poked(mine, n) for n in range(start, start + 30)))
        await tell(far, theirs, poked(theirs, 1))

        async def all_there() -> bool:
            return len(await numbers(far, mine, "poke")) == 300 and await numbers(near, theirs, "poke") == [1]

        await until(all_there)
        assert await numbers(far, mine, "poke") == list(range(300))
        assert await numbers(near, mine, "poke") == list(range(300))
        both = "SELECT id, name, subject, source, data FROM kernel.event WHERE name = 'thing.poked' ORDER BY id"
        assert await system(near, both) == await system(far, both)


async def test_a_broker_that_is_killed_delays_and_loses_nothing(make_world: MakeWorld, broker: Program) -> None:
    tenant = new_id()
    async with two(make_world, broker) as (near, far):
        await tell(near, tenant, poked(tenant, 0))
        # RabbitMQ 3.10 writes down that a new queue exists only seconds after it says so; killed before that, it
        # never elects a leader for the queue. Queues are made once in the life of a service.
        await asyncio.sleep(6)
        writing = asyncio.create_task(write(near, tenant, 60))

        async def some_there() -> bool:
            return len(await numbers(far, tenant, "poke")) > 5

        await until(some_there)
        broker.end(signal.SIGKILL)
        await writing
        assert await numbers(near, tenant, "echo") != [], "at home life goes on"
        await asyncio.to_thread(broker.start)

        async def all_there() -> bool:
            return len(await numbers(far, tenant, "poke")) >= 60

        await until(all_there, seconds=60)
        assert await numbers(far, tenant, "poke") == list(range(60))


async def write(house: House, tenant: Any, count: int) -> None:
    for n in range(1, count):
        await tell(house, tenant, poked(tenant, n))
        await asyncio.sleep(0.01)


async def test_who_starts_late_has_missed_nothing(make_world: MakeWorld, broker: Program) -> None:
    tenant = new_id()
    async with two(make_world, broker, both=False) as (near, far):
        await tell(near, tenant, poked(tenant, 1), poked(tenant, 2))

        async def told() -> bool:
            position = "SELECT done @> (SELECT last_value FROM kernel.event_seq) AS told FROM kernel.subscription WHERE name = $1"
            return (await system(near, position, "forward.broker"))[0]["told"]

        await until(told)
        await far.start()

        async def all_there() -> bool:
            return await numbers(far, tenant, "poke") == [1, 2]

        await until(all_there)


async def test_what_was_not_acknowledged_comes_again_and_counts_once(
    make_world: MakeWorld, broker: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver commits, and its line breaks before it could say so."""
    tenant = new_id()
    breaks = 3
    genuine = rabbit.take_in
    taken: list[int] = []

    async def breaking(house: House, envelopes: Any) -> int:
        nonlocal breaks
        new = await genuine(house, envelopes)
        if any(e.tenant == str(tenant) for e in envelopes) and house.name.startswith("far"):
            taken.append(new)
            if breaks:
                breaks -= 1
                raise ConnectionError("cut")
        return new

    monkeypatch.setattr(rabbit, "take_in", breaking)
    async with two(make_world, broker) as (near, far):
        await tell(near, tenant, *(poked(tenant, n) for n in range(10)))

        async def all_there() -> bool:
            return len(await numbers(far, tenant, "poke")) >= 10 and breaks == 0

        await until(all_there)
        await tell(near, tenant, poked(tenant, 10))

        async def the_last() -> bool:
            return 10 in await numbers(far, tenant, "poke")

        await until(the_last)
        assert await numbers(far, tenant, "poke") == list(range(11))
        assert sum(taken) == 11
        assert len(taken) > 4


async def test_what_cannot_be_read_is_put_aside(make_world: MakeWorld, broker: Program) -> None:
    tenant = new_id()
    async with two(make_world, broker) as (near, far):
        line = await aio_pika.connect(near.config.broker_url)
        channel = await line.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(rabbit.EXCHANGE)

        async def bound() -> bool:
            await exchange.publish(aio_pika.Message(b"{nonsense"), routing_key="thing.poked")
            aside = await channel.get_queue(rabbit.UNREADABLE)
            message = await aside.get(fail=False)
            if message is not None:
                await message.ack()
            return message is not None and message.body == b"{nonsense"

        await until(bound)
        await tell(near, tenant, poked(tenant, 1))

        async def all_there() -> bool:
            return await numbers(far, tenant, "poke") == [1]

        await until(all_there)
        await line.close()
