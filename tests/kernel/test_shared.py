"""Units of several tenants share a transaction, and none of them can tell but by the time it took."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.ctx import NIL, Actor, Caller, Ctx, Origin
from entrepot.kernel.database import Database
from entrepot.kernel.units import Work, shared_units
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id
from entrepot.testing.world import World
from tests.kernel.trial.events import ThingPoked
from tests.kernel.trial.tables import Tag, Thing

THINGS = "SELECT name, rank, xmin::text FROM trial.thing ORDER BY name, rank"
LEFT = (
    "SELECT name, rank FROM trial.thing ORDER BY name, rank",
    "SELECT name FROM trial.tag ORDER BY name",
    """SELECT action, coalesce(new->>'name', old->>'name', '') AS name, actor_name, coalesce(request_id, '')
       FROM kernel.audit_trail ORDER BY 1, 2, 3, 4""",
    "SELECT data->>'number' FROM kernel.event WHERE name = 'thing.poked' ORDER BY seq",
)
STEPS = st.tuples(st.sampled_from(["add", "later", "poke", "name"]), st.integers(1, 3)) | st.tuples(
    st.sampled_from(["ask", "beside", "read", "change", "remove", "pause", "settle"]), st.just(0)
)
SCRIPTS = st.lists(st.lists(STEPS, max_size=8), min_size=2, max_size=4)


async def one_step(ctx: Ctx, kind: str, many: int, at: int) -> Any:
    """A step of a script, and what it says of rows: all there are, as far as its tenant can see."""
    names = [f"{at} {number}" for number in range(many)]

    async def asks(table: str) -> list[tuple[Any, ...]]:
        found = await ctx.ask(f"SELECT name FROM trial.{table} ORDER BY name", tables=(f"trial.{table}",))
        return [tuple(row) for row in found]

    match kind:
        case "add":
            return await ctx.add_many(Thing, [{"name": name} for name in names])
        case "later":
            await ctx.add_later(Thing, [{"name": name, "rank": at} for name in names])
            await ctx.add_later(Tag, [{"name": name} for name in names])
        case "name":
            things = {new_id(): name for name in names}
            actor = Actor(id=new_id(), name=f"Actor {at}", kind="user")
            await ctx.act_for(dict.fromkeys(things, Origin(actor, Caller(request_id=f"r{at}"))))
            await ctx.add_later(Thing, [{"id": thing_id, "name": name} for thing_id, name in things.items()])
        case "poke":
            for number in range(many):
                ctx.emit(ThingPoked(thing_id=new_id(), number=number))
        case "ask":
            return await asks("thing")
        case "beside":
            return await ctx.side_by_side(asks("thing"), asks("tag"), asks("thing"))
        case "read":
            return await ctx.value("SELECT array_agg(rank ORDER BY name, rank) FROM trial.thing")
        case "change":
            return await ctx.run("UPDATE trial.thing SET rank = rank + 1")
        case "remove":
            return await ctx.run("DELETE FROM trial.thing WHERE name LIKE '% 1'")
        case "settle":
            await ctx.connection.settle()
        case _:
            await asyncio.sleep(0)
    return None


async def follow(ctx: Ctx, script: Sequence[tuple[str, int]]) -> list[Any]:
    return [await one_step(ctx, kind, many, at) for at, (kind, many) in enumerate(script)]


async def left(world: World, tenant: UUID) -> list[Any]:
    """All that a unit left behind, but for ids and moments."""
    async with world.unit(tenant, "trial") as ctx:
        return [[tuple(row) for row in await ctx.connection.fetch(sql)] for sql in LEFT]


async def share(world: World, works: Sequence[tuple[UUID, Work[Any]]], database: Database | None = None) -> list[Any]:
    """What these come to in one transaction."""
    house = world.house_of("trial")
    async with shared_units(house, database or house.databases.main, []) as units:
        return await units.do((tenant, NIL, work) for tenant, work in works)


@settings(max_examples=60, deadline=None)
@given(scripts=SCRIPTS)
async def test_each_does_what_it_would_do_by_itself(trial: World, scripts: list[list[tuple[str, int]]]) -> None:
    """Whatever they read, change or delete without saying whose it is: it is their own tenant's."""
    together = [new_id() for _ in scripts]
    by_itself = [new_id() for _ in scripts]
    told = await share(
        trial, [(tenant, partial(follow, script=script)) for tenant, script in zip(together, scripts, strict=True)]
    )
    for tenant, twin, script, found in zip(together, by_itself, scripts, told, strict=True):
        async with trial.unit(twin, "trial") as ctx:
            assert found == await follow(ctx, script)
        assert await left(trial, tenant) == await left(trial, twin)


async def adds(ctx: Ctx, name: str) -> str:
    await ctx.add_later(Thing, [{"name": name}])
    return name


async def test_several_tenants_are_one_transaction(trial: World) -> None:
    tenants = [new_id() for _ in range(3)]
    assert await share(trial, [(tenant, partial(adds, name="a")) for tenant in tenants]) == ["a"] * 3
    found = set()
    for tenant in tenants:
        async with trial.unit(tenant, "trial") as ctx:
            (row,) = await ctx.connection.fetch(THINGS)
            found.add(tuple(row))
    assert len(found) == 1, "the same name, the same rank and the same transaction"


@pytest.fixture
async def connection(trial: World) -> AsyncIterator[Database]:
    """The database of trials with one connection of its own."""
    database = Database(trial.house_of("trial").databases.main.url, size=1)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def asks_and_adds(ctx: Ctx) -> list[Any]:
    found = await ctx.ask("SELECT count(*) FROM trial.thing", tables=("trial.thing",))
    await ctx.add_later(Thing, [{"name": "a"}])
    return [tuple(row) for row in found]


async def test_what_they_send_at_the_same_moment_travels_together(
    trial: World, connection: Database, sent: list[str]
) -> None:
    """A function of the connection writes, made when it is first needed, and made again where it was rolled back."""
    tenants = sorted(new_id() for _ in range(5))
    works: list[tuple[UUID, Work[Any]]] = [(tenant, asks_and_adds) for tenant in tenants]
    with pytest.raises(Conflict):
        await share(trial, [*works[:4], (tenants[4], refuses)], connection)
    assert sum(text.startswith("CREATE FUNCTION") for text in sent) == 1
    for before, made in enumerate((["CREATE"], [])):
        sent.clear()
        assert await share(trial, works, connection) == [[(before,)]] * 5
        # What is written goes in several messages where the connection is free before the others are ready.
        kinds = [kind for kind, _ in groupby(text.split()[0] for text in sent)]
        assert kinds == ["BEGIN;", "WITH", *made, "SELECT", "COMMIT"]
        assert sum(text.startswith("WITH") for text in sent) == 1


async def refuses(ctx: Ctx) -> None:
    await ctx.add(Thing, name="never")
    await ctx.connection.settle()
    raise Conflict("no")


async def test_where_one_fails_nothing_is_left_of_any(trial: World) -> None:
    tenants = [new_id() for _ in range(3)]
    works: list[tuple[UUID, Work[Any]]] = [(tenant, partial(adds, name="never")) for tenant in tenants]
    for at, tenant in enumerate(tenants):
        with pytest.raises(Conflict, match="no"):
            await share(trial, [*works[:at], (tenant, refuses), *works[at + 1 :]])
    assert [await left(trial, tenant) for tenant in tenants] == [[[], [], [], []]] * 3


@pytest.mark.parametrize(
    "statement", ["SAVEPOINT a", " rollback", "SET app.tenant = 'x'", "RESET ROLE", "COMMIT", "begin"]
)
async def test_none_of_them_ends_the_transaction_or_says_whose_it_is(trial: World, statement: str) -> None:
    async def meddles(ctx: Ctx) -> None:
        await ctx.connection.execute(statement)

    tenants = [new_id(), new_id()]
    with pytest.raises(TypeError, match="which several units share"):
        await share(trial, [(tenants[0], partial(adds, name="never")), (tenants[1], meddles)])
    assert await left(trial, tenants[0]) == [[], [], [], []]


async def test_a_connection_that_is_new_has_no_functions_of_another(trial: World, connection: Database) -> None:
    """The server ended the one that had them; its successor makes them anew."""
    tenants = [new_id(), new_id()]
    works: list[tuple[UUID, Work[Any]]] = [(tenant, asks_and_adds) for tenant in tenants]
    assert await share(trial, works, connection) == [[(0,)]] * 2
    async with connection.connection() as one:
        before = one.get_server_pid()
        assert len(connection.functions_of(one)) == 1
    async with trial.house_of("trial").databases.main.connection() as other:
        await other.execute("SELECT pg_terminate_backend($1, 5000)", before)
    assert await share(trial, works, connection) == [[(1,)]] * 2
    async with connection.connection() as one:
        assert list(connection._functions) == [one.get_server_pid()] != [before]
