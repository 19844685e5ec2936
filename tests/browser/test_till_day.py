"""A day of a cashier at the till: PIN, opening, selling, taking back, mailing, counting, and what the ledger says."""

from __future__ import annotations

import email
import email.policy
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect
from shopping import SHOTS, Looking, Shop, looking
from tilling import lamp, open_till, sell

from entrepot.testing.world import PASSWORD

pytestmark = pytest.mark.browser

CHIEF = ["pos.*", "orders.*"]
# What this browser writes to the outbox is known to be on the disk only when `released`. What it writes elsewhere is not held up,
# as it would be by a transaction: there are browsers that write one at a time.
HOLD = """() => {
  const { get, set } = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "oncomplete");
  Object.defineProperty(IDBTransaction.prototype, "oncomplete", {
    get,
    set(told) {
      const later = (event) => (window.released ? told.call(this, event) : setTimeout(later, 20, event));
      set.call(this, this.mode === "readwrite" && this.objectStoreNames.contains("outbox") ? later : told);
    },
  });
}"""


@pytest.fixture
async def day(chromium: Browser, shop: Shop) -> AsyncIterator[tuple[Looking, str]]:
    """A till of its own, with something of its own to sell."""
    looked = await looking(chromium, shop)
    await looked.page.set_viewport_size({"width": 1280, "height": 860})
    sku = await lamp(shop, 50)
    await looked.log_in()
    await open_till(looked)
    yield looked, sku
    await looked.page.context.close()


async def cashier(shop: Shop, name: str, permissions: list[str], pin: str) -> str:
    code = f"r{random.randrange(10**9)}"
    await shop.person.post("/roles", {"code": code, "name": code, "permissions": permissions}, status=201)
    made = await shop.person.post(
        "/users", {"email": f"{code}@harbour.test", "name": name, "roles": [code]}, status=201
    )
    await shop.person.put(f"/users/{made['id']}/pin", {"pin": pin})
    return str(made["id"])


async def take_over(page: Page, name: str, pin: str) -> None:
    if not await page.locator("#till-crew[open]").count():
        await page.click("[data-tool=crew]")
    await page.click(f".till-people button:has-text('{name}')")
    for digit in pin:
        await page.click(f"[data-digit='{digit}']")
    await page.click("#till-pin-ok")
    await expect(page.locator("#till-crew")).to_be_hidden()


async def sell_by(page: Page, sku: str, method: str) -> None:
    """One piece, by touch, up to the receipt."""
    await page.fill("#till-search", sku)
    await page.press("#till-search", "Enter")
    await page.click("#till-pay")
    await page.click(f"[data-method={method}]")
    await page.click("#till-finish")
    await page.wait_for_selector("#till-next")


async def looked_at(looked: Looking, name: str) -> None:
    await looked.page.screenshot(path=SHOTS / f"till-day-{name}.png")
    assert await looked.violations() == []


def mail_to(shop: Shop, address: str) -> list[Any]:
    folder = Path(shop.world.house_of("orders").config.folder) / "mail"
    files = sorted(folder.glob("*.eml")) if folder.exists() else []
    found = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    return [letter for letter in found if letter["To"] == address]


@pytest.mark.covers("ORD-100", "ORD-101", "ORD-103")
async def test_a_day_at_the_till(day: tuple[Looking, str], shop: Shop) -> None:
    looked, sku = day
    page = looked.page
    chief = f"Chris {sku[-4:]}"
    await cashier(shop, chief, CHIEF, "2580")
    await page.click("[data-tool=crew]")
    await expect(page.locator(".till-people button").first).to_be_visible()
    await looked_at(looked, "cashiers")
    await page.click(f".till-people button:has-text('{chief}')")
    await looked_at(looked, "pin")
    await page.keyboard.type("9999")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-pin-problem")).to_have_text("this PIN is not right")
    await page.keyboard.press("Escape")
    await take_over(page, chief, "2580")
    await expect(page.locator("#till-cashier")).to_have_text(chief)

    await page.click("[data-tool=drawer]")
    await looked_at(looked, "opening")
    await page.fill("#till-float", "150,00")
    await page.click("#till-drawer .till-finish")
    await expect(page.locator("#till-shift")).to_have_text("Shift open")

    await sell_by(page, sku, "cash")
    number = await page.inner_text(".till-receipt #till-number")
    await page.click("#till-mail")
    await page.fill("#till-address", "no address")
    await page.click("#till-amount .till-finish")
    await expect(page.locator("#till-amount .app-problem")).to_have_text("this is not an e-mail address")
    await looked_at(looked, "mail")
    address = f"ann{sku[-4:]}@customer.test"
    await page.fill("#till-address", address)
    await page.click("#till-amount .till-finish")
    await expect(page.locator("#till-amount")).to_be_hidden()
    await page.click("#till-next")
    await sell_by(page, sku, "card")
    await page.click("#till-next")
    await shop.world.settle()
    [letter] = mail_to(shop, address)
    assert [a.get_filename() for a in letter.iter_attachments()] == [f"{number}.pdf"]

    await page.keyboard.press("F3")
    await expect(page.locator(f"[data-number='{number}']")).to_be_visible()
    await looked_at(looked, "earlier")
    await page.fill("#till-returns-search", number)
    await page.press("#till-returns-search", "Enter")
    await page.wait_for_selector("#till-return-all")
    await page.click("[data-step=more]")
    await page.click("[data-step=more]")
    await expect(page.locator("#till-back-1")).to_have_text("1")
    await expect(page.locator("#till-return-total")).to_have_text("€12.10")
    await page.fill("#till-return-reason", "does not light")
    await looked_at(looked, "return")
    await page.click("#till-returns .till-finish")
    await expect(page.locator("#till-change")).to_have_text("€12.10")
    await looked_at(looked, "credit")
    credit = await page.inner_text(".till-receipt #till-number")
    await page.click("#till-next")
    (given,) = [o for o in await shop.person.get(f"/orders/pos?q={credit}") if o["number"] == credit]
    assert (given["kind"], given["total"], given["cashier_id"]) == ("credit", "-12.10", chief)
    await sell_by(page, sku, "cash")
    await page.click("#till-next")

    await page.click("[data-tool=drawer]")
    await looked_at(looked, "drawer")
    await page.click("#till-drawer button:has-text('Pay out')")
    await page.fill("#till-moved", "4,60")
    await page.check("[name=till-purpose][value=expense]")
    await page.fill("#till-reason", "coffee for the customers")
    await looked_at(looked, "pay-out")
    await page.click("#till-drawer .till-finish")
    await page.click("#till-drawer button:has-text('X-report')")
    await expect(page.locator("#till-drawer .till-report")).to_contain_text("€157.50")
    await looked_at(looked, "x-report")
    await page.click("#till-report-ready")
    await page.click("[data-tool=drawer]")
    await page.click("#till-drawer button:has-text('Close the shift')")
    await page.fill("[id='till-count-50']", "3")
    await page.fill("[id='till-count-2']", "3")
    await page.fill("[id='till-count-0.50']", "2")
    assert await page.input_value("#till-counted") == "157.00"
    await page.fill("#till-closing", "150")
    await looked_at(looked, "counting")
    await page.click("#till-drawer .till-finish")
    await expect(page.locator("#till-drawer #till-report-number")).to_have_text(re.compile(r"^Z-\d{4}-\d{4}$"))
    z = await page.inner_text("#till-drawer #till-report-number")
    await expect(page.locator("#till-drawer .till-differs")).to_contain_text("€0.50")
    await looked_at(looked, "z-report")
    await page.emulate_media(media="print")
    await page.screenshot(path=SHOTS / "till-day-z-paper.png")
    await page.emulate_media(media="screen")
    await page.click("#till-report-ready")
    await expect(page.locator("#till-shift")).to_have_text("No shift")

    (shift,) = [s for s in await shop.person.get("/pos/shifts") if s["number"] == z]
    report = await shop.person.get(f"/pos/shifts/{shift['id']}")
    assert (report["sales"], report["returns"], report["total"], report["difference"]) == (3, 1, "24.20", "-0.50")
    await shop.world.settle()
    await looked.go(f"/shifts/{shift['id']}")
    await looked_at(looked, "shift-page")
    await page.emulate_media(media="print")
    await page.screenshot(path=SHOTS / "till-day-shift-paper.png", full_page=True)
    await page.emulate_media(media="screen")
    (entry,) = [e for e in await shop.person.get("/accounting/journal-entries") if z in e["description"]]
    await looked.go(f"/accounting/journal-entries/{entry['id']}")
    await expect(page.locator("main")).to_contain_text("Cash differences")
    await page.screenshot(path=SHOTS / "till-day-entry.png")
    lines = (await shop.person.get(f"/accounting/journal-entries/{entry['id']}"))["lines"]
    assert sorted((line["account"], line["debit"], line["credit"]) for line in lines) == [
        ("1000", "0", "7.50"),
        ("1040", "7.00", "0"),
        ("6100", "0.50", "0"),
    ]
    assert [c for c in looked.complaints if "422" not in c] == []


@pytest.mark.parametrize(("wide", "dark", "dutch"), [(True, True, True), (False, False, True), (False, True, False)])
async def test_the_dialogs_look_right_in_every_shape(
    chromium: Browser, shop: Shop, wide: bool, dark: bool, dutch: bool
) -> None:
    sku = await lamp(shop, 50)
    who = f"Jo {sku[-4:]}"
    await cashier(shop, who, CHIEF, "7410")
    looked = await looking(chromium, shop, wide=wide, dark=dark, dutch=dutch)
    page = looked.page
    name = f"{'wide' if wide else 'phone'}-{'dark' if dark else 'light'}-{'nl' if dutch else 'en'}"

    async def seen(what: str) -> None:
        await looked_at(looked, f"{what}-{name}")

    await looked.log_in()
    await open_till(looked)
    await page.click("[data-tool=crew]")
    await page.click(f".till-people button:has-text('{who}')")
    await seen("pin")
    await page.keyboard.type("7410")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-crew")).to_be_hidden()
    await page.click("[data-tool=drawer]")
    await seen("opening")
    await page.fill("#till-float", "100")
    await page.press("#till-float", "Enter")
    await expect(page.locator("#till-drawer")).to_be_hidden()
    await sell(page, sku)
    await page.keyboard.press("Enter")
    await seen("till")
    await page.keyboard.press("F3")
    await page.locator("#till-returns-list .btn-primary").first.click()
    await page.click("#till-return-all")
    await expect(page.locator("#till-return-total")).to_contain_text("12")
    await seen("return")
    await page.keyboard.press("Escape")
    await page.click("[data-tool=drawer]")
    await seen("drawer")
    await page.click("#till-drawer .till-choices .btn >> nth=0")
    await seen("pay-in")
    await page.keyboard.press("Escape")
    await page.click("[data-tool=drawer]")
    await page.click("#till-drawer .till-choices .btn >> nth=3")
    await seen("counting")
    await page.fill("#till-counted", "112.10")
    await page.press("#till-counted", "Enter")
    await expect(page.locator("#till-report-ready")).to_be_visible()
    await seen("z-report")
    await page.click("#till-report-ready")
    await page.click("[data-tool=crew]")
    await page.click("#till-lock")
    await expect(page.locator("#till-lock")).to_have_count(0)
    await expect(page.locator(".till-people button").first).to_be_visible()
    await seen("locked")
    await page.keyboard.press("Escape")
    await expect(page.locator("#till-crew")).to_be_visible()
    (shift,) = await shop.person.get(f"/pos/shifts?cashier_id={who.replace(' ', '%20')}")
    assert (shift["counted"], shift["difference"]) == ("112.10", "0.00")
    await looked.go("/shifts")
    await seen("shifts")
    await looked.go(f"/shifts/{shift['id']}")
    await seen("shift")
    await looked.go("/me")
    await seen("me")
    assert looked.complaints == []
    await page.context.close()


async def test_who_may_less_gets_no_discount_through(day: tuple[Looking, str], shop: Shop) -> None:
    looked, sku = day
    page = looked.page
    chief, clerk = f"Chief {sku[-4:]}", f"Clerk {sku[-4:]}"
    await cashier(shop, chief, CHIEF, "2580")
    await cashier(shop, clerk, ["pos.sell"], "1470")
    await take_over(page, chief, "2580")
    await page.fill("#till-search", sku)
    await page.press("#till-search", "Enter")
    await page.keyboard.press("F8")
    await page.fill("#till-amount-field", "2.10")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-total")).to_have_text("€10.00")
    await take_over(page, clerk, "1470")
    await expect(page.locator("[data-tool=discount]")).to_be_hidden()
    await page.keyboard.press("F8")
    await expect(page.locator("#till-amount")).to_be_hidden()
    await page.keyboard.press("F9")
    await page.press("#till-given", "Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-problem")).to_have_text("you need the permission orders.price for this")
    await page.keyboard.press("Escape")
    await page.click("[data-tool=drawer]")
    await expect(page.locator("#till-drawer")).to_contain_text("Somebody who may open shifts must do so.")
    await page.keyboard.press("Escape")
    await take_over(page, chief, "2580")
    await page.keyboard.press("F9")
    await page.press("#till-given", "Enter")
    await page.keyboard.press("Enter")
    number = await page.inner_text(".till-receipt #till-number")
    (order,) = await shop.person.get(f"/orders/pos?q={number}")
    assert (order["total"], order["cashier_id"]) == ("10.00", chief)
    await page.keyboard.press("Enter")
    await take_over(page, clerk, "1470")
    await page.keyboard.press("F3")
    await page.click(f"[data-number='{number}']")
    await expect(page.locator("#till-returns")).to_contain_text("Somebody who may give money back must do this.")
    await page.click("#till-old-receipt")
    await expect(page.locator(".till-receipt #till-number")).to_have_text(number)
    await expect(page.locator(".till-receipt")).to_contain_text("€10.00")


async def test_a_lock_holds_in_every_tab_and_after_a_reload(day: tuple[Looking, str], shop: Shop) -> None:
    looked, sku = day
    page = looked.page
    who = f"Jo {sku[-4:]}"
    user_id = await cashier(shop, who, CHIEF, "2580")
    await take_over(page, who, "2580")
    await expect(page.locator("#till-cashier")).to_have_text(who)
    other = Looking(await page.context.new_page(), shop)
    await open_till(other)
    await expect(other.page.locator("#till-cashier")).to_have_text(who)
    await other.page.click("[data-tool=crew]")
    await other.page.click("#till-lock")
    for tab in (other.page, page):
        await expect(tab.locator("#till-crew h2")).to_have_text("The till is locked")
        for _ in range(3):
            await tab.keyboard.press("Escape")
        await expect(tab.locator("#till-crew h2")).to_be_visible()
    await page.bring_to_front()
    await page.reload()
    await expect(page.locator("#till-crew h2")).to_have_text("The till is locked")
    await take_over(page, who, "2580")
    for tab in (page, other.page):
        await expect(tab.locator("#till-crew")).to_be_hidden()
        await expect(tab.locator("#till-cashier")).to_have_text(who)
    # A PIN that is changed elsewhere locks out whoever came in with the old one; what they sold is kept.
    await shop.person.put(f"/users/{user_id}/pin", {"pin": "9630"})
    await page.bring_to_front()
    await page.fill("#till-search", sku)
    await page.press("#till-search", "Enter")
    await page.keyboard.press("F9")
    await page.press("#till-given", "Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-crew")).to_contain_text("The log-in of the cashier has ended.")
    await take_over(page, who, "9630")
    await page.click("#till-next")
    await expect(page.locator("#till-state-words")).to_have_text("Online", timeout=20_000)
    orders = await shop.person.get(f"/orders/pos?cashier_id={who.replace(' ', '%20')}")
    assert [order["total"] for order in orders] == ["12.10"]
    # Who logs in with a password opens the lock as themselves.
    await page.click("[data-tool=crew]")
    await page.click("#till-lock")
    await page.click("#till-crew a:has-text('Log in')")
    await page.fill("#email", shop.email)
    await page.fill("#password", PASSWORD)
    await page.click("button.btn-primary")
    await page.wait_for_selector("#till[data-ready]")
    await expect(page.locator("#till-crew")).to_be_hidden()
    await expect(page.locator("#till-cashier")).to_have_text("Petra van Dijk")


async def test_a_lock_does_not_disturb_who_types_a_pin(day: tuple[Looking, str], shop: Shop) -> None:
    looked, sku = day
    page = looked.page
    who = f"Jo {sku[-4:]}"
    user_id = await cashier(shop, who, CHIEF, "2580")
    await take_over(page, who, "2580")
    await shop.person.put(f"/users/{user_id}/pin", {"pin": "9630"})

    async def on_a_slow_disk(route: Route) -> None:
        # Whatever is written to the outbox waits: the till is locked long before the receipt is shown.
        await page.evaluate(HOLD)
        await route.continue_()

    await page.route("**/orders/pos", on_a_slow_disk)
    await page.fill("#till-search", sku)
    await page.press("#till-search", "Enter")
    await page.keyboard.press("F9")
    await page.press("#till-given", "Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("#till-crew")).to_contain_text("The log-in of the cashier has ended.")
    await page.click(f".till-people button:has-text('{who}')")
    for digit in "96":
        await page.click(f"[data-digit='{digit}']")
    await expect(page.locator("#till-receipt")).not_to_have_attribute("open", "")
    await page.evaluate("window.released = true")
    await expect(page.locator("#till-receipt")).to_have_attribute("open", "")
    await expect(page.locator("#till-pin")).to_be_focused()
    await expect(page.locator("#till-pin")).to_have_value("96")
    for digit in "30":
        await page.click(f"[data-digit='{digit}']")
    await page.click("#till-pin-ok")
    await expect(page.locator("#till-crew")).to_be_hidden()
    await page.click("#till-next")
    await expect(page.locator("#till-cashier")).to_have_text(who)


async def test_without_network_it_says_what_must_wait(day: tuple[Looking, str], shop: Shop) -> None:
    looked, sku = day
    page = looked.page
    who = f"Jo {sku[-4:]}"
    await cashier(shop, who, CHIEF, "2580")
    await take_over(page, who, "2580")
    await page.click("[data-tool=drawer]")
    await page.fill("#till-float", "20")
    await page.press("#till-float", "Enter")
    await expect(page.locator("#till-shift")).to_have_text("Shift open")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.context.set_offline(True)
    await page.reload()
    await page.wait_for_selector("#till[data-ready]")
    await expect(page.locator("#till-cashier")).to_have_text(who)
    await expect(page.locator("#till-shift")).to_have_text("Shift open")
    await page.click("[data-tool=crew]")
    await expect(page.locator("#till-crew")).to_contain_text("Without connection nobody can take over")
    await expect(page.locator("#till-lock")).to_have_count(0)
    await looked_at(looked, "offline-cashiers")
    await page.keyboard.press("Escape")
    await page.keyboard.press("F3")
    await expect(page.locator("#till-returns")).to_contain_text("Returns need a connection")
    await looked_at(looked, "offline-returns")
    await page.keyboard.press("Escape")
    await page.click("[data-tool=drawer]")
    await expect(page.locator("#till-drawer")).to_contain_text("Without connection the drawer stays as it is")
    await expect(page.locator("#till-drawer .till-choices .btn").first).to_be_disabled()
    await page.keyboard.press("Escape")
    await sell(page, sku)
    await page.keyboard.press("Enter")
    (shift,) = await shop.person.get(f"/pos/shifts?cashier_id={who.replace(' ', '%20')}")
    closed = await shop.person.post(f"/pos/shifts/{shift['id']}/close", {"counted": "32.10"})
    assert (closed["sales"], closed["expected"], closed["difference"]) == (0, "20.00", "12.10")
    await page.context.set_offline(False)
    await expect(page.locator("#till-state-words")).to_have_text("Online", timeout=20_000)
    await expect(page.locator("#till-shift")).to_have_text("No shift")
    assert (await shop.person.get(f"/pos/shifts/{shift['id']}"))["uncounted"] == 1
    await page.click("[data-tool=drawer]")
    await expect(page.locator("#till-float")).to_have_value("32.10")
    await page.press("#till-float", "Enter")
    await expect(page.locator("#till-shift")).to_have_text("Shift open")
    await page.click("[data-tool=drawer]")
    await page.click("#till-drawer button:has-text('X-report')")
    await expect(page.locator("#till-drawer .till-report")).to_contain_text("Of which late (1)")


async def test_a_till_that_needs_a_shift_asks_for_it_before_it_is_paid(day: tuple[Looking, str], shop: Shop) -> None:
    looked, sku = day
    page = looked.page
    setting = "/settings/orders.till_needs_shift"
    await shop.person.put(setting, {"value": True, "level": "tenant"})
    try:
        await page.reload()
        await page.wait_for_selector("#till[data-ready]")
        await page.fill("#till-search", sku)
        await page.press("#till-search", "Enter")
        await page.keyboard.press("F9")
        await expect(page.locator("#till-paying")).to_be_hidden()
        await expect(page.locator("#till-drawer")).to_contain_text("Open a shift first")
        await page.fill("#till-float", "5")
        await page.press("#till-float", "Enter")
        await expect(page.locator("#till-drawer")).to_be_hidden()
        await page.keyboard.press("F9")
        await expect(page.locator("#till-paying")).to_be_visible()
    finally:
        await shop.person.put(setting, {"value": False, "level": "tenant"})
