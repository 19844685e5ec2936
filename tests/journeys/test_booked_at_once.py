"""A sale that is booked in its own transaction leaves the same as one that the relay books."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from entrepot.kernel.counters import Counters
from entrepot.kernel.line import Line
from entrepot.modules.inventory.contract import Available, Inventory, Take, Want
from entrepot.modules.orders.commands.selling import BUSY
from entrepot.pure.ids import new_id
from tests.journeys.shop import on_hand, product, sale, trial

BOOKS = "accounting.keep_books"

LEDGER = """
SELECT e.description, e.kind, e.status, e.reference_type, e.total::text, e.posted_by::text, l.position,
       a.code, l.debit::text, l.credit::text
FROM accounting.journal_entry e JOIN accounting.journal_line l ON l.entry_id = e.id
JOIN accounting.account a ON a.id = l.account_id ORDER BY e.total, e.number, l.position
"""
TRAIL = """
SELECT entity_type, action, actor_kind, actor_name, address, agent, correlation, request_id
FROM kernel.audit_trail WHERE correlation = '0af7651916cd43dd8448eb211c80319c' ORDER BY 1, 2, 3
"""
HISTORY = """
SELECT entity_type, to_status, move, actor = '00000000-0000-0000-0000-000000000000' AS by_the_house, actor_name
FROM kernel.status_history
WHERE entity_type IN ('order', 'entry', 'journal_entry') ORDER BY 1, 2
"""
EVENTS = """
SELECT e.name, e.actor = '00000000-0000-0000-0000-000000000000' AS by_the_house, e.correlation,
        (SELECT c.name FROM kernel.event c WHERE c.id::text = e.causation) AS cause
FROM kernel.event e WHERE e.correlation = '0af7651916cd43dd8448eb211c80319c' ORDER BY 1, 4
"""
SAME = {
    "x-request-id": "the-same-request",
    "user-agent": "till",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


async def left(world: Any, shop: Any) -> dict[str, list[tuple[Any, ...]]]:
    async with world.unit(shop.tenant, "accounting") as ctx:
        return {
            sql: [tuple(row) for row in await ctx.connection.fetch(sql)] for sql in (LEDGER, TRAIL, HISTORY, EVENTS)
        }


async def served(world: Any, shop: Any) -> list[Any]:
    async with world.unit(shop.tenant, "orders") as ctx:
        sql = "SELECT at_once FROM kernel.event WHERE name = 'order.completed' ORDER BY seq"
        return [row["at_once"] for row in await ctx.connection.fetch(sql)]


@pytest.mark.covers("ORD-104", "ACC-035")
async def test_at_once_and_by_the_relay_leave_the_same(house_world):
    found = []
    for at_once in (True, False):
        shop = await house_world.tenant()
        await product(shop, "TEA", "10.00", stock="20", cost="4.00")
        await product(shop, "CUP", "3.00", stock="20", cost="1.00")
        house = house_world.house_of("orders")
        if not at_once:
            house.memory.note(shop.tenant, ("failed", BOOKS))
        body = sale(("TEA", "2"), ("CUP", "1"), client_id="till-1")
        response = await shop.call("POST", "/orders/pos", body, headers={**SAME, "idempotency-key": "k"})
        assert response.status_code == 201, response.text
        assert await served(house_world, shop) == [[BOOKS] if at_once else None]
        entries = await shop.get("/accounting/journal-entries")
        assert len([e for e in entries if e["description"] != "adjustment"]) == (2 if at_once else 0)
        await house_world.settle()
        found.append(await left(house_world, shop))
    for sql in (LEDGER, TRAIL, HISTORY, EVENTS):
        assert found[0][sql] == found[1][sql], sql
        assert found[0][sql]


async def test_what_a_sale_asks_of_the_books_is_known_after_the_first(house_world, monkeypatch):
    shop, other = await house_world.tenant(), await house_world.tenant()
    for each in (shop, other):
        await product(each, "TEA", "10.00", stock="20", cost="4.00")
    # What is asked once for the whole house is known from somebody else.
    await other.post("/orders/pos", sale(("TEA", "1")), status=201)
    asked: list[str] = []
    ask = Line.ask

    async def seen(self: Line, sql: str, *arguments: Any, tables: Any) -> list[Any]:
        asked.extend(table for table in tables if table.split(".")[0] in ("accounting", "kernel"))
        return await ask(self, sql, *arguments, tables=tables)

    monkeypatch.setattr(Line, "ask", seen)
    of_each = []
    for _ in range(3):
        await shop.post("/orders/pos", sale(("TEA", "1")), status=201)
        of_each.append(sorted(asked))
        asked.clear()
    assert of_each == [["accounting.account", "accounting.period"], [], []]
    cash = next(a for a in await shop.get("/accounting/accounts") if a["code"] == "1000")
    await shop.patch(f"/accounting/accounts/{cash['id']}", {"name": "Drawer"})
    asked.clear()
    await shop.post("/orders/pos", sale(("TEA", "1")), status=201)
    assert sorted(asked) == ["accounting.account", "accounting.period", "kernel.number_series"]
    await house_world.settle()
    numbers = [e["number"] for e in await shop.get("/accounting/journal-entries") if e["description"] != "adjustment"]
    year = datetime.now(UTC).year
    assert sorted(numbers) == [f"JE-{year}-{at:06d}" for at in range(2, 10)]


async def test_who_sells_alone_takes_no_number_beside_the_sale(house_world, monkeypatch):
    """But for the first; and who sells in a crowd does, and leaves no gap for the next."""
    shop = await house_world.tenant()
    await product(shop, "TEA", "10.00", stock="50", cost="4.00")
    beside: list[int] = []
    take = Counters.take

    async def seen(self: Counters, key: Any, count: int) -> Any:
        beside.append(count)
        return await take(self, key, count)

    monkeypatch.setattr(Counters, "take", seen)
    for _ in range(3):
        await shop.post("/orders/pos", sale(("TEA", "1")), status=201)
    assert beside == [1]
    memory = house_world.house_of("orders").memory
    memory.note(shop.tenant, BUSY)
    await asyncio.gather(*(shop.post("/orders/pos", sale(("TEA", "1")), status=201) for _ in range(12)))
    assert sum(beside) == 13
    memory.note(shop.tenant, BUSY, None)
    await shop.post("/orders/pos", sale(("TEA", "1")), status=201)
    assert sum(beside) == 13
    numbers = sorted(int(order["number"].rsplit("-", 1)[1]) for order in await shop.get("/orders"))
    assert numbers == list(range(1, 17))


async def test_who_sells_alone_waits_four_times(house_world, sent):
    """Its goods are locked with what else is asked; where the sale names a product by its id, they are a fifth."""
    shop = await house_world.tenant()
    made = await product(shop, "TEA", "10.00", stock="50", cost="4.00")
    await house_world.heard()
    await shop.post("/orders/pos", sale(("TEA", "1")), status=201)
    sent.clear()
    await shop.post("/orders/pos", sale(("TEA", "1")), status=201)
    assert [text.split()[0] for text in sent] == ["BEGIN;", "SELECT", "WITH", "COMMIT"]
    assert "stock_level" in sent[1]
    variant = (await shop.get(f"/products/{made['id']}"))["variants"][0]["id"]
    sent.clear()
    await shop.post(
        "/orders/pos",
        {"lines": [{"variant_id": variant, "quantity": "1"}], "payments": [{"method": "card"}]},
        status=201,
    )
    assert [text.split()[0] for text in sent] == ["BEGIN;", "SELECT", "SELECT", "WITH", "COMMIT"]
    assert await on_hand(shop, "TEA") == 47


async def test_goods_can_be_held_from_another_service_too(world):
    """Which locks them no longer than the answer takes, and changes nothing."""
    shop = await world.tenant()
    await product(shop, "TEA", "10.00", stock="5", cost="4.00")
    async with world.unit(shop.tenant, "inventory") as ctx:
        warehouse = await ctx.value("SELECT id FROM inventory.warehouse")
    async with world.unit(shop.tenant, "orders") as ctx:
        await ctx.of(Inventory).hold(warehouse, ["TEA", "NONE"])
    await shop.post("/orders/pos", sale(("TEA", "2")), status=201)
    assert await on_hand(shop, "TEA") == 3


async def test_what_was_held_serves_one_taking(house_world, sent):
    """The next one in the same unit reads what the first has left."""
    shop = await house_world.tenant()
    await product(shop, "TEA", "10.00", stock="5", cost="4.00")
    async with house_world.unit(shop.tenant, "inventory") as ctx:
        warehouse = await ctx.value("SELECT id FROM inventory.warehouse")
        inventory = ctx.of(Inventory)
        await inventory.hold(warehouse, ["TEA", "NONE"])
        sent.clear()
        for quantity, missing in (("3", []), ("3", [Available("TEA", Decimal(2), Decimal(2), Decimal(0))])):
            reference = new_id()
            take = Take(reference, [Want("TEA", Decimal(quantity))], first=True)
            taken = await inventory.deduct_many(reference, warehouse, [take])
            assert [one.missing for one in taken] == [missing]
        assert [text.split()[0] for text in sent] == ["WITH", "SELECT"]
    assert await on_hand(shop, "TEA") == 2


async def test_a_closed_period_stops_the_booking_and_not_the_sale(house_world):
    shop = await house_world.tenant()
    await product(shop, "TEA", "10.00", stock="20", cost="4.00")
    async with house_world.unit(shop.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.period SET state = 'closed'")
    for client in ("a", "b"):
        await shop.post("/orders/pos", sale(("TEA", "1"), client_id=client), status=201)
    assert await served(house_world, shop) == [None, None]
    assert house_world.house_of("orders").memory.noted(shop.tenant, ("failed", BOOKS))
    await house_world.settle()
    assert len(await shop.get("/orders")) == 2
    async with house_world.unit(shop.tenant, "accounting") as ctx:
        stuck = await ctx.value("SELECT count(*) FROM kernel.parked WHERE subscription = $1", BOOKS)
    assert stuck == 4  # two sales, two movements of goods


async def test_a_refused_sale_is_refused_and_books_nothing(house_world):
    shop = await house_world.tenant()
    await product(shop, "TEA", "10.00", stock="1", cost="4.00")
    before = await trial(shop)
    problem = await shop.refused("POST", "/orders/pos", sale(("TEA", "2"), client_id="a"), status=409)
    assert problem["available"][0]["available"] == "1"
    assert await trial(shop) == before
