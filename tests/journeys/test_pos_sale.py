"""Sales at the till, from the basket to the ledger, in one process and as services."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from tests.journeys.shop import everything, on_hand, product, sale, trial


@pytest.mark.covers(
    "ORD-001", "ORD-002", "ORD-013", "ORD-014", "ORD-016", "ORD-017", "ORD-019", "ORD-021", "ORD-026", "ORD-027",
    "ORD-079", "ORD-080", "ORD-099", "ORD-100", "ORD-104", "ORD-107", "ORD-112", "ACC-006", "ACC-007", "ACC-010",
    "ACC-051", "ACC-054", "ACC-055", "INV-017", "INV-020", "INV-026", "PAY-002", "PAY-007", "NUM-012",
)  # fmt: skip
async def test_a_sale_reaches_the_ledger(world):
    shop = await world.tenant()
    await product(shop)
    order = await shop.post(
        "/orders/pos",
        {
            "client_id": "till-1-0001",
            "store_id": "s1",
            "terminal_id": "till-1",
            "cashier_id": "kees",
            "lines": [{"sku": "COFFEE", "quantity": "3"}],
            "payments": [{"method": "cash", "amount": "10.00"}],
            "metadata": {"table": 7},
        },
        status=201,
    )
    assert (order["state"], order["channel"], order["payment_status"]) == ("completed", "pos", "paid")
    assert order["number"] == f"ORD-{world.clock().year}-0001"
    assert (order["subtotal"], order["tax_total"], order["total"]) == ("6.20", "1.30", "7.50")
    assert (order["change"], order["currency"], order["metadata"]) == ("2.50", "EUR", {"table": 7})
    assert [(p["method"], p["amount"], p["tendered"], p["state"]) for p in order["payments"]] == [
        ("cash", "7.50", "10.00", "confirmed")
    ]
    line = order["lines"][0]
    assert {key: line[key] for key in ("sku", "name", "quantity", "unit_price", "net", "tax", "gross", "tax_rate")} == {
        "sku": "COFFEE",
        "name": "Coffee",
        "quantity": "3",
        "unit_price": "2.50",
        "net": "6.20",
        "tax": "1.30",
        "gross": "7.50",
        "tax_rate": "21",
    }
    assert order.pop("receipt") is None
    assert await shop.get(f"/orders/pos/{order['id']}") == order
    assert await trial(shop) == {
        "1000": Decimal("7.50"),
        "1300": Decimal("5.60"),
        "2200": Decimal("-1.30"),
        "4000": Decimal("-6.20"),
        "5000": Decimal("2.40"),
        "5100": Decimal("-8.00"),
    }
    assert await on_hand(shop, "COFFEE") == 7
    entries = await shop.get(f"/accounting/journal-entries?reference_id={order['id']}&sort=id")
    assert {entry["description"] for entry in entries} == {order["number"], "cost"}
    year = world.clock().year
    assert all(entry["number"].startswith(f"JE-{year}-") for entry in entries)


@pytest.mark.covers("ORD-106", "ORD-118", "INV-038", "PRD-027")
async def test_a_refused_sale_leaves_exactly_nothing(world):
    shop = await world.tenant()
    await product(shop, stock="2")
    await product(shop, "TEA", stock="5")
    before, books = await everything(shop), await trial(shop)
    problem = await shop.refused("POST", "/orders/pos", sale(("TEA", "1"), ("COFFEE", "3")), status=409)
    assert problem["detail"] == "there is not enough stock"
    assert problem["available"] == [{"sku": "COFFEE", "wanted": "3", "available": "2"}]
    problem = await shop.refused(
        "POST",
        "/orders/pos",
        {
            "lines": [{"sku": "NOPE", "quantity": "1"}, {"sku": "TEA", "quantity": "1"}],
            "payments": [{"method": "card"}],
        },
        status=422,
    )
    assert problem["fields"] == [{"field": "lines[0].sku", "problem": "there is no such product"}]
    problem = await shop.refused(
        "POST", "/orders/pos", {**sale(("TEA", "1")), "payments": [{"method": "cash", "amount": "1.00"}]}, status=422
    )
    assert problem["fields"] == [{"field": "payments", "problem": "1.50 is not paid"}]
    await shop.refused("POST", "/orders/pos", {**sale(("TEA", "1")), "payments": []}, status=422)
    await shop.refused("POST", "/orders/pos", {"lines": [], "payments": [{"method": "card"}]}, status=422)
    for quantity in ("0", "-1", "NaN", "Infinity", "1e999999", "9" * 30, "1.0000001"):
        await shop.refused("POST", "/orders/pos", sale(("TEA", quantity)), status=422)
    assert await trial(shop) == books
    assert await everything(shop) == before
    assert (await on_hand(shop, "COFFEE"), await on_hand(shop, "TEA")) == (2, 5)
    sold = await shop.post("/orders/pos", sale(("COFFEE", "2")), status=201)
    assert sold["number"].endswith("-0001"), "refused sales took no number"


@pytest.mark.covers("ORD-108")
async def test_one_client_id_is_one_order_however_often_it_is_sent(world):
    shop = await world.tenant()
    await product(shop, stock="100")
    body = sale(("COFFEE", "1"), client_id="till-7:42")
    answers = await asyncio.gather(*(shop.call("POST", "/orders/pos", body) for _ in range(8)))
    assert {a.status_code for a in answers} == {201}, [a.text for a in answers]
    assert len({a.json()["data"]["id"] for a in answers}) == 1
    again = await shop.post("/orders/pos", body)
    assert again["id"] == answers[0].json()["data"]["id"]
    assert await on_hand(shop, "COFFEE") == 99
    assert (await everything(shop))["/payments"] == 1
    assert (await trial(shop))["1020"] == Decimal("2.50")


@pytest.mark.covers("ORD-102")
async def test_sales_made_offline_are_facts(world):
    shop = await world.tenant()
    await product(shop, stock="1", cost="1.00")
    sales = [sale(("COFFEE", "1"), client_id=f"off-{n}", offline_at="2026-11-01T10:00:00Z") for n in range(3)]
    wrong = {**sale(("GONE", "1"), client_id="off-wrong"), "offline_at": "2026-11-01T10:00:00Z"}
    first = await shop.post("/orders/pos/sync", {"sales": [*sales, wrong]})
    assert [(a["client_id"], a["status"]) for a in first] == [
        ("off-0", "created"),
        ("off-1", "created"),
        ("off-2", "created"),
        ("off-wrong", "refused"),
    ]
    assert first[3]["problem"]["fields"][0]["problem"] == "there is no such product"
    second = await shop.post("/orders/pos/sync", {"sales": sales})
    assert [a["status"] for a in second] == ["repeated"] * 3
    assert [a["order_id"] for a in second] == [a["order_id"] for a in first[:3]]
    await world.settle()
    assert await on_hand(shop, "COFFEE") == -2
    shortages = await shop.get("/stock-shortages")
    assert sum(Decimal(s["missing"]) for s in shortages) == 2
    order = await shop.get(f"/orders/pos/{first[0]['order_id']}")
    assert order["placed_at"] == "2026-11-01T10:00:00Z"
    await shop.post(f"/stock-shortages/{shortages[0]['id']}/resolve", {"resolution": "counted again"})
    await shop.refused("POST", f"/stock-shortages/{shortages[0]['id']}/resolve", {"resolution": "x"}, status=409)


@pytest.mark.covers("ORD-082", "ORD-101", "DOC-007", "DOC-011", "DOC-006", "DOC-008")
async def test_a_receipt_is_made_once_and_opened_by_its_link(world):
    shop = await world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "2")), status=201)
    receipt = await shop.post(f"/orders/pos/{order['id']}/receipt")
    assert (receipt["name"], receipt["mime_type"], receipt["category"]) == (
        f"{order['number']}.pdf",
        "application/pdf",
        "receipt",
    )
    again = await shop.post(f"/orders/pos/{order['id']}/receipt")
    assert again["id"] == receipt["id"]
    opened = await world.client.get(receipt["url"])
    assert (opened.status_code, opened.headers["content-type"]) == (200, "application/pdf")
    assert opened.content.startswith(b"%PDF-1.7")
    assert len(opened.content) == receipt["size"]
    forged = await world.client.get(receipt["url"][:-4] + "0000")
    assert forged.status_code == 403
    content = await shop.call("GET", f"/documents/{receipt['id']}/content")
    assert content.content == opened.content
    stranger = await world.tenant()
    await stranger.refused("GET", f"/documents/{receipt['id']}/content", status=404)


@pytest.mark.covers("ORD-101")
async def test_one_request_sells_and_brings_the_receipt(world):
    shop = await world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "2"), client_id="with-receipt", receipt=True), status=201)
    assert order["receipt"]["name"] == f"{order['number']}.pdf"
    opened = await world.client.get(order["receipt"]["url"])
    assert opened.content.startswith(b"%PDF-1.7")
    again = await shop.post("/orders/pos", sale(("COFFEE", "2"), client_id="with-receipt", receipt=True), status=201)
    assert (again["id"], again["receipt"]["id"]) == (order["id"], order["receipt"]["id"])
    assert await on_hand(shop, "COFFEE") == 8


@pytest.mark.covers("TEN-011", "TEN-012")
async def test_who_may_not_set_prices_sells_at_list_price(world):
    shop = await world.tenant()
    await product(shop)
    till = await world.colleague(shop, ["pos.sell", "orders.view"])
    free = {"lines": [{"sku": "COFFEE", "quantity": "1", "unit_price": "0.01"}], "payments": [{"method": "card"}]}
    problem = await till.refused("POST", "/orders/pos", free, status=403)
    assert problem["missing"] == "orders.price"
    problem = await till.refused("POST", "/products", {"name": "x", "sku": "X", "price": "1"}, status=403)
    assert problem["missing"] == "products.edit"
    sold = await till.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    assert sold["total"] == "2.50"
    given = await shop.post("/orders/pos", free, status=201)
    assert given["total"] == "0.01"
    discounted = await shop.post(
        "/orders/pos",
        {"lines": [{"sku": "COFFEE", "quantity": "2", "discount": "1.00"}], "payments": [{"method": "card"}]},
        status=201,
    )
    assert (discounted["discount_total"], discounted["total"]) == ("1.00", "4.00")


async def test_a_preview_tells_everything_and_does_nothing(house_world):
    shop = await house_world.tenant()
    await product(shop)
    before, books = await everything(shop), await trial(shop)
    told = await shop.post("/orders/pos?preview=true", sale(("COFFEE", "3")))
    assert told["result"]["total"] == "7.50"
    assert told["refused"] == []
    lines = [c["new"] for c in told["changes"] if c["entity_type"] == "journal_line"]
    assert sorted((Decimal(str(line["debit"])), Decimal(str(line["credit"]))) for line in lines) == [
        (Decimal(0), Decimal("1.3")),
        (Decimal(0), Decimal("2.4")),
        (Decimal(0), Decimal("6.2")),
        (Decimal("2.4"), Decimal(0)),
        (Decimal("7.5"), Decimal(0)),
    ]
    assert [c["new"]["quantity"] for c in told["changes"] if c["entity_type"] == "stock_move"] == [-3]
    assert [c["new"]["sku"] for c in told["changes"] if c["entity_type"] == "order_line"] == ["COFFEE"]
    assert {e["name"] for e in told["events"]} >= {"order.completed", "stock.consumed", "entry.posted"}
    assert await trial(shop) == books
    assert await everything(shop) == before


async def test_the_lines_of_an_order_stay_as_they_were_placed(house_world):
    shop = await house_world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "3")), status=201)
    for change in ("UPDATE orders.order_line SET quantity = 2", "DELETE FROM orders.order_line"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with house_world.unit(shop.tenant, "orders") as ctx:
                await ctx.connection.execute(change)
    found = await shop.get(f"/orders/{order['id']}")
    assert [(line["sku"], line["quantity"]) for line in found["lines"]] == [("COFFEE", "3")]
    async with house_world.unit(shop.tenant, "orders") as ctx:
        trail = "SELECT entity_type, action FROM kernel.audit_trail WHERE entity_type LIKE 'order%'"
        assert [tuple(row) for row in await ctx.connection.fetch(trail)] == [("order", "create")]


@pytest.mark.covers("AUD-005", "AUD-009", "AUD-010")
async def test_the_trail_of_a_sale_says_what_its_rows_say(house_world):
    shop = await house_world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "3")), status=201)
    async with house_world.unit(shop.tenant, "orders") as ctx:
        row = await ctx.value(
            "SELECT to_jsonb(o) - '{tenant_id,total_rank}'::text[] FROM orders.sales_order o WHERE id = $1",
            UUID(order["id"]),
        )
    (told,) = await shop.get("/audit/trail", params={"entity_id": order["id"], "entity_type": "order"})
    assert (told["action"], told["old"], told["new"]) == ("create", None, row)
    for kind, hidden in (("payment", "amount_rank"), ("journal_entry", "total_rank")):
        rows = await shop.get("/audit/trail", params={"entity_type": kind})
        assert {row["action"] for row in rows} == {"create"}
        assert {hidden, "tenant_id"} & set().union(*(row["new"] for row in rows)) == set()
        assert {hidden.removesuffix("_rank"), "id"} <= set.intersection(*(set(row["new"]) for row in rows))


@pytest.mark.covers("PRD-007", "PRD-008", "PRD-014", "PRD-016", "PRD-023", "PRD-026", "PRD-028", "PRD-037", "PRD-038")
async def test_a_product_is_found_by_sku_and_starts_at_zero_everywhere(world):
    shop = await world.tenant()
    made = await product(shop, "MUG", "12.00", stock="", barcode="4006381333931", description="blue")
    assert made["variants"][0]["sku"] == "MUG"
    assert (await shop.get("/products/by-sku/MUG"))["id"] == made["id"]
    assert (await shop.get("/products/by-sku/4006381333931"))["id"] == made["id"]
    await shop.refused("GET", "/products/by-sku/mug", status=404)
    await shop.refused("POST", "/products", {"name": "Mug", "sku": "MUG", "price": "1"}, status=409)
    problem = await shop.refused(
        "POST", "/products", {"name": "M", "sku": "M", "price": "1", "barcode": "4006381333932"}, status=422
    )
    assert problem["fields"] == [{"field": "barcode", "problem": "the check digit of this barcode is wrong"}]
    stock = await shop.get("/inventory/MUG")
    assert [(w["warehouse_code"], w["on_hand"], w["reserved"]) for w in stock["warehouses"]] == [("MAIN", "0", "0")]


@pytest.mark.covers("STA-009")
async def test_goods_and_money_do_not_move_by_a_change_of_status(world):
    shop = await world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    books = await trial(shop)
    house = world.house_of("orders")
    from entrepot.kernel import status
    from entrepot.kernel.units import unit
    from entrepot.pure.errors import Conflict

    with pytest.raises(Conflict, match="takes more than a new status"):
        async with unit(house, shop.tenant) as ctx:
            await status.change_status(ctx, "order", UUID(order["id"]), "refunded", "because")
    assert (await shop.get(f"/orders/{order['id']}"))["state"] == "completed"
    assert await trial(shop) == books
