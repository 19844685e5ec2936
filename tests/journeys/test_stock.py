"""Goods that come in, move, are counted, held and run out."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from entrepot.modules.inventory.commands.returning import put_back
from tests.journeys.shop import on_hand, product, sale, trial


@pytest.mark.covers(
    "INV-001", "INV-002", "INV-003", "INV-005", "INV-011", "INV-015", "INV-021", "INV-022", "INV-028", "INV-036"
)
async def test_goods_move_between_warehouses_with_their_value(world):
    shop = await world.tenant()
    await product(shop, stock="10", cost="0.80")
    depot = await shop.post("/warehouses", {"code": "DEPOT", "name": "Depot"}, status=201)
    main = (await shop.get("/warehouses?code=MAIN"))[0]
    books = await trial(shop)
    body = {
        "from_warehouse_id": main["id"],
        "to_warehouse_id": depot["id"],
        "lines": [{"sku": "COFFEE", "quantity": "4"}],
    }
    await shop.post("/inventory/transfer", body)
    stock = await shop.get("/inventory/COFFEE")
    assert {w["warehouse_code"]: (w["on_hand"], w["value"]) for w in stock["warehouses"]} == {
        "DEPOT": ("4", "3.20"),
        "MAIN": ("6", "4.80"),
    }
    problem = await shop.refused(
        "POST", "/inventory/transfer", {**body, "lines": [{"sku": "COFFEE", "quantity": "7"}]}, status=409
    )
    assert problem["available"][0]["available"] == "6"
    assert await trial(shop) == books
    assert Decimal((await shop.get("/inventory/COFFEE"))["on_hand"]) == 10


@pytest.mark.covers("INV-007", "INV-016", "INV-023", "INV-029", "INV-044", "ACC-057")
async def test_counts_and_corrections_reach_the_books(world):
    shop = await world.tenant()
    await product(shop, stock="10", cost="2.00")
    await shop.post("/inventory/count", {"sku": "COFFEE", "counted": "7"})
    assert await on_hand(shop, "COFFEE") == 7
    assert await trial(shop) == {"1300": Decimal("14.00"), "5100": Decimal("-14.00")}
    await shop.post("/inventory/adjust", {"sku": "COFFEE", "quantity": "-2", "reason": "broken"})
    assert await trial(shop) == {"1300": Decimal("10.00"), "5100": Decimal("-10.00")}
    await shop.refused("POST", "/inventory/adjust", {"sku": "COFFEE", "quantity": "-6", "reason": "x"}, status=409)
    problem = await shop.refused(
        "POST", "/inventory/adjust", {"sku": "COFFEE", "quantity": "1", "reason": " "}, status=422
    )
    assert problem["field"] == "reason"
    moves = await shop.get("/stock-moves?sku=COFFEE&sort=id")
    assert [(m["kind"], m["quantity"], m["value"]) for m in moves] == [
        ("adjustment", "10", "20.00"),
        ("count", "-3", "-6.00"),
        ("adjustment", "-2", "-4.00"),
    ]


@pytest.mark.covers("INV-006", "INV-027", "INV-031", "INV-039", "INV-040")
async def test_running_low_and_running_out_are_told_once(world):
    shop = await world.tenant()
    await product(shop, stock="5")
    await shop.post("/inventory/threshold", {"sku": "COFFEE", "low_at": "3"})
    for _ in range(5):
        await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    await world.settle()
    house = world.house_of("inventory")
    from entrepot.kernel.units import unit

    async with unit(house, shop.tenant) as ctx:
        rows = await ctx.connection.fetch(
            "SELECT name, data FROM kernel.event WHERE name IN ('stock.low', 'stock.depleted') ORDER BY seq"
        )
    assert [row["name"] for row in rows] == ["stock.low", "stock.depleted"]
    assert (rows[0]["data"]["quantity"], rows[0]["data"]["low_at"]) == ("3", "3")
    assert (rows[1]["data"]["previous_quantity"], rows[1]["data"]["current_quantity"]) == ("1", "0")


@pytest.mark.covers("INV-004", "INV-010", "INV-014", "INV-019", "INV-024", "INV-025", "INV-035", "INV-048")
async def test_reserved_goods_are_nobody_elses_until_released_or_expired(world):
    shop = await world.tenant()
    await product(shop, stock="5")
    reference = "01890000-0000-7000-8000-000000000001"
    body = {"reference": reference, "lines": [{"sku": "COFFEE", "quantity": "4"}]}
    problem = await shop.refused("POST", "/inventory/reserve", body, status=409)
    assert problem["policy"] == "on_payment"
    await shop.put("/settings/inventory.stock_policy", {"value": "on_confirm"})
    world.house_of("inventory").forget(shop.tenant)
    await shop.post("/inventory/reserve", body)
    await shop.post("/inventory/reserve", body)
    level = (await shop.get("/stock-levels?sku=COFFEE"))[0]
    assert (level["on_hand"], level["reserved"], level["available"]) == ("5", "4", "1")
    problem = await shop.refused("POST", "/orders/pos", sale(("COFFEE", "2")), status=409)
    assert problem["available"] == [{"sku": "COFFEE", "wanted": "2", "available": "1"}]
    assert await shop.post("/inventory/release", {"reference": reference}) == {"released": 1}
    assert await shop.post("/inventory/release", {"reference": reference}) == {"released": 0}
    await shop.post("/orders/pos", sale(("COFFEE", "2")), status=201)
    level = (await shop.get("/stock-levels?sku=COFFEE"))[0]
    assert (level["on_hand"], level["reserved"], level["available"]) == ("3", "0", "3")


@pytest.mark.covers("INV-033", "INV-034")
async def test_stock_is_taken_once_per_reference(world):
    shop = await world.tenant()
    await product(shop, stock="5", cost="1.00")
    body = {"reference": "01890000-0000-7000-8000-000000000002", "lines": [{"sku": "COFFEE", "quantity": "2"}]}
    first = await shop.post("/inventory/deduct", body)
    assert first == [{"sku": "COFFEE", "quantity": "2", "value": "2.00"}]
    second = await shop.post("/inventory/deduct", body)
    assert second == first
    assert await on_hand(shop, "COFFEE") == 3
    found = await shop.post("/inventory/check-availability", {"skus": ["COFFEE", "NOPE"]})
    assert [(f["sku"], f["available"]) for f in found] == [("COFFEE", "3"), ("NOPE", "0")]


async def test_goods_move_in_the_books_of_who_owns_the_warehouse(house_world):
    """Also where nobody is at work in that company: a job that brings goods back has no company of its own."""
    shop = await house_world.tenant()
    await product(shop, stock="10", cost="1.00")
    body = {"reference": "01890000-0000-7000-8000-000000000003", "lines": [{"sku": "COFFEE", "quantity": "4"}]}
    await shop.post("/inventory/deduct", body)
    async with house_world.unit(shop.tenant, "inventory") as ctx:
        await put_back(ctx, UUID(body["reference"]))
    assert await trial(shop) == {"1300": Decimal("10.00"), "5100": Decimal("-10.00")}
    entity = (await shop.get("/business-entities"))[0]["id"]
    entries = await shop.get("/accounting/journal-entries")
    assert {entry["entity_id"] for entry in entries} == {entity}
    assert len(entries) == 3
    problem = await shop.refused("POST", "/inventory/deduct", {**body, "warehouse_id": body["reference"]}, status=404)
    assert problem["what"] == "warehouse"
