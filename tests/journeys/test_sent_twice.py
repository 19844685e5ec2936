"""A till on a bad network sends its sales again, by every way there is: each is one order and spends one number."""

from __future__ import annotations

import asyncio
import random

import pytest

from entrepot.kernel.idempotency import FEW
from tests.journeys.shop import on_hand, product, sale


@pytest.mark.covers("ORD-105")
@pytest.mark.parametrize("seed", range(3))
async def test_a_sale_sent_by_every_way_at_once_is_one_order_with_one_number(house_world, seed):
    """Under two keys, under none, with its receipt, and among few and many of those that were made without connection."""
    shop = await house_world.tenant()
    await product(shop, "COFFEE", "2.50", stock="1000")
    names = [f"c{number}" for number in range(FEW + 10)]
    draw = random.Random(seed)

    def body(name, **more):
        return {**sale(("COFFEE", "1"), client_id=name), **more}

    async def sell(name, key, **more):
        await asyncio.sleep(draw.random() / 20)
        headers = {"idempotency-key": key} if key else {}
        answer = await shop.call("POST", "/orders/pos", body(name, **more), headers=headers)
        assert answer.status_code == 201, answer.text
        return name, answer.json()["data"]["id"]

    async def sync(some):
        await asyncio.sleep(draw.random() / 20)
        done = await shop.post("/orders/pos/sync", {"sales": [body(name) for name in some]})
        assert {one["status"] for one in done} <= {"created", "repeated"}
        return [(one["client_id"], one["order_id"]) for one in done]

    ways = [sell(name, key) for name in names[:20] for key in (f"{name}-a", f"{name}-b", "")]
    ways += [sell(name, "", receipt=True) for name in names[:3]]
    synced = await asyncio.gather(
        *ways, sync(names[:8]), sync(names[4:12]), sync(names), sync(list(reversed(names))), sync(names[15:])
    )
    told = {pair for answer in synced for pair in (answer if isinstance(answer, list) else [answer])}
    assert len(told) == len(names), "one order for each name, whoever asks"
    async with house_world.unit(shop.tenant, "orders") as ctx:
        rows = await ctx.connection.fetch("SELECT client_id, id::text, number FROM orders.sales_order")
        events = await ctx.value("SELECT count(*) FROM kernel.event WHERE name = 'order.completed'")
    assert {(row["client_id"], row["id"]) for row in rows} == told
    numbers = sorted(int(row["number"].rsplit("-", 1)[1]) for row in rows)
    assert numbers == list(range(1, len(names) + 1)), "no number was spent on a sale that was there"
    assert events == len(names)
    assert await on_hand(shop, "COFFEE") == 1000 - len(names)
