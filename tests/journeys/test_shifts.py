"""Shifts at the till: the drawer, the Z-report and the ledger agree to the cent, also about what arrives late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from entrepot.kernel import replay
from tests.journeys.shop import everything, product, sale, trial


async def open_shift(person: Any, opening_float: str = "150.00", terminal: str = "till-1") -> Any:
    return await person.post(
        "/pos/shifts", {"terminal_id": terminal, "opening_float": opening_float, "cashier_id": "Petra"}, status=201
    )


async def sold(person: Any, shift: Any, quantity: str = "1", *payments: Any, **more: Any) -> Any:
    body = sale(("COFFEE", quantity), shift_id=shift["id"], terminal_id=shift["terminal_id"], **more)
    return await person.post("/orders/pos", {**body, "payments": list(payments) or [{"method": "cash"}]}, status=201)


@pytest.mark.covers("ORD-103", "ORD-112")
async def test_a_shift_is_counted_and_its_z_report_is_what_the_ledger_says(world):
    shop = await world.tenant()
    await product(shop, stock="100")
    await product(shop, "BREAD", "4.00", stock="100", tax_category="reduced")
    before = await trial(shop)
    shift = await open_shift(shop)
    at_till = await shop.get("/pos/shifts/open?terminal_id=till-1")
    assert (at_till["shift"]["id"], at_till["shift"]["opening_float"]) == (shift["id"], "150.00")
    first = await sold(shop, shift, "4", {"method": "card", "amount": "6.00"}, {"method": "cash", "amount": "10.00"})
    await shop.post(
        "/orders/pos",
        {
            "lines": [{"sku": "BREAD", "quantity": "2", "discount": "1.00"}],
            "payments": [{"method": "cash"}],
            "shift_id": shift["id"],
        },
        status=201,
    )
    await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)  # of no shift
    back = {"lines": [{"position": 1, "quantity": "1"}], "method": "cash", "shift_id": shift["id"]}
    await shop.post(f"/orders/pos/{first['id']}/return", back, status=201)
    cash = f"/pos/shifts/{shift['id']}/cash"
    await shop.post(cash, {"kind": "pay_in", "amount": "20.00", "reason": "coins"}, status=201)
    await shop.post(cash, {"kind": "pay_out", "amount": "5.25", "reason": "milk", "purpose": "expense"}, status=201)
    report = await shop.get(f"/pos/shifts/{shift['id']}")
    assert (report["number"], report["state"], report["sales"], report["returns"]) == (None, "open", 2, 1)
    assert (report["gross"], report["returned"], report["total"], report["discounts"]) == (
        "17.00",
        "-2.50",
        "14.50",
        "1.00",
    )
    taxes = {one["rate"]: (Decimal(one["net"]), Decimal(one["tax"])) for one in report["taxes"]}
    assert sum(net + tax for net, tax in taxes.values()) == Decimal("14.50")
    assert taxes["21"] == (Decimal("6.20"), Decimal("1.30"))
    assert taxes["9"] == (Decimal("6.42"), Decimal("0.58"))
    assert (report["net"], report["tax"]) == ("12.62", "1.88")
    assert [
        (one["method"], one["payments"], one["taken"], one["change"], one["given_back"], one["total"])
        for one in report["methods"]
    ] == [("card", 1, "6.00", "0.00", "0.00", "6.00"), ("cash", 3, "11.00", "6.00", "2.50", "8.50")]
    assert [report[name] for name in ("cash_sales", "cash_refunds", "paid_in", "paid_out", "expected")] == [
        "11.00",
        "2.50",
        "20.00",
        "5.25",
        "173.25",
    ]
    body = {
        "denominations": [
            {"value": "50.00", "count": 3},
            {"value": "10.00", "count": 2},
            {"value": "0.50", "count": 6},
        ],
        "closing_float": "150.00",
        "cashier_id": "Petra",
    }
    closed = await shop.post(f"/pos/shifts/{shift['id']}/close", body)
    assert closed["number"].startswith("Z-")
    assert closed["number"].endswith("-0001")
    assert [closed[name] for name in ("expected", "counted", "difference", "closing_float")] == [
        "173.25",
        "173.00",
        "-0.25",
        "150.00",
    ]
    changed = {"state", "number", "closed_at", "closed_by", "counted", "difference", "closing_float", "version"}
    changed |= {"denominations", "name"}
    assert {k: v for k, v in closed.items() if k not in changed} == {
        k: v for k, v in report.items() if k not in changed
    }
    after = await trial(shop)
    assert {code: after[code] - before.get(code, 0) for code in ("1000", "1040", "6000", "6100")} == {
        "1000": Decimal("150.00"),  # what is in the drawer
        "1040": Decimal("-147.00"),  # 150 and 20 brought, 23 taken away
        "6000": Decimal("5.25"),
        "6100": Decimal("0.25"),
    }
    rows = await everything(shop)
    problem = await shop.refused("POST", f"/pos/shifts/{shift['id']}/close", body, status=409)
    assert problem["detail"] == f"this shift is closed with {closed['number']}"
    await shop.refused("POST", cash, {"kind": "pay_in", "amount": "1.00", "reason": "x"}, status=409)
    assert await everything(shop) == rows
    assert (await shop.get("/pos/shifts/open?terminal_id=till-1")) == {"shift": None, "left": "150.00"}
    entries = [
        row for row in await shop.get("/accounting/journal-entries?limit=200") if row["reference_type"] == "shift"
    ]
    assert sorted(row["total"] for row in entries) == ["150.00", "20.00", "23.25", "5.25"]
    # Heard once more, nothing is booked twice.
    async with world.unit(shop.tenant, "accounting") as ctx:
        span = (ctx.now - timedelta(hours=1), ctx.now + timedelta(hours=1))
        assert await replay.replay_range(ctx, "accounting.keep_drawers", *span) == 4
    assert await trial(shop) == after
    assert await everything(shop) == rows


async def test_a_sale_that_arrives_after_the_count_is_taken_up_by_the_next_z_of_the_terminal(world):
    shop = await world.tenant()
    await product(shop, stock="100")
    one = await open_shift(shop)
    await sold(shop, one)
    first = await shop.post(f"/pos/shifts/{one['id']}/close", {"counted": "155.00"})
    assert [first[name] for name in ("sales", "expected", "difference")] == [1, "152.50", "2.50"]
    body = sale(("COFFEE", "1"), shift_id=one["id"], terminal_id="till-1", client_id="late-1")
    body |= {"payments": [{"method": "cash"}], "offline_at": one["opened_at"]}
    (synced,) = await shop.post("/orders/pos/sync", {"sales": [body]})
    assert synced["status"] == "created"
    seen = await shop.get(f"/pos/shifts/{one['id']}")
    assert {**seen, "uncounted": 0} == first
    assert seen["uncounted"] == 1
    elsewhere = await open_shift(shop, "10.00", "till-2")
    other = await shop.post(f"/pos/shifts/{elsewhere['id']}/close", {"counted": "10.00"})
    assert (other["sales"], other["late"], other["number"][-4:]) == (0, 0, "0002")
    two = await open_shift(shop, "155.00")
    await sold(shop, two, "2")
    assert (await shop.get(f"/pos/shifts/{two['id']}"))["late"] == 1
    second = await shop.post(f"/pos/shifts/{two['id']}/close", {"counted": "160.00", "closing_float": "0"})
    assert [second[name] for name in ("sales", "late", "late_total", "gross", "expected", "difference")] == [
        2,
        1,
        "2.50",
        "7.50",
        "162.50",
        "-2.50",
    ]
    assert second["number"][-4:] == "0003"
    assert (await shop.get(f"/pos/shifts/{one['id']}")) == first
    assert (await shop.post("/orders/pos/sync", {"sales": [body]}))[0]["status"] == "repeated"
    three = await open_shift(shop, "0.00")
    third = await shop.post(f"/pos/shifts/{three['id']}/close", {"counted": "0"})
    assert (third["sales"], third["late"], third["expected"]) == (0, 0, "0.00")
    found = await trial(shop)
    # Nothing is in any drawer but the ten of till-2; what was over first and short then has levelled out.
    assert (found["1000"], found.get("6100", 0), found.get("1040", 0)) == (Decimal(10), 0, 0)


async def test_what_a_shift_refuses_leaves_nothing(world):
    shop = await world.tenant()
    await product(shop)
    shift = await open_shift(shop)
    again = await shop.refused("POST", "/pos/shifts", {"terminal_id": "till-1", "opening_float": "1"}, status=409)
    assert (again["detail"], again["shift_id"]) == ("a shift is open at till-1 already", shift["id"])
    for body, field in (
        ({"terminal_id": "", "opening_float": "1"}, "terminal_id"),
        ({"terminal_id": "t", "opening_float": "-1"}, "opening_float"),
        ({"terminal_id": "t", "opening_float": "1.005"}, "opening_float"),
    ):
        problem = await shop.refused("POST", "/pos/shifts", body, status=422)
        assert [wrong["field"] for wrong in problem["fields"]] == [field]
    path = f"/pos/shifts/{shift['id']}"
    for body, field in (
        ({}, "counted"),
        ({"counted": "1.001"}, "counted"),
        ({"counted": "5", "denominations": [{"value": "2", "count": 2}]}, "counted"),
        ({"counted": "5", "closing_float": "5.01"}, "closing_float"),
        ({"denominations": [{"value": "2", "count": -1}]}, "denominations[0].count"),
    ):
        problem = await shop.refused("POST", f"{path}/close", body, status=422)
        assert [wrong["field"] for wrong in problem["fields"]] == [field]
    for body, field in (
        ({"kind": "pay_in", "amount": "0", "reason": "x"}, "amount"),
        ({"kind": "pay_in", "amount": "1", "reason": " "}, "reason"),
        ({"kind": "stolen", "amount": "1", "reason": "x"}, "kind"),
    ):
        problem = await shop.refused("POST", f"{path}/cash", body, status=422)
        assert [wrong["field"] for wrong in problem["fields"]] == [field]
    cashier = await world.colleague(shop, ["pos.sell"])
    for method, route, body, missing in (
        ("POST", "/pos/shifts", {"terminal_id": "t", "opening_float": "1"}, "pos.shift"),
        ("POST", f"{path}/cash", {"kind": "pay_in", "amount": "1", "reason": "x"}, "pos.cash"),
        ("POST", f"{path}/close", {"counted": "1"}, "pos.shift"),
        ("GET", path, None, "pos.report"),
        ("GET", "/pos/shifts", None, "pos.report"),
    ):
        assert (await cashier.refused(method, route, body, status=403))["missing"] == missing
    stranger = await world.tenant()
    await stranger.refused("POST", f"{path}/close", {"counted": "1"}, status=404)
    (only,) = await shop.get("/pos/shifts")
    assert (only["id"], only["state"], only["number"]) == (shift["id"], "open", None)
    assert (await shop.get(path))["movements"] == []


async def test_of_two_who_open_a_till_at_once_one_does(world):
    shop = await world.tenant()
    body = {"terminal_id": "till-1", "opening_float": "50.00"}
    answers = await asyncio.gather(*(shop.call("POST", "/pos/shifts", body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(await shop.get("/pos/shifts")) == 1
    found = await trial(shop)
    assert (found["1000"], found["1040"]) == (Decimal(50), Decimal(-50))


async def test_sales_at_the_moment_of_counting_are_in_this_z_or_in_the_next(world):
    shop = await world.tenant()
    await product(shop, stock="1000")
    shift = await open_shift(shop, "0.00")

    async def sell_ten() -> None:
        for _ in range(10):
            await sold(shop, shift)

    selling = [asyncio.create_task(sell_ten()) for _ in range(4)]
    await asyncio.sleep(0.15)
    first = await shop.post(f"/pos/shifts/{shift['id']}/close", {"counted": "0"})
    await asyncio.gather(*selling)
    following = await open_shift(shop, "0.00")
    second = await shop.post(f"/pos/shifts/{following['id']}/close", {"counted": "0"})
    assert first["sales"] + second["sales"] == 40
    assert second["sales"] == second["late"]
    assert Decimal(first["gross"]) + Decimal(second["gross"]) == Decimal("100.00")
    assert Decimal(first["expected"]) + Decimal(second["expected"]) == Decimal("100.00")
    assert (await shop.get(f"/pos/shifts/{shift['id']}"))["uncounted"] == 0
