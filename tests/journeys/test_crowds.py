"""Tills that sell at the same moment: one transaction for all of them, and each gets what it would have got by itself."""

from __future__ import annotations

import asyncio
import contextlib
import random
from decimal import Decimal
from functools import partial
from uuid import UUID

import msgspec
import pytest

from entrepot.kernel.ctx import NIL, Actor, Again, Caller, Origin
from entrepot.kernel.together import FEW, Asked
from entrepot.modules.orders.commands import selling
from entrepot.modules.orders.commands.recording import PosSale
from entrepot.pure.errors import Refusal
from entrepot.pure.ids import new_id
from tests.journeys.shop import on_hand, product, sale, trial

SKUS = ("COFFEE", "TEA", "CAKE")
CLERK = Actor(id=new_id(), name="Clerk", kind="user", permissions=frozenset({"pos.sell"}))
CHIEF = Actor(id=new_id(), name="Chief", kind="user", permissions=frozenset({"pos.sell", "orders.price"}))


def sales_of(seed: int) -> list[tuple[Actor, PosSale]]:
    """What fifteen tills send: more than there is of some goods, discounts with and without the right, things that do
    not exist, too little money, and some of it twice."""
    draw = random.Random(seed)
    found: list[tuple[Actor, PosSale]] = []
    for till in range(15):
        if found and draw.random() < 0.2:
            found.append(draw.choice(found))
            continue
        lines = [
            {
                "sku": "NOTHING" if draw.random() < 0.05 else draw.choice(SKUS),
                "quantity": str(draw.choice([1, 1, 2, 3, "0.5"])),
                **({"discount": "0.25"} if draw.random() < 0.2 else {}),
            }
            for _ in range(draw.randint(1, 4))
        ]
        payments = [{"method": "cash", "amount": "0.05"}] if draw.random() < 0.1 else [{"method": "card"}]
        body = {"lines": lines, "payments": payments, "client_id": f"c{till}", "terminal_id": f"t{till}"}
        found.append((draw.choice([CLERK, CHIEF]), msgspec.convert(body, PosSale)))
    return found


def plain(outcome):
    """An outcome without what differs between tenants and moments."""
    if isinstance(outcome, Refusal):
        return outcome.code, str(outcome), outcome.facts
    order = msgspec.to_builtins(outcome)
    for name in ("id", "number", "warehouse_id", "entity_id", "placed_at", "paid_at", "completed_at"):
        order.pop(name)
    for line in order["lines"]:
        line.pop("id", None), line.pop("variant_id", None)
    for payment in order["payments"]:
        payment.pop("id"), payment.pop("reference")
    return order


async def one_by(world, shop, entity, actor, body):
    """What a till is answered by the plain command, run again as the kernel does when it must give way."""
    while True:
        with contextlib.suppress(Again):
            async with world.unit(shop.tenant, "orders", actor, entity_id=entity) as ctx:
                return await selling.sell(ctx, body)


async def all_of(asked):
    """None of them was answered before."""
    return list(range(len(asked)))


async def gathered_by(world, shop, entity, wanted):
    """What a crowd is answered, run again as the kernel does when goods go short."""
    while True:
        with contextlib.suppress(Again):
            async with world.unit(shop.tenant, "orders", entity_id=entity) as ctx:
                asked = [
                    Asked(body, Origin(actor, Caller(request_id=f"r{at}"))) for at, (actor, body) in enumerate(wanted)
                ]
                answers = await selling.sell_together(ctx, asked, partial(all_of, asked))
                return [answers[at] for at in range(len(asked))]


@pytest.mark.parametrize("seed", range(8))
async def test_a_crowd_gets_what_each_would_get_by_itself(house_world, seed):
    one_by_one, at_once = await house_world.tenant(), await house_world.tenant()
    for shop in (one_by_one, at_once):
        for sku, price in zip(SKUS, ("2.50", "3.35", "0.99"), strict=True):
            await product(shop, sku, price, stock="12", cost="0.77")
    entity = {}
    for shop in (one_by_one, at_once):
        async with house_world.unit(shop.tenant, "identity") as ctx:
            entity[shop.tenant] = await ctx.value("SELECT id FROM identity.business_entity")
    wanted = sales_of(seed)

    separate = []
    for actor, body in wanted:
        try:
            separate.append(await one_by(house_world, one_by_one, entity[one_by_one.tenant], actor, body))
        except Refusal as refusal:
            separate.append(refusal)
    gathered = await gathered_by(house_world, at_once, entity[at_once.tenant], wanted)

    assert [plain(outcome) for outcome in gathered] == [plain(outcome) for outcome in separate]
    assert await trial(at_once) == await trial(one_by_one)
    for sku in SKUS:
        assert await on_hand(at_once, sku) == await on_hand(one_by_one, sku)
    for shop in (one_by_one, at_once):
        async with house_world.unit(shop.tenant, "orders") as ctx:
            assert await ctx.value(WRONG) == 0


async def test_what_comes_under_a_client_id_that_was_refused_is_judged_anew(house_world):
    shop = await house_world.tenant()
    await product(shop, "COFFEE", "2.50", stock="3")
    async with house_world.unit(shop.tenant, "identity") as ctx:
        entity = await ctx.value("SELECT id FROM identity.business_entity")
    bodies = [msgspec.convert(sale(("COFFEE", quantity), client_id="c1"), PosSale) for quantity in ("4", "2", "1")]
    refused, sold, repeated = await gathered_by(house_world, shop, entity, [(CLERK, body) for body in bodies])
    assert isinstance(refused, Refusal)
    assert refused.facts["available"][0]["available"] == "3"
    assert sold.total == Decimal("5.00")
    assert plain(repeated) == plain(sold)
    assert await on_hand(shop, "COFFEE") == 1


WRONG = """
SELECT count(*) FROM orders.sales_order o WHERE
    (SELECT count(*) FROM kernel.audit_trail a WHERE a.entity_id = o.id AND a.action = 'create' AND a.actor = o.created_by) <> 1
    OR EXISTS (SELECT FROM payments.payment p JOIN kernel.audit_trail a ON a.entity_id = p.id
               WHERE p.reference_id = o.id AND a.actor IS DISTINCT FROM o.created_by)
    OR EXISTS (SELECT FROM inventory.stock_ledger s WHERE s.reference = o.id AND s.actor IS DISTINCT FROM o.created_by)
    OR EXISTS (SELECT FROM kernel.status_history h WHERE h.entity_id = o.id AND h.actor IS DISTINCT FROM o.created_by)
    OR EXISTS (SELECT FROM kernel.event e WHERE e.subject = o.id::text AND e.actor IS DISTINCT FROM o.created_by)
    OR o.created_by NOT IN (SELECT a.actor FROM kernel.audit_trail a WHERE a.entity_id = o.id)
"""


@pytest.mark.covers("ORD-105", "INV-049", "AUD-009")
async def test_tills_at_once_share_a_transaction_from_the_request_to_the_ledger(house_world):
    """Thirty tills, twenty pieces: twenty sales in few transactions, ten told what is left, and each request can be
    followed to its own journal entries."""
    shop = await house_world.tenant()
    await product(shop, "TICKET", "10.00", stock="20", cost="4.00")

    async def sell(till):
        body = sale(("TICKET", "1"), client_id=f"till-{till}", terminal_id=f"t{till}")
        return await shop.call("POST", "/orders/pos", body, headers={"x-request-id": f"req-{till}"})

    answers = await asyncio.gather(*(sell(till) for till in range(30)))
    sold = [answer.json()["data"] for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(sold), len(refused)) == (20, 10)
    assert all(one["available"][0]["available"] == "0" for one in refused)
    assert len({order["number"] for order in sold}) == 20
    assert await on_hand(shop, "TICKET") == 0
    assert await trial(shop) == {
        "1020": Decimal("200.00"),
        "2200": Decimal("-34.80"),
        "4000": Decimal("-165.20"),
        "5000": Decimal("80.00"),
        "5100": Decimal("-80.00"),
    }
    async with house_world.unit(shop.tenant, "orders") as ctx:
        transactions = await ctx.value("SELECT count(DISTINCT xmin::text) FROM orders.sales_order")
        assert transactions < 10
        rows = await ctx.connection.fetch(FOLLOWED)
    by_till = {order["terminal_id"]: order["id"] for order in sold}
    assert {(row["terminal_id"], row["correlation"], row["entries"]) for row in rows} == {
        (terminal, f"req-{terminal[1:]}", 2) for terminal in by_till
    }


@pytest.mark.parametrize(("tills", "apart"), [(FEW, 0), (FEW + 4, 2 * (FEW + 3))])
async def test_a_crowd_is_booked_with_its_sales_and_a_large_one_beside_the_next(house_world, tills, apart):
    shop = await house_world.tenant()
    await product(shop, "TICKET", "10.00", stock="100", cost="4.00")
    house_world.house_of("orders").forget(NIL)  # who comes first waits for nobody

    async def sell(till):
        await shop.post("/orders/pos", sale(("TICKET", "1"), client_id=f"till-{till}"), status=201)

    await asyncio.gather(*(sell(till) for till in range(tills)))
    await house_world.settle()
    async with house_world.unit(shop.tenant, "orders") as ctx:
        assert await ctx.value("SELECT count(DISTINCT xmin::text) FROM orders.sales_order") == 2
        assert await ctx.value(APART) == apart
    assert (await trial(shop))["4000"] == -tills * Decimal("8.26")


# Entries that were not committed with their sale.
APART = """
SELECT count(*) FROM orders.sales_order o JOIN accounting.journal_entry j ON j.reference_id = o.id
WHERE j.xmin::text <> o.xmin::text
"""
FOLLOWED = """
SELECT o.terminal_id, a.correlation, count(*) AS entries
FROM orders.sales_order o JOIN accounting.journal_entry j ON j.reference_id = o.id
JOIN kernel.audit_trail a ON a.entity_id = j.id AND a.action = 'create'
JOIN kernel.event e ON e.subject = j.id::text AND e.name = 'entry.posted' AND e.correlation = a.correlation
GROUP BY 1, 2
"""


@pytest.mark.covers("ORD-105")
async def test_what_was_sold_is_answered_again_though_it_is_sold_out_by_now(house_world):
    """Alone and in a crowd, under the same key or another, with the goods gone."""
    shop = await house_world.tenant()
    await product(shop, "TICKET", "10.00", stock="6", cost="4.00")

    def forget() -> None:
        house_world.house_of("orders").forget(UUID(str(shop.tenant)))

    async def sell(till, key):
        body = sale(("TICKET", "1"), client_id=f"till-{till}")
        forget()
        return await shop.call("POST", "/orders/pos", body, headers={"idempotency-key": key})

    first = await sell(0, "k0")
    assert first.status_code == 201, first.text
    others = await asyncio.gather(*(sell(till, f"k{till}") for till in range(1, 6)))
    assert [answer.status_code for answer in others] == [201] * 5
    assert await on_hand(shop, "TICKET") == 0
    refused = await sell(6, "k6")
    assert (refused.status_code, refused.json()["available"][0]["available"]) == (409, "0")

    for answer in (await sell(0, "k0"), (await asyncio.gather(*(sell(till, f"k{till}") for till in range(8))))[0]):
        assert (answer.status_code, answer.headers["idempotent-replay"]) == (201, "true")
        assert answer.json() == first.json()
    for answer in (await sell(0, "new"), (await asyncio.gather(*(sell(till, f"n{till}") for till in range(4))))[0]):
        assert (answer.status_code, "idempotent-replay" in answer.headers) == (201, False)
        assert plain_json(answer.json()["data"]) == plain_json(first.json()["data"])
    assert await on_hand(shop, "TICKET") == 0
    assert await trial(shop) == {
        "1020": Decimal("60.00"),
        "2200": Decimal("-10.44"),
        "4000": Decimal("-49.56"),
        "5000": Decimal("24.00"),
        "5100": Decimal("-24.00"),
    }


def plain_json(order):
    """An order as JSON without what only its first answer says."""
    return {name: value for name, value in order.items() if name != "receipt"}


async def test_a_sale_that_goes_short_where_nobody_else_sells_costs_no_number(house_world):
    shop = await house_world.tenant()
    await product(shop, "COFFEE", "2.50", stock="3")
    numbers = []
    for till, (quantity, status) in enumerate([("1", 201), ("9", 409), ("1", 201), ("5", 409), ("1", 201)]):
        answer = await shop.call("POST", "/orders/pos", sale(("COFFEE", quantity), client_id=f"c{till}"))
        assert answer.status_code == status, answer.text
        if status == 201:
            numbers.append(int(answer.json()["data"]["number"].rsplit("-", 1)[1]))
    assert numbers == [1, 2, 3]
