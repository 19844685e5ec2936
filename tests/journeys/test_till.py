"""What the till asks of the server."""

from __future__ import annotations

from tests.journeys.shop import product, sale


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
