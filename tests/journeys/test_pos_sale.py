"""One sale at the till, from the basket to the ledger."""

from decimal import Decimal

import pytest


async def product(person, sku="COFFEE", price="2.50", stock="10", cost="0.80", **more):
    made = await person.post("/products", {"name": sku.title(), "sku": sku, "price": price, **more})
    if stock:
        await person.world.settle()
        await person.post("/inventory/adjust", {"sku": sku, "quantity": stock, "reason": "opening", "unit_cost": cost})
    return made


@pytest.mark.covers("ORD-099", "ORD-104", "ORD-112", "ACC-051")
async def test_a_sale_reaches_the_ledger(world):
    shop = await world.tenant()
    await product(shop)
    order = await shop.post(
        "/orders/pos",
        {
            "client_id": "till-1-0001",
            "terminal_id": "till-1",
            "lines": [{"sku": "COFFEE", "quantity": "3"}],
            "payments": [{"method": "cash", "amount": "10.00"}],
        },
        status=201,
    )
    assert order["state"] == "completed"
    assert order["number"] == f"ORD-{world.clock().year}-0001"
    assert (order["subtotal"], order["tax_total"], order["total"]) == ("6.20", "1.30", "7.50")
    assert order["change"] == "2.50"
    await world.settle()
    stock = await shop.get("/inventory/COFFEE")
    assert Decimal(stock["available"]) == 7
    rows = {row["code"]: row for row in await shop.get("/accounting/reports/trial-balance")}
    assert {code: (row["debit"], row["credit"]) for code, row in rows.items()} == {
        "1000": ("7.50", "0"),
        "1300": ("5.60", "0"),
        "2200": ("0", "1.30"),
        "4000": ("0", "6.20"),
        "5000": ("2.40", "0"),
        "5100": ("0", "8.00"),
    }
