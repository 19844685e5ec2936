"""A limit that several processes keep together, by a real Redis."""

from __future__ import annotations

import signal

import pytest

from entrepot.assembly import web_of
from entrepot.kernel.access import SharedThrottle, Throttle, throttle
from entrepot.pure.errors import TooMany
from entrepot.testing.world import Person
from tests.distributed.conftest import Program
from tests.kernel.conftest import MakeWorld

pytestmark = pytest.mark.distributed


async def test_two_processes_count_together(redis: Program) -> None:
    url = f"redis://127.0.0.1:{redis.port}/0"
    one, other = (throttle(6, url, "trial") for _ in range(2))
    unlimited = throttle(0, url, "trial")
    assert isinstance(one, SharedThrottle)
    assert type(throttle(6, "", "trial")) is Throttle
    try:
        for each in (one, other) * 3:
            await each.count("a")
        for each in (one, other):
            with pytest.raises(TooMany) as refused:
                await each.count("a")
            assert 1 <= refused.value.facts["retry_after"] <= 10
        await one.count("b")
        for _ in range(20):
            await unlimited.count("a")
    finally:
        for each in (one, other, unlimited):
            await each.close()


async def test_without_redis_each_counts_for_itself(redis: Program) -> None:
    shared = SharedThrottle(2, f"redis://127.0.0.1:{redis.port}/0", "trial")
    try:
        await shared.count("a")
        redis.end(signal.SIGKILL)
        await shared.count("a")
        await shared.count("a")
        with pytest.raises(TooMany):
            await shared.count("a")
    finally:
        await shared.close()


async def test_the_api_of_two_processes_has_one_limit(make_world: MakeWorld, redis: Program) -> None:
    world = await make_world(tenant_limit=4, redis_url=f"redis://127.0.0.1:{redis.port}/0")
    person = await world.tenant()
    house = world.another()
    await house.start()
    second = Person(type(world)({"second": (house, web_of(house))}, world.clock), person.tenant, person.headers)
    try:
        answers = [(await each.call("GET", "/things")).status_code for each in (person, second) * 3]
        assert answers == [200, 200, 200, 200, 429, 429]
    finally:
        await second.world.close()
