"""What is remembered is asked again as soon as somebody changed it: here, in another process, or past the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from entrepot.kernel import memory
from entrepot.kernel.house import House
from entrepot.kernel.memory import Memory
from entrepot.kernel.units import unit
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World

ONE, OTHER = new_id(), new_id()


class Source:
    """Something that can be asked, and says how often it was."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.asked = 0

    async def ask(self) -> object:
        self.asked += 1
        return self.value


async def test_a_value_is_asked_once_until_it_is_forgotten() -> None:
    known, source = Memory(), Source("old")
    assert [await known.recall(ONE, "it", source.ask) for _ in range(3)] == ["old"] * 3
    source.value = "new"
    assert await known.recall(ONE, "it", source.ask) == "old"
    known.forget(OTHER)
    assert (await known.recall(ONE, "it", source.ask), source.asked) == ("old", 1)
    known.forget(ONE)
    assert (await known.recall(ONE, "it", source.ask), source.asked) == ("new", 2)
    known.forget(None)
    assert (await known.recall(ONE, "it", source.ask), source.asked) == ("new", 3)


async def test_what_changes_while_it_is_asked_is_not_kept() -> None:
    known, source = Memory(), Source("old")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> object:
        found = await source.ask()
        begun.set()
        await go_on.wait()
        return found

    asking = asyncio.create_task(known.recall(ONE, "it", slow))
    await begun.wait()
    source.value = "new"
    known.forget(ONE)
    go_on.set()
    assert await asking == "old"
    assert await known.recall(ONE, "it", source.ask) == "new"


async def test_an_answer_that_is_not_good_is_asked_again() -> None:
    known, source = Memory(), Source(None)
    assert await known.recall(ONE, "it", source.ask) is None
    assert await known.recall(ONE, "it", source.ask) is None
    assert source.asked == 1
    for value, asked in ((0, 2), (1, 3), (2, 3)):
        source.value = value
        assert await known.recall(ONE, "other", source.ask, bool) == min(value, 1)
        assert source.asked == asked


async def test_it_is_kept_longer_by_who_is_told_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(memory.time, "monotonic", lambda: now)
    known, source = Memory(), Source("it")
    await known.recall(ONE, "it", source.ask)
    now += memory.UNTOLD + 0.1
    await known.recall(ONE, "it", source.ask)
    assert source.asked == 2
    known.hears(True)
    await known.recall(ONE, "it", source.ask)
    known.note(ONE, "busy")
    known.note(ONE, "count", 7, seconds=memory.TOLD)
    assert (known.noted(ONE, "busy"), known.noted(ONE, "count"), known.noted(ONE, "else")) == (True, 7, None)
    now += memory.UNTOLD + 0.1
    await known.recall(ONE, "it", source.ask)
    assert (source.asked, known.noted(ONE, "busy")) == (3, None)
    assert known.noted(ONE, "count") == 7
    now += memory.TOLD
    await known.recall(ONE, "it", source.ask)
    assert (source.asked, known.noted(ONE, "count")) == (4, None)
    known.hears(False)
    await known.recall(ONE, "it", source.ask)
    now += memory.UNTOLD + 0.1
    await known.recall(ONE, "it", source.ask)
    assert source.asked == 6


async def test_it_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "TENANTS", 3)
    monkeypatch.setattr(memory, "THINGS", 4)
    known = Memory()
    for _ in range(10):
        tenant = new_id()
        for at in range(10):
            await known.recall(tenant, at, Source(at).ask)
    assert len(known._known) <= 3
    assert all(len(things) <= 4 for things in known._known.values())


async def test_who_names_tenants_that_do_not_exist_crowds_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "TENANTS", 3)
    known, source = Memory(), Source("it")
    await known.recall(ONE, "it", source.ask)

    async def refuse() -> object:
        raise LookupError

    for _ in range(10):
        with pytest.raises(LookupError):
            await known.recall(new_id(), "credential", refuse)
    await known.recall(ONE, "it", source.ask)
    assert (source.asked, list(known._known)) == (1, [ONE])


class Shelf:
    """Something that has many of a kind, and says which it was asked for."""

    def __init__(self, **things: int) -> None:
        self.things = things
        self.asked: list[list[str]] = []

    async def ask(self, keys: Collection[str]) -> dict[str, int]:
        self.asked.append(list(keys))
        return {key: self.things[key] for key in keys if key in self.things}


def told() -> Memory:
    """A memory that somebody tells of changes."""
    known = Memory()
    known.hears(True)
    return known


async def test_of_many_only_those_are_asked_that_are_not_known() -> None:
    known, shelf = told(), Shelf(a=1, b=2, c=3)
    assert await known.recall_each(ONE, "it", ["a", "b"], shelf.ask) == {"a": 1, "b": 2}
    shelf.things.update(a=10, d=4)
    assert await known.recall_each(ONE, "it", ["c", "a", "x"], shelf.ask) == {"a": 1, "c": 3}
    assert await known.recall_each(ONE, "it", ["b", "c"], shelf.ask) == {"b": 2, "c": 3}
    assert await known.recall_each(ONE, "it", ["x"], shelf.ask) == {}  # what is not there may be there the next time
    assert await known.recall_each(OTHER, "it", ["a"], shelf.ask) == {"a": 10}
    assert await known.recall_each(ONE, "else", ["a"], shelf.ask) == {"a": 10}
    known.forget(ONE)
    assert await known.recall_each(ONE, "it", ["a", "b"], shelf.ask) == {"a": 10, "b": 2}
    assert shelf.asked == [["a", "b"], ["c", "x"], ["x"], ["a"], ["a"], ["a", "b"]]


async def test_of_many_nothing_is_kept_without_somebody_who_tells() -> None:
    known, shelf = Memory(), Shelf(a=1)
    for price in (1, 2):
        shelf.things["a"] = price
        assert await known.recall_each(ONE, "it", ["a"], shelf.ask) == {"a": price}
    known.hears(True)
    assert await known.recall_each(ONE, "it", ["a"], shelf.ask) == {"a": 2}
    shelf.things["a"] = 3
    assert await known.recall_each(ONE, "it", ["a"], shelf.ask) == {"a": 2}
    known.hears(False)
    assert await known.recall_each(ONE, "it", ["a"], shelf.ask) == {"a": 3}
    assert shelf.asked == [["a"]] * 4


async def test_of_many_what_changes_while_it_is_asked_is_not_kept() -> None:
    known, shelf = told(), Shelf(a=1)

    async def changed_meanwhile(keys: Collection[str]) -> dict[str, int]:
        found = await shelf.ask(keys)
        shelf.things["a"] = 2
        known.forget(ONE)
        return found

    assert await known.recall_each(ONE, "it", ["a"], changed_meanwhile) == {"a": 1}
    assert await known.recall_each(ONE, "it", ["a"], shelf.ask) == {"a": 2}


async def test_of_many_no_more_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(memory.time, "monotonic", lambda: now)
    monkeypatch.setattr(memory, "EACH", 3)
    monkeypatch.setattr(memory, "ALL", 10)
    known, shelf = told(), Shelf(**{key: at for at, key in enumerate("abcdefgh")})
    assert len(await known.recall_each(ONE, "it", list("abcde"), shelf.ask)) == 5
    await known.recall_each(ONE, "it", list("cde"), shelf.ask)
    assert shelf.asked == [list("abcde")]  # those that came last are kept
    now += memory.TOLD
    await known.recall_each(ONE, "it", ["c"], shelf.ask)
    assert shelf.asked[1:] == [["c"]]
    for tenant in (OTHER, new_id()):
        await known.recall_each(tenant, "it", ["f", "g"], shelf.ask)
    await known.recall_each(ONE, "it", ["c"], shelf.ask)
    assert shelf.asked[2:] == [["f", "g"], ["f", "g"]]
    await known.recall_each(OTHER, "it", ["h"], shelf.ask)  # one too many for all together: everything is asked again
    await known.recall_each(ONE, "it", ["c"], shelf.ask)
    assert shelf.asked[4:] == [["h"], ["c"]]


@asynccontextmanager
async def second(world: World) -> AsyncIterator[House]:
    """Another process beside the world's."""
    house = world.another()
    await house.start()
    try:
        yield house
    finally:
        await house.stop()


async def zone(house: House, tenant: UUID) -> str:
    async with unit(house, tenant, read_only=True) as ctx:
        return str(await house.settings.zone(ctx))


async def becomes(ask: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Wait for it, long before anything would be asked again by itself."""
    async with asyncio.timeout(memory.TOLD / 40):
        while await ask() != wanted:
            await asyncio.sleep(0.005)


async def test_another_process_hears_of_a_setting_at_the_commit(house_world: World, tenant: Person) -> None:
    async with second(house_world) as other:
        assert await zone(other, tenant.tenant) == "Europe/Amsterdam"
        await tenant.put("/settings/platform.timezone", {"value": "Asia/Tokyo", "level": "tenant"})
        assert await zone(house_world.house_of("platform"), tenant.tenant) == "Asia/Tokyo"
        await becomes(lambda: zone(other, tenant.tenant), "Asia/Tokyo")


async def test_every_remembered_table_tells(house_world: World, tenant: Person) -> None:
    """Whatever the way it is changed, and whoever is the owner of the hand that does it."""
    house = house_world.house_of("identity")
    owner = await asyncpg.connect(house_world.owner())
    heard: list[str] = []
    listener = await asyncpg.connect(house_world.owner())
    await listener.add_listener("entrepot_changed", lambda *said: heard.append(said[3]))
    try:
        telling = await owner.fetch(
            "SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = 'remembered' ORDER BY 1"
        )
        assert [row["name"] for row in telling] == [
            "accounting.account",
            "accounting.period",
            "catalog.product",
            "catalog.variant",
            "identity.api_key",
            "identity.business_entity",
            "identity.role",
            "identity.session",
            "identity.tenant",
            "identity.user_account",
            "inventory.warehouse",
            "kernel.subscription",
            "platform.field_definition",
            "platform.layout",
            "platform.setting",
            "tax.tax_rate",
        ]
        # Only its pauses are remembered; it belongs to nobody, so it tells everybody.
        mine = [row for row in telling if row["name"] != "kernel.subscription"]
        for row in mine:
            async with unit(house, tenant.tenant) as ctx:
                column = "id" if row["name"] == "identity.tenant" else "tenant_id"
                await ctx.run(f"UPDATE {row['name']} SET {column} = {column}")
            async with asyncio.timeout(10):
                while not heard:
                    await asyncio.sleep(0.005)
            assert heard == [str(tenant.tenant)], row["name"]
            heard.clear()
    finally:
        await owner.close()
        await listener.close()


async def test_a_key_ends_at_once_in_every_process(house_world: World, tenant: Person) -> None:
    from entrepot.kernel.http import Web

    key = await tenant.post("/api-keys", {"name": "shop", "scopes": ["products.view"]}, status=201)
    async with second(house_world) as other:
        there = World({"other": (other, Web(other))}, house_world.clock)
        shop = Person(there, tenant.tenant, {"authorization": f"Bearer {key['key']}"})
        assert (await shop.call("GET", "/products")).status_code == 200
        await tenant.call("DELETE", f"/api-keys/{key['id']}")

        async def status() -> int:
            return (await shop.call("GET", "/products")).status_code

        await becomes(status, 401)
        await there.client.aclose()


async def test_a_remembered_session_still_ends_when_its_time_is_over(fresh: World) -> None:
    person = await fresh.tenant()
    await person.get("/me")
    fresh.clock.move(timedelta(days=30, seconds=1))
    problem = await person.refused("GET", "/me", status=401)
    assert problem["detail"] == "this credential is not valid or has expired"


async def test_what_a_unit_undid_is_not_remembered(house_world: World, tenant: Person) -> None:
    from entrepot.modules.platform import commands

    house = house_world.house_of("platform")
    assert await zone(house, tenant.tenant) == "Europe/Amsterdam"
    seen = []
    with pytest.raises(RuntimeError):
        async with unit(house, tenant.tenant) as ctx:
            await commands.set_setting(ctx, "platform.timezone", "Asia/Tokyo", "tenant")
            seen.append(str(await house.settings.zone(ctx)))
            raise RuntimeError
    async with unit(house, tenant.tenant, preview=True) as ctx:
        await commands.set_setting(ctx, "platform.timezone", "Asia/Seoul", "tenant")
        seen.append(str(await house.settings.zone(ctx)))
    assert seen == ["Asia/Tokyo", "Asia/Seoul"]
    assert await zone(house, tenant.tenant) == "Europe/Amsterdam"


async def test_who_lost_the_line_asks_again_and_listens_again(house_world: World, tenant: Person) -> None:
    async with second(house_world) as other:
        await zone(other, tenant.tenant)
        bell = other.relay._bells[other.databases.main.name]
        assert bell._connection is not None
        pid = bell._connection.get_server_pid()
        owner = await asyncpg.connect(house_world.owner())
        try:
            assert await owner.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
            async with unit(house_world.house_of("tax"), tenant.tenant) as ctx:
                await ctx.run("DELETE FROM platform.setting")
                await ctx.run(
                    "INSERT INTO platform.setting (id, key, level, owner_id, value) VALUES ($1, $2, 'tenant', $3, $4)",
                    new_id(),
                    "platform.timezone",
                    tenant.tenant,
                    "Asia/Tokyo",
                )
            await becomes(lambda: zone(other, tenant.tenant), "Asia/Tokyo")

            async def listens() -> bool:
                return other.memory._seconds == memory.TOLD

            await becomes(listens, True)
            await tenant.put("/settings/platform.timezone", {"value": "Asia/Seoul", "level": "tenant"})
            await becomes(lambda: zone(other, tenant.tenant), "Asia/Seoul")
        finally:
            await owner.close()


async def test_a_new_rate_holds_for_who_asks_next(house_world: World, tenant: Person) -> None:
    """Here there is nothing to wait for: what was written is forgotten before the answer goes out."""
    from entrepot.modules.tax.contract import Tax

    house, day = house_world.house_of("tax"), date(2026, 5, 1)

    async def low() -> Decimal:
        async with unit(house, tenant.tenant, read_only=True) as ctx:
            rates = await ctx.recall(("rates", "NL", day), lambda: ctx.of(Tax).rates("NL", day))
        return next(one.rate for one in rates if one.category == "reduced")

    assert await low() == Decimal(9)
    rate = {"country": "NL", "category": "reduced", "rate": "10", "valid_from": "2026-04-01"}
    await tenant.post("/tax/rates", rate, status=201)
    assert await low() == Decimal(10)


async def price(house: House, tenant: UUID, sku: str) -> Decimal | None:
    from entrepot.modules.catalog.contract import Catalog

    async with unit(house, tenant, read_only=True) as ctx:
        cards = await ctx.of(Catalog).variants([sku], [])
    return cards[0].price if cards else None


async def test_prices_are_remembered_and_every_process_hears_of_a_new_one(house_world: World, tenant: Person) -> None:
    owner = await asyncpg.connect(house_world.owner())

    async def remembers(house: House) -> bool:
        """Whether it still knows a price that was changed past everybody who tells."""
        before = await price(house, tenant.tenant, "TEA")
        async with owner.transaction():
            await owner.execute("SET LOCAL session_replication_role = replica")
            await owner.execute("UPDATE catalog.variant SET price = price + 1 WHERE tenant_id = $1", tenant.tenant)
        return await price(house, tenant.tenant, "TEA") == before

    try:
        async with second(house_world) as other:
            houses = (house_world.house_of("catalog"), other)
            for house in houses:
                assert await price(house, tenant.tenant, "TEA") is None
            made = await tenant.post("/products", {"name": "Tea", "sku": "TEA", "price": "2.50"}, status=201)
            for house in houses:  # a new product need not tell
                assert await price(house, tenant.tenant, "TEA") == Decimal("2.50")
            for house in houses:
                await becomes(partial(remembers, house), True)
            path = f"/products/{made['id']}/variants/{made['variants'][0]['id']}"
            await tenant.call("PATCH", path, {"price": "99.00"})
            assert await price(houses[0], tenant.tenant, "TEA") == Decimal("99.00")
            await becomes(lambda: price(other, tenant.tenant, "TEA"), Decimal("99.00"))
    finally:
        await owner.close()
