"""What the tests of the kernel do again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.pure.events import Event
from entrepot.testing.world import World
from tests.kernel.trial.events import ThingBatched, ThingPoked
from tests.kernel.trial.tables import Fault


async def tell(house: House, tenant: UUID, *events: Event) -> None:
    """Events in a unit of their own."""
    async with unit(house, tenant) as ctx:
        for event in events:
            ctx.emit(event)


def poked(thing: UUID, number: int) -> ThingPoked:
    return ThingPoked(thing_id=thing, number=number)


def batched(thing: UUID, number: int) -> ThingBatched:
    return ThingBatched(thing_id=thing, number=number)


async def handled(house: House, tenant: UUID, reaction: str) -> list[tuple[UUID, int]]:
    """What a reaction had an effect on, in the order of the effects."""
    async with unit(house, tenant) as ctx:
        rows = await ctx.connection.fetch(
            "SELECT thing_id, number FROM trial.handled WHERE reaction LIKE $1 ORDER BY at, id", reaction
        )
    return [(row["thing_id"], row["number"]) for row in rows]


async def numbers(house: House, tenant: UUID, reaction: str) -> list[int]:
    return [number for _, number in await handled(house, tenant, reaction)]


async def break_at(house: House, tenant: UUID, thing: UUID, number: int, reaction: str = "poke") -> None:
    """Let a reaction fail on this number of this thing, until `mend`."""
    async with unit(house, tenant) as ctx:
        await ctx.add(Fault, reaction=reaction, thing_id=thing, number=number)


async def mend(house: House, tenant: UUID) -> None:
    async with unit(house, tenant) as ctx:
        await ctx.run("DELETE FROM trial.fault")


async def system(house: House, sql: str, *arguments: Any) -> list[dict[str, Any]]:
    """Rows of the kernel's own tables, of every tenant."""
    async with house.databases.main.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE entrepot_system")
        return [dict(row) for row in await connection.fetch(sql, *arguments)]


async def parked(house: House, subscription: str) -> int:
    """How many events of all tenants are parked for it."""
    return len(await system(house, "SELECT 1 FROM kernel.parked WHERE subscription = $1", subscription))


async def until(condition: Callable[[], Any], *, seconds: float = 20.0) -> None:
    """Wait until an asynchronous condition holds; gives up with an AssertionError."""
    for _ in range(int(seconds / 0.02)):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


async def settle_now(world: World) -> None:
    """Settle, although the time of parked events has not come."""
    for house, _ in world.houses.values():
        await system(house, "UPDATE kernel.parked SET next_at = now() WHERE attempts > 0 RETURNING 1")
    await world.settle()


def is_once_each(found: Sequence[int], wanted: Sequence[int]) -> bool:
    return sorted(found) == sorted(wanted)
