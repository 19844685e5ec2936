"""The till in a browser: it sells, opens and sells without network, and syncs every sale exactly once."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect
from shopping import SHOTS, Looking, Shop, looking
from tilling import lamp, open_till, sell

pytestmark = pytest.mark.browser

SALES = int(os.environ.get("ENTREPOT_TILL_SALES", "500"))
SELLING = re.compile(r"/api/v1/orders/pos(/sync)?$")


@pytest.fixture
async def till(chromium: Browser, shop: Shop) -> AsyncIterator[Looking]:
    looked = await looking(chromium, shop)
    await looked.page.set_viewport_size({"width": 1280, "height": 800})
    await looked.log_in()
    await open_till(looked)
    yield looked
    await looked.page.context.close()


async def sold(shop: Shop, sku: str) -> list[Any]:
    """Every order that holds the product, read from the server."""
    found, cursor = [], ""
    while True:
        page = (await shop.person.call("GET", f"/orders/pos?limit=200&sort=-placed_at{cursor}")).json()
        found += page["data"]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    orders = [await shop.person.get(f"/orders/pos/{row['id']}") for row in found]
    return [order for order in orders if any(line["sku"] == sku for line in order["lines"])]


async def test_a_sale_by_keys_with_change_and_a_receipt(till: Looking, shop: Shop) -> None:
    sku = await lamp(shop, 5)
    page = till.page
    await page.reload()
    await page.wait_for_selector("#till[data-ready]")
    await page.fill("#till-search", f"2*{sku}")
    await page.press("#till-search", "Enter")
    await expect(page.locator("#till-total")).to_have_text("€24.20")
    assert await till.violations() == []
    await page.screenshot(path=SHOTS / "till-wide-light.png")
    await page.keyboard.press("F9")
    await page.fill("#till-given", "4.20")
    await page.click("[data-method=card]")
    await expect(page.locator("#till-left")).to_have_text("€20.00")
    await page.screenshot(path=SHOTS / "till-paying.png")
    assert await till.violations() == []
    await page.fill("#till-given", "50")
    await page.press("#till-given", "Enter")
    await expect(page.locator("#till-left")).to_have_text("€30.00")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-change")).to_have_text("€30.00")
    await page.screenshot(path=SHOTS / "till-receipt.png")
    assert await till.violations() == []
    (order,) = await sold(shop, sku)
    asked = re.compile(f"/orders/pos/{order['id']}/receipt$")
    async with page.expect_response(asked) as answer, page.expect_popup() as opened:
        await page.click("#till-receipt button:has-text('PDF')")
    assert (await (await answer.value).json())["data"]["name"] == f"{order['number']}.pdf"
    await (await opened.value).close()
    await page.bring_to_front()
    await page.focus("#till-next")
    await expect(page.locator(".till-receipt #till-number")).to_have_text(order["number"])
    assert sorted((p["method"], p["amount"], p["tendered"]) for p in order["payments"]) == [
        ("card", "4.20", "4.20"),
        ("cash", "20.00", "50.00"),
    ]
    assert (order["total"], order["tax_total"], order["change"]) == ("24.20", "4.20", "30.00")
    await page.keyboard.press("Enter")
    await expect(page.locator(f".till-tile[data-sku={sku}] .till-tile-stock")).to_have_text("3 in stock")
    await expect(page.locator("#till-state-words")).to_have_text("Online")
    assert till.complaints == []


async def test_what_is_gone_is_refused_to_the_cashier_and_leaves_nothing(till: Looking, shop: Shop) -> None:
    sku = await lamp(shop, 0)
    page = till.page
    await page.reload()
    await page.wait_for_selector("#till[data-ready]")
    await page.fill("#till-search", sku)
    await page.press("#till-search", "Enter")
    await page.keyboard.press("F9")
    await page.press("#till-given", "Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-problem")).to_have_text(f"there is not enough stock · {sku}: 0 left")
    assert await sold(shop, sku) == []
    await expect(page.locator("#till-state-words")).to_have_text("Online")
    await page.keyboard.press("Escape")
    await expect(page.locator(".till-line")).to_have_count(1)


async def test_a_scanner_finds_by_barcode_wherever_the_focus_is(till: Looking, shop: Shop) -> None:
    barcode = "4006381333931"
    await shop.person.post("/products", {"name": "Mug", "sku": "MUG-SCAN", "price": "3.00", "barcode": barcode})
    page = till.page
    await page.reload()
    await page.wait_for_selector("#till[data-ready]")
    await page.focus("#till-state")
    await page.keyboard.type(barcode)
    await page.keyboard.press("Enter")
    await expect(page.locator(".till-line[data-sku=MUG-SCAN]")).to_have_count(1)
    await page.keyboard.press("+")
    await expect(page.locator("#till-total")).to_have_text("€6.00")
    await page.keyboard.press("-")
    await page.keyboard.press("F9")
    await page.keyboard.type(barcode)
    await page.keyboard.press("Enter")
    await expect(page.locator(".till-payments li")).to_have_count(0)
    assert await page.input_value("#till-given") == ""
    await page.keyboard.press("Escape")
    await page.keyboard.press("F4")
    await expect(page.locator(".till-line")).to_have_count(0)
    await page.click("[data-tool=parked]")
    await page.click("#till-parked .btn-primary")
    await expect(page.locator("#till-total")).to_have_text("€3.00")


async def test_it_opens_and_sells_without_network_and_syncs_by_itself(till: Looking, shop: Shop) -> None:
    sku = await lamp(shop, 1)
    page = till.page
    await page.reload()
    await page.wait_for_selector("#till[data-ready]")
    await page.context.set_offline(True)
    await page.reload()
    await page.wait_for_selector("#till[data-ready]")
    await expect(page.locator("#till-state-words")).to_have_text("No connection")
    for _ in range(2):
        await sell(page, sku)
        await expect(page.locator(".till-receipt #till-number")).to_have_text("Not synced yet")
        await page.keyboard.press("Enter")
    await expect(page.locator("#till-state-words")).to_have_text("No connection · 2 not synced")
    await page.click("#till-state")
    await expect(page.locator("#till-outbox li")).to_have_count(2)
    await page.screenshot(path=SHOTS / "till-offline.png")
    assert await till.violations() == []
    await page.keyboard.press("Escape")
    assert await sold(shop, sku) == []
    await page.context.set_offline(False)
    await expect(page.locator("#till-state-words")).to_have_text("Online", timeout=20_000)
    orders = await sold(shop, sku)
    assert [order["total"] for order in orders] == ["12.10", "12.10"]
    await shop.world.settle()
    assert (await shop.person.get(f"/inventory/{sku}"))["on_hand"] == "-1"


async def test_a_server_that_was_away_for_long_is_noticed_soon(till: Looking, shop: Shop) -> None:
    """The browser has a network all the while, so nobody tells the till that its server is back."""
    sku = await lamp(shop, 5)
    page = till.page
    await page.reload()
    await page.wait_for_selector("#till[data-ready]")
    knocks = []

    async def away(route: Route) -> None:
        knocks.append(route.request.url)
        await route.abort()

    await page.route("**/api/v1/**", away)
    await sell(page, sku)
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-state-words")).to_have_text("No connection · 1 not synced")
    for _ in range(60):
        if len(knocks) >= 6:
            break
        await asyncio.sleep(1)
    await page.unroute("**/api/v1/**", away)
    await expect(page.locator("#till-state-words")).to_have_text("Online", timeout=15_000)
    assert [order["total"] for order in await sold(shop, sku)] == ["12.10"]


async def unreliable(route: Route) -> None:
    """A network that loses requests, loses answers, and sends twice."""
    fate = random.random()
    if fate < 0.2:
        await route.abort()
    elif fate < 0.4:
        await route.fetch()
        await route.abort()
    elif fate < 0.6:
        first, _ = await asyncio.gather(route.fetch(), route.fetch())
        await route.fulfill(response=first)
    else:
        await route.continue_()


async def rows_of(shop: Shop, path: str) -> list[Any]:
    """Every row of a list."""
    found, cursor = [], ""
    while True:
        page = (await shop.person.call("GET", f"{path}&limit=200{cursor}")).json()
        found += page["data"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def cash_in_books(shop: Shop) -> Decimal:
    await shop.world.settle()
    rows = await shop.person.get("/accounting/reports/trial-balance")
    return sum((Decimal(r["debit"]) - Decimal(r["credit"]) for r in rows if r["code"] == "1000"), Decimal(0))


@pytest.mark.covers("ORD-102", "ORD-112")
async def test_three_tabs_on_a_bad_network_make_every_sale_exactly_once(chromium: Browser, shop: Shop) -> None:
    sku, books = await lamp(shop, SALES), await cash_in_books(shop)
    first = await looking(chromium, shop)
    await first.log_in()
    page, context = first.page, first.page.context
    await open_till(first)
    await page.click("[data-tool=drawer]")
    await page.fill("#till-float", "100")
    await page.press("#till-float", "Enter")
    await expect(page.locator("#till-shift")).to_have_text("Shift open")
    await context.route(SELLING, unreliable)
    tabs = [first, *[Looking(await context.new_page(), shop) for _ in range(2)]]
    for tab in tabs[1:]:
        await open_till(tab)
        await expect(tab.page.locator("#till-shift")).to_have_text("Shift open")

    async def sell_some(page: Page, count: int) -> None:
        for _ in range(count):
            await sell(page, sku)
            await page.keyboard.press("Enter")

    shares = [len(range(at, SALES, len(tabs))) for at in range(len(tabs))]
    await asyncio.gather(*(sell_some(tab.page, share) for tab, share in zip(tabs, shares, strict=True)))
    for tab in tabs:
        await expect(tab.page.locator("#till-state-words")).to_have_text("Online", timeout=120_000)
    assert await page.evaluate(OUTBOX, f"till {shop.person.tenant}") == 0
    terminal = await page.evaluate("localStorage.getItem('entrepot.till.terminal')")
    (shift,) = await rows_of(shop, f"/pos/shifts?terminal_id={terminal}")
    orders = await rows_of(shop, f"/orders?shift_id={shift['id']}")
    assert len(orders) == SALES
    numbers = sorted(int(order["number"].rsplit("-", 1)[1]) for order in orders)
    assert numbers == list(range(numbers[0], numbers[0] + SALES))
    taken = Decimal("12.10") * SALES
    payments = await rows_of(shop, f"/payments?terminal_id={terminal}")
    assert {payment["method"] for payment in payments} == {"cash"}
    assert (len(payments), sum(Decimal(payment["amount"]) for payment in payments)) == (SALES, taken)
    await page.click("[data-tool=drawer]")
    await page.click("#till-drawer button:has-text('Close the shift')")
    await page.fill("#till-counted", str(100 + taken))
    await page.press("#till-counted", "Enter")
    await expect(page.locator("#till-drawer #till-report-number")).to_have_text(re.compile(r"^Z-\d{4}-\d{4,}$"))
    report = await shop.person.get(f"/pos/shifts/{shift['id']}")
    assert [report[name] for name in ("sales", "returns", "late", "uncounted")] == [SALES, 0, 0, 0]
    assert [Decimal(report[name]) for name in ("gross", "cash_sales", "expected", "counted", "difference")] == [
        taken,
        taken,
        100 + taken,
        100 + taken,
        0,
    ]
    assert sum(Decimal(order["total"]) for order in orders) == Decimal(report["net"]) + Decimal(report["tax"])
    assert await cash_in_books(shop) - books == 100 + taken
    assert (await shop.person.get(f"/inventory/{sku}"))["on_hand"] == "0"
    await context.close()


OUTBOX = """async (start) => {
  const { name } = (await indexedDB.databases()).find((one) => one.name.startsWith(start));
  const db = await new Promise((done) => { const asked = indexedDB.open(name); asked.onsuccess = () => done(asked.result); });
  const count = (store) => new Promise((done) => {
    const asked = db.transaction(store).objectStore(store).count();
    asked.onsuccess = () => done(asked.result);
  });
  return count("outbox");
}"""


@pytest.mark.parametrize(("wide", "dark", "dutch"), [(True, True, True), (False, False, False), (False, True, True)])
async def test_it_looks_right_in_every_shape(
    chromium: Browser, shop: Shop, wide: bool, dark: bool, dutch: bool
) -> None:
    looked = await looking(chromium, shop, wide=wide, dark=dark, dutch=dutch)
    if wide:
        await looked.page.set_viewport_size({"width": 1280, "height": 800})
    await looked.log_in()
    await open_till(looked)
    page = looked.page
    for sku in ("ZAP-GO", "CBL-T2-5", "ZAP-GO"):
        await page.fill("#till-search", sku)
        await page.press("#till-search", "Enter")
    name = f"till-{'wide' if wide else 'phone'}-{'dark' if dark else 'light'}"
    await page.screenshot(path=SHOTS / f"{name}.png")
    assert await looked.violations() == []
    if not wide:
        await page.click(".till-to-basket")
        await page.screenshot(path=SHOTS / f"{name}-basket.png")
        assert await looked.violations() == []
    await page.keyboard.press("F9")
    await page.screenshot(path=SHOTS / f"{name}-paying.png")
    assert await looked.violations() == []
    assert looked.complaints == []
    await page.context.close()
