"""The screens people work with: the dashboard's charts, the bell, what is stuck, several rows at once, layouts."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect
from shopping import Looking, Shop, looking

pytestmark = pytest.mark.browser


@pytest.fixture
async def window(chromium: Browser, shop: Shop) -> Looking:
    looked = await looking(chromium, shop)
    await looked.log_in()
    return looked


async def test_the_charts_are_drawn_and_a_bar_leads_to_its_rows(window: Looking) -> None:
    page = window.page
    await expect(page.locator(".app-chart canvas")).to_have_count(3)
    day = page.locator("section", has=page.locator("h2", has_text="Sales per day"))
    await day.locator("summary").click()
    last = day.locator(".app-ranking li").last
    amount = await last.locator(".app-figure").inner_text()
    canvas = await day.locator("canvas").bounding_box()
    assert canvas is not None
    await page.mouse.click(canvas["x"] + canvas["width"] - 26, canvas["y"] + canvas["height"] - 40)
    await page.wait_for_url("**/orders?*placed_at__gte*")
    assert amount in await page.inner_text(".app-list-foot")
    assert window.complaints == []


async def test_the_bell_counts_opens_and_is_read_by_keyboard(window: Looking) -> None:
    page = window.page
    await page.wait_for_selector(".app-bell-count")
    assert int(await page.inner_text(".app-bell-count")) >= 3
    await page.focus(".app-bell-button")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".app-notice-new")
    assert "were sold that were not there" in await page.inner_text("#bell")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/(stock|stock-shortages|go|orders)"))
    await page.wait_for_selector(".app-bell-button")
    await page.click(".app-bell-button")
    await page.click("#bell button:has-text('Mark everything as read')")
    await page.wait_for_selector(".app-toast-success:has-text('Everything is read')")
    await expect(page.locator(".app-bell-count")).to_have_count(0)
    assert window.complaints == []


async def test_what_is_stuck_is_cleared_where_it_is_seen(window: Looking) -> None:
    page, person = window.page, window.shop.person
    order = (await person.get("/orders?limit=1"))[0]
    hold = {"entity_type": "order", "entity_id": order["id"], "aspect": "pay", "reason_category": "fraud"}
    await person.post("/holds", hold)
    await window.go("/stuck?entity=order")
    row = page.locator("tr", has_text="Pay is on hold: Fraud")
    await row.locator("button:has-text('Release')").click()
    await page.wait_for_selector(".app-toast-success:has-text('The hold is released')")
    await expect(page.locator("tr", has_text="Pay is on hold: Fraud")).to_have_count(0)
    await person.post("/holds", hold)
    await window.go(f"/orders/{order['id']}")
    await page.locator(".app-stuck-one", has_text="Pay is on hold").locator("button").click()
    await page.wait_for_selector(".app-toast-success:has-text('The hold is released')")
    await expect(page.locator(".app-stuck-one", has_text="Pay is on hold")).to_have_count(0)
    assert window.complaints == []


async def test_several_rows_are_chosen_and_archived_after_a_question(window: Looking) -> None:
    page, person = window.page, window.shop.person
    for sku in ("OLD-1", "OLD-2"):
        await person.post("/products", {"name": "Old one", "sku": sku, "price": "1.00", "kind": "stocked"})
    await window.go("/products?q=OLD-")
    await expect(page.locator(".app-bulk")).to_be_hidden()
    await page.check("input[data-select-all]")
    await expect(page.locator(".app-bulk")).to_contain_text("2 chosen")
    assert await window.violations() == []
    await page.click(".app-bulk button:has-text('Archive')")
    await page.wait_for_selector("dialog[open]")
    await page.click("dialog[open] button[value=yes]")
    await page.wait_for_selector(".app-toast-success:has-text('2 done')")
    states = [row["state"] for row in await person.get("/products?q=OLD-")]
    assert states == ["archived", "archived"]
    assert window.complaints == []


async def test_a_journal_entry_adds_up_while_it_is_typed(window: Looking) -> None:
    page = window.page
    await window.go("/accounting/journal-entries/new")
    await page.fill("[name='lines-0-debit']", "1250.50")
    await page.fill("[name='lines-1-credit']", "250.50")
    await page.wait_for_selector(".app-sum dd:has-text('1,000.00')")
    assert [text.split("\n")[-1] for text in await page.locator(".app-sum > div").all_inner_texts()] == [
        "1,250.50", "250.50", "1,000.00",
    ]  # fmt: skip
    await page.click("[data-line-add]")
    await page.fill("[name='lines-2-credit']", "1000")
    await page.wait_for_selector(".app-sum > div:last-child dd:has-text('0.00'):not(:has-text('1'))")
    assert window.complaints == []


async def test_a_layout_is_arranged_by_keyboard_by_pointer_and_by_number(window: Looking) -> None:
    page = window.page
    await window.go("/layouts?object=warehouse&page=list")
    names = page.locator("[data-arranged] .form-check-label")
    before = [text.strip() for text in await names.all_inner_texts()]
    await page.focus(f"[aria-label='Move {before[1]} up']")
    await page.keyboard.press("Enter")
    moved = [text.strip() for text in await names.all_inner_texts()]
    assert moved[:3] == [before[1], before[0], before[2]]
    assert await page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Move {before[1]} up"
    grip = await page.locator("[data-grip]").nth(2).bounding_box()
    target = await page.locator("[data-arranged]").first.bounding_box()
    assert grip is not None
    assert target is not None
    await page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    await page.mouse.down()
    for y in (grip["y"], target["y"] + 30, target["y"] + 20, target["y"] + 4):
        # The browser starts a drag, and tells what it is over, in its own time; a hand is never as fast as a script.
        await page.mouse.move(grip["x"] + 8, y, steps=6)
        await page.wait_for_timeout(150)
    await page.mouse.up()
    await expect(names.first).to_contain_text(before[2])
    values = await page.locator("[data-arranged] input[type=number]").evaluate_all("all => all.map(i => i.value)")
    assert values[:3] == ["10", "20", "30"]
    assert await window.violations() == []
    await page.click(".app-form-foot .btn-primary")
    await page.wait_for_selector(".app-toast-success:has-text('Saved')")
    await window.go("/warehouses")
    assert (await page.locator(".app-table th").first.inner_text()).strip() == before[2]
    await window.go("/layouts?object=warehouse&page=list")
    await page.click("button:has-text('Back to how it was')")
    await page.wait_for_selector(".app-toast-success:has-text('Back to how it was')")
    assert [text.strip() for text in await names.all_inner_texts()] == before
    assert window.complaints == []


async def test_layouts_and_the_bell_work_without_a_script(chromium: Browser, shop: Shop) -> None:
    from entrepot.testing.world import PASSWORD

    context = await chromium.new_context(java_script_enabled=False, locale="en-GB")
    page = await context.new_page()
    await page.goto(shop.url + "/login")
    await page.fill("#email", shop.email)
    await page.fill("#password", PASSWORD)
    await page.click("button.btn-primary")
    await page.goto(shop.url + "/layouts?object=customer&page=list")
    await page.fill("[name='position.status']", "1")
    await page.click(".app-form-foot .btn-primary")
    await page.goto(shop.url + "/customers")
    assert (await page.locator(".app-table th").first.inner_text()).strip() == "Status"
    await page.goto(shop.url + "/layouts?object=customer&page=list")
    await page.click("button:has-text('Back to how it was')")
    await page.goto(shop.url + "/notices")
    assert await page.inner_text("h1") == "Notifications"
    await context.close()
