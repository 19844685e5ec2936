"""What the till asks of the server."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from tests.journeys.shop import everything, on_hand, product, sale, trial


async def test_the_catalogue_of_the_till_has_price_tax_and_stock_and_costs_nothing_when_unchanged(world):
    shop = await world.tenant()
    category = await shop.post("/categories", {"name": "Drinks"})
    await product(shop, barcode="4006381333931", category_id=category["id"])
    await product(shop, "FITTING", "40.00", stock="", kind="service")
    hidden = await product(shop, "OLD", "1.00", stock="")
    await shop.post(f"/products/{hidden['id']}/archive")
    read = await shop.call("GET", "/pos/catalogue")
    found = read.json()["data"]
    assert (found["currency"], found["prices_include_tax"]) == ("EUR", True)
    assert [
        {key: item[key] for key in ("sku", "barcode", "category", "price", "tax_rate", "stock")}
        for item in found["items"]
    ] == [
        {
            "sku": "COFFEE",
            "barcode": "4006381333931",
            "category": "Drinks",
            "price": "2.50",
            "tax_rate": "21",
            "stock": "10",
        },
        {"sku": "FITTING", "barcode": None, "category": "", "price": "40.00", "tax_rate": "21", "stock": None},
    ]
    again = await shop.call("GET", "/pos/catalogue", headers={"if-none-match": read.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    changed = await shop.call("GET", "/pos/catalogue", headers={"if-none-match": read.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["data"]["items"][0]["stock"] == "9"
    keeper = await world.colleague(shop, ["orders.view"])
    assert (await keeper.refused("GET", "/pos/catalogue", status=403))["missing"] == "pos.sell"


async def test_goods_that_come_back_undo_exactly_their_part_of_the_sale(world):
    shop = await world.tenant()
    await product(shop)
    before = await trial(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "3")), status=201)
    path = f"/orders/pos/{order['id']}/return"
    first = {"lines": [{"position": 1, "quantity": "1"}], "method": "cash", "client_id": "back-1", "reason": "cold"}
    credit = await shop.post(path, first, status=201)
    assert (credit["kind"], credit["state"], credit["original_id"]) == ("credit", "completed", order["id"])
    assert (credit["subtotal"], credit["tax_total"], credit["total"]) == ("-2.07", "-0.43", "-2.50")
    assert [(p["method"], p["amount"], p["state"]) for p in credit["payments"]] == [("cash", "-2.50", "confirmed")]
    assert (await shop.post(path, first))["id"] == credit["id"]
    await world.settle()
    assert await on_hand(shop, "COFFEE") == 8
    assert await trial(shop) == {
        "1000": Decimal("-2.50"),
        "1020": Decimal("7.50"),
        "1300": Decimal("6.40"),
        "2200": Decimal("-0.87"),
        "4000": Decimal("-4.13"),
        "5000": Decimal("1.60"),
        "5100": Decimal("-8.00"),
    }
    rows = await everything(shop)
    problem = await shop.refused("POST", path, {"lines": [{"position": 1, "quantity": "3"}]}, status=409)
    assert problem["detail"] == "only 2 of line 1 can come back"
    await shop.refused("POST", path, {"lines": [{"position": 2, "quantity": "1"}]}, status=422)
    await shop.refused("POST", path, {"lines": []}, status=422)
    await shop.refused("POST", f"/orders/pos/{credit['id']}/return", first, status=409)
    till = await world.colleague(shop, ["pos.sell", "orders.view"])
    assert (await till.refused("POST", path, first, status=403))["missing"] == "orders.refund"
    assert await everything(shop) == rows
    await shop.post(path, {"lines": [{"position": 1, "quantity": "2"}], "method": "card"}, status=201)
    await world.settle()
    assert await on_hand(shop, "COFFEE") == 10
    after = {code: amount for code, amount in (await trial(shop)).items() if amount}
    assert after == {**before, "1000": Decimal("-2.50"), "1020": Decimal("2.50")}
    (month,) = await shop.get("/reports/sales")
    told = [month[name] for name in ("invoices", "credit_notes", "lines", "sales", "credits", "net")]
    assert told == [1, 2, 3, "7.50", "-7.50", "0.00"]
    (day,) = await shop.get("/reports/sales?by=day")
    assert day["month"].startswith(month["month"])
    assert await shop.get(f"/reports/sales?by=day&from={day['month']}&to={day['month']}") == [day]
    for none in ("to=2025-12-31", "from=2099-01-01"):
        assert await shop.get(f"/reports/sales?{none}") == []
    assert (await shop.refused("GET", "/reports/sales?from=2026-02-01&to=2026-01-01", status=422))["field"] == "from"


async def test_a_sale_and_a_return_keep_the_shift_they_were_made_in(world):
    shop = await world.tenant()
    await product(shop)
    shift = str(uuid4())
    order = await shop.post("/orders/pos", sale(("COFFEE", "2"), shift_id=shift), status=201)
    assert order["shift_id"] == shift
    back = {"lines": [{"position": 1, "quantity": "1"}], "shift_id": shift}
    credit = await shop.post(f"/orders/pos/{order['id']}/return", back, status=201)
    (synced,) = await shop.post("/orders/pos/sync", {"sales": [sale(("COFFEE", "1"), shift_id=shift, client_id="x")]})
    alone = await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    assert {row["id"] for row in await shop.get(f"/orders?shift_id={shift}")} == {
        order["id"],
        credit["id"],
        synced["order_id"],
    }
    assert (await shop.get(f"/orders/{alone['id']}"))["shift_id"] is None


async def test_a_till_finds_a_sale_and_what_of_it_can_come_back(world):
    shop = await world.tenant()
    await product(shop)
    await product(shop, "MUG", "8.00", stock="5")
    till = await world.colleague(shop, ["pos.sell"])
    body = sale(("COFFEE", "3"), ("MUG", "1"), terminal_id="1", client_id="till-1-0001", cashier_id="Petra")
    order = await shop.post("/orders/pos", body, status=201)
    other = await shop.post("/orders/pos", sale(("MUG", "1"), terminal_id="2"), status=201)
    back = {"lines": [{"position": 1, "quantity": "2"}], "terminal_id": "1"}
    credit = await shop.post(f"/orders/pos/{order['id']}/return", back, status=201)
    latest = await till.get("/pos/sales")
    assert [(row["id"], row["kind"]) for row in latest] == [
        (credit["id"], "credit"),
        (other["id"], "sale"),
        (order["id"], "sale"),
    ]
    assert latest[2]["items"] == "Coffee, Mug"
    for query, found in (
        (f"q={order['number']}", [order]),
        (f"q={order['number'].lower()}", [order]),
        (f"q={order['number'][-4:]}", [order]),
        ("q=till-1-0001", [order]),
        ("q=%25", []),
        ("q=_", []),
        ("terminal_id=2", [other]),
        ("terminal_id=3", []),
    ):
        assert [row["id"] for row in await till.get(f"/pos/sales?{query}")] == [one["id"] for one in found], query
    shown = await till.get(f"/pos/sales/{order['id']}")
    assert [(line["position"], line["name"], line["quantity"]) for line in shown["lines"]] == [
        (1, "Coffee", "3"),
        (2, "Mug", "1"),
    ]
    assert shown["left"] == [{"position": 1, "quantity": "1"}, {"position": 2, "quantity": "1"}]
    assert (shown["number"], shown["total"], shown["payments"][0]["method"]) == (order["number"], "15.50", "card")
    assert (await till.get(f"/pos/sales/{credit['id']}"))["left"] == []
    seen = await shop.post(
        f"/orders/pos/{order['id']}/return?preview=true", {"lines": [{"position": 2, "quantity": "1"}]}
    )
    assert seen["result"]["total"] == "-8.00"
    assert len(await till.get("/pos/sales")) == 3
    stranger = await world.tenant()
    assert await stranger.get(f"/pos/sales?q={order['number']}") == []
