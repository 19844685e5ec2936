"""Shops that sell at the same moment share a transaction, and each has its goods, its numbers and its books for itself."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from entrepot.kernel.origins import NIL
from entrepot.modules.accounting.queries.proving import balances_equal_recount
from entrepot.modules.inventory.queries import levels_equal_ledger
from tests.journeys.shop import on_hand, product, sale, trial

SOLD = """
SELECT o.number, o.terminal_id, a.actor_name, a.request_id, o.xmin::text AS transaction, count(DISTINCT j.id) AS entries
FROM orders.sales_order o JOIN kernel.audit_trail a ON a.entity_id = o.id AND a.action = 'create'
JOIN accounting.journal_entry j ON j.reference_id = o.id GROUP BY 1, 2, 3, 4, 5 ORDER BY 1
"""


async def open_shops(world, many, stock):
    shops = [await world.tenant() for _ in range(many)]
    for at, shop in enumerate(shops):
        await product(shop, "TICKET", f"{10 + at}.00", stock=stock, cost="4.00")
    return shops


async def sell(shop, name, quantity="1"):
    body = sale(("TICKET", quantity), client_id=name, terminal_id=name)
    return await shop.call("POST", "/orders/pos", body, headers={"x-request-id": name})


async def sold_by(world, shop):
    await world.settle()
    async with world.unit(shop.tenant, "orders") as ctx:
        return await ctx.connection.fetch(SOLD)


@pytest.mark.covers("ORD-105", "INV-049", "AUD-009")
async def test_each_shop_sells_what_it_has_and_books_it_for_itself(house_world):
    """Eight shops and five pieces each, sold one in every shop at a time: the sixth is refused where it is asked for."""
    shops = await open_shops(house_world, 8, "5")
    for round_ in range(6):
        answers = await asyncio.gather(*(sell(shop, f"{round_}-{at}") for at, shop in enumerate(shops)))
        assert [answer.status_code for answer in answers] == [201 if round_ < 5 else 409] * 8
    transactions = set()
    for at, shop in enumerate(shops):
        rows = await sold_by(house_world, shop)
        assert [int(row["number"].rsplit("-", 1)[1]) for row in rows] == [1, 2, 3, 4, 5]
        assert [(row["terminal_id"], row["request_id"], row["actor_name"], row["entries"]) for row in rows] == [
            (f"{round_}-{at}", f"{round_}-{at}", "Ada Admin", 2) for round_ in range(5)
        ]
        transactions.update(row["transaction"] for row in rows)
        price = Decimal(10 + at)
        net = (price / Decimal("1.21")).quantize(Decimal("0.01"))
        assert await trial(shop) == {
            "1020": 5 * price,
            "2200": -5 * (price - net),
            "4000": -5 * net,
            "5000": Decimal("20.00"),
            "5100": Decimal("-20.00"),
        }
        assert await on_hand(shop, "TICKET") == 0
        async with house_world.unit(shop.tenant, "orders") as ctx:
            assert await levels_equal_ledger(ctx) == []
            assert await balances_equal_recount(ctx) == []
    assert len(transactions) < 25, "forty sales, most of which shared theirs"


async def test_shops_sell_at_once_in_either_shape(world):
    """Where goods and books are in services of their own, each goes by itself."""
    shops = await open_shops(world, 3, "3")
    for round_ in range(3):
        answers = await asyncio.gather(*(sell(shop, str(round_)) for shop in shops))
        assert [answer.status_code for answer in answers] == [201] * 3
    transactions = set()
    for at, shop in enumerate(shops):
        assert (await trial(shop))["1020"] == 3 * Decimal(10 + at)
        assert await on_hand(shop, "TICKET") == 0
        async with world.unit(shop.tenant, "orders") as ctx:
            rows = await ctx.connection.fetch("SELECT number, xmin::text FROM orders.sales_order ORDER BY number")
            assert [int(number.rsplit("-", 1)[1]) for number, _ in rows] == [1, 2, 3]
            transactions.update(xmin for _, xmin in rows)
    assert (len(transactions) == 9) == world.services


@pytest.mark.parametrize("others_come", ["with it", "after it"])
async def test_a_shop_whose_goods_are_held_holds_up_nobody_else(house_world, others_come):
    """Its own sale waits for them; those of shops that would have gone with it, or after it, do not."""
    shops = await open_shops(house_world, 4, "5")
    for answer in await asyncio.gather(*(sell(shop, "before") for shop in shops)):
        assert answer.status_code == 201, answer.text
    holder = await asyncpg.connect(house_world.owner("inventory"))
    try:
        await holder.execute("BEGIN")
        held = await holder.fetch("SELECT FROM inventory.stock_level WHERE tenant_id = $1 FOR UPDATE", shops[0].tenant)
        assert len(held) == 1
        if others_come == "after it":
            house_world.house_of("orders").forget(NIL)  # so that it waits for nobody
        waits = asyncio.create_task(sell(shops[0], "now"))
        if others_come == "after it":
            async with asyncio.timeout(20):
                while not await holder.fetchval(WAITING):
                    await asyncio.sleep(0.01)
        others = await asyncio.wait_for(asyncio.gather(*(sell(shop, "now") for shop in shops[1:])), 20)
        assert [answer.status_code for answer in others] == [201] * 3
        assert not waits.done()
        await holder.execute("ROLLBACK")
    finally:
        await holder.close()
    assert (await waits).status_code == 201
    for shop in shops:
        assert await on_hand(shop, "TICKET") == 3
        assert [row["terminal_id"] for row in await sold_by(house_world, shop)] == ["before", "now"]


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
