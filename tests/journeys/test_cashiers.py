"""Cashiers take over a till with a PIN and may do there what they may do, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from entrepot.testing.world import Person
from tests.journeys.shop import everything, product, sale


async def user(shop: Any, name: str, permissions: list[str], pin: str | None = "2580") -> Any:
    code = f"r{uuid4().hex[:8]}"
    await shop.post("/roles", {"code": code, "name": name, "permissions": permissions}, status=201)
    made = await shop.post("/users", {"email": f"{code}@shop.test", "name": name, "roles": [code]}, status=201)
    if pin is not None:
        await shop.put(f"/users/{made['id']}/pin", {"pin": pin})
    return made


async def at_till(terminal: Any, who: Any, pin: str = "2580") -> Person:
    opened = await terminal.put("/pos/cashier", {"user_id": who["id"], "pin": pin})
    return Person(terminal.world, terminal.tenant, {"authorization": f"Bearer {opened['credential']}"})


@pytest.mark.covers("ORD-103")
async def test_a_cashier_sells_with_their_own_permissions_and_nothing_else(world):
    shop = await world.tenant()
    await product(shop)
    terminal = await world.colleague(shop, ["pos.sell"])
    chief = await user(shop, "Chris Chief", ["pos.*", "orders.*", "users.*"])
    clerk = await user(shop, "Kim Clerk", ["pos.sell"], "135790")
    await user(shop, "Nobody's pin", ["pos.sell"], None)
    await user(shop, "Stock keeper", ["stock.*"])
    assert await terminal.get("/pos/cashiers") == [
        {"id": chief["id"], "name": "Chris Chief"},
        {"id": clerk["id"], "name": "Kim Clerk"},
    ]
    opened = await terminal.put("/pos/cashier", {"user_id": chief["id"], "pin": "2580"})
    assert (opened["name"], opened["cashier_id"]) == ("Chris Chief", chief["id"])
    assert opened["permissions"] == [
        *("pos.sell", "pos.shift", "pos.cash", "pos.report", "orders.view", "orders.price", "orders.refund")
    ]
    boss, kim = await at_till(terminal, chief), await at_till(terminal, clerk, "135790")
    cheap = sale(("COFFEE", "1"))
    cheap["lines"][0]["discount"] = "1.00"
    order = await boss.post("/orders/pos", cheap, status=201)
    assert (order["discount_total"], order["created_by"]) == ("1.00", chief["id"])
    rows = await everything(shop)
    assert (await kim.refused("POST", "/orders/pos", cheap, status=403))["missing"] == "orders.price"
    back = {"lines": [{"position": 1, "quantity": "1"}]}
    path = f"/orders/pos/{order['id']}/return"
    assert (await kim.refused("POST", path, back, status=403))["missing"] == "orders.refund"
    assert (await terminal.refused("POST", path, back, status=403))["missing"] == "orders.refund"
    assert await everything(shop) == rows
    assert (await kim.post("/orders/pos", sale(("COFFEE", "1")), status=201))["created_by"] == clerk["id"]
    await boss.post(path, back, status=201)
    # The chief may see users elsewhere, but not with what a PIN opened; nor may a PIN change itself.
    assert (await boss.refused("GET", "/users", status=403))["missing"] == "users.view"
    await boss.refused("PUT", "/me/pin", {"pin": "9024"}, status=403)
    me = await boss.get("/me")
    assert (me["kind"], me["id"]) == ("cashier", chief["id"])
    await boss.post("/auth/logout")
    await boss.refused("GET", "/me", status=401)
    assert (await kim.get("/me"))["name"] == "Kim Clerk"


async def test_a_role_that_changes_and_a_pin_that_changes_hold_at_once(world):
    shop = await world.tenant()
    who = await user(shop, "Kim", ["pos.*", "orders.price"])
    kim = await at_till(shop, who)
    assert "orders.price" in (await kim.get("/me"))["permissions"]
    role = next(r for r in await shop.get("/roles") if r["code"] in who["roles"])
    await shop.patch(f"/roles/{role['id']}", {"permissions": ["pos.sell"]})
    assert (await kim.get("/me"))["permissions"] == ["pos.sell"]
    await shop.put(f"/users/{who['id']}/pin", {"pin": "4711"})
    await kim.refused("GET", "/me", status=401)
    await shop.refused("PUT", "/pos/cashier", {"user_id": who["id"], "pin": "2580"}, status=422)
    again = await at_till(shop, who, "4711")
    await shop.put(f"/users/{who['id']}/pin", {"pin": None})
    await again.refused("GET", "/me", status=401)
    assert await shop.get("/pos/cashiers") == []
    await shop.refused("PUT", "/pos/cashier", {"user_id": who["id"], "pin": "4711"}, status=422)
    await shop.put("/me/pin", {"pin": "8520"})
    (me,) = await shop.get("/pos/cashiers")
    assert (await (await at_till(shop, me, "8520")).get("/me"))["name"] == "Ada Admin"


async def test_guessing_a_pin_ends_after_five_also_all_at_once(world):
    shop = await world.tenant()
    who, other = await user(shop, "Kim", ["pos.sell"]), await user(shop, "Lou", ["pos.sell"])
    for pin in ("1111", "4321", "123", "123456789", "12a4", "٤٥٦٧", ""):
        problem = await shop.refused("PUT", f"/users/{who['id']}/pin", {"pin": pin}, status=422)
        assert problem["field"] == "pin"
    answers = await asyncio.gather(
        *(shop.call("PUT", "/pos/cashier", {"user_id": who["id"], "pin": f"{guess}"}) for guess in range(3000, 3020))
    )
    assert sorted(answer.status_code for answer in answers) == [422] * 5 + [429] * 15
    waiting = await shop.refused("PUT", "/pos/cashier", {"user_id": who["id"], "pin": "2580"}, status=429)
    assert 0 < waiting["retry_after"] <= 900
    await at_till(shop, other)
    await shop.refused("PUT", "/pos/cashier", {"user_id": str(uuid4()), "pin": "2580"}, status=422)
    world.clock.move(timedelta(minutes=16))
    await at_till(shop, who)
    stranger = await world.tenant()
    assert await stranger.get("/pos/cashiers") == []
    await stranger.refused("PUT", "/pos/cashier", {"user_id": who["id"], "pin": "2580"}, status=422)
    await stranger.refused("PUT", f"/users/{who['id']}/pin", {"pin": "2580"}, status=404)


async def test_a_pin_stands_nowhere_in_plain(world):
    shop = await world.tenant()
    who = await user(shop, "Kim", ["pos.sell"], "80246135")
    opened = await shop.put("/pos/cashier", {"user_id": who["id"], "pin": "80246135"})
    await world.settle()
    for house, _ in world.houses.values():
        async with house.databases.main.connection() as connection:
            tables = await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') "
                "AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')"
            )
            await connection.execute(f"BEGIN; SET LOCAL app.tenant = '{shop.tenant}'")
            for table in tables:
                for secret in ("80246135", opened["credential"]):
                    found = await connection.fetchval(
                        f"SELECT count(*) FROM {table['name']} t WHERE t::text LIKE '%' || $1 || '%'", secret
                    )
                    assert found == 0, table["name"]
            await connection.execute("ROLLBACK")
