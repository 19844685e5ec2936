"""Every page in four shapes: nothing in the console, nothing against WCAG 2.2 AA, and a picture to look at."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect
from shopping import SHOTS, Looking, Shop, looking

from entrepot.kernel.ui.site import Site
from entrepot.testing.world import PASSWORD

pytestmark = pytest.mark.browser

# Every page in the first and last shape, a few of each kind in the others.
FEW = (
    "/",
    "/orders",
    "/stuck",
    "/notices",
    "/layouts",
    "/layouts?object=order&page=detail",
    "/users/new",
    "/settings",
    "/gallery",
    "/reports/sales",
)
SHAPES = {
    "wide light en": {"wide": True, "dark": False, "dutch": False},
    "wide dark nl": {"wide": True, "dark": True, "dutch": True},
    "phone light en": {"wide": False, "dark": False, "dutch": False},
    "phone dark nl": {"wide": False, "dark": True, "dutch": True},
}


async def paths_of(shop: Shop) -> list[str]:
    """Every page that can be opened: those without a parameter, and one of each kind with."""
    house, _ = next(iter(shop.world.houses.values()))
    site = Site(house.catalogue)
    first = {
        "/users/{user_id}": "/users", "/roles/{role_id}": "/roles", "/api-keys/{key_id}": "/api-keys",
        "/business-entities/{entity_id}": "/business-entities", "/orders/{order_id}": "/orders",
        "/customers/{customer_id}": "/customers", "/warehouses/{warehouse_id}": "/warehouses",
        "/accounting/accounts/{account_id}": "/accounting/accounts",
        "/accounting/journal-entries/{entry_id}": "/accounting/journal-entries",
        "/custom-fields/{field_id}": "/custom-fields", "/payments/{payment_id}": "/payments",
        "/documents/{document_id}": "/documents",
    }  # fmt: skip
    found = [place.path for place in site.places if not place.parameters and place.path.split("/")[-2:-1] != ["all"]]
    for pattern, listed in first.items():
        row = (await shop.person.get(listed))[0]
        found.append(re.sub(r"\{\w+\}", row["id"], pattern))
    found += ["/", "/me", "/gallery", "/objects/visit", "/objects/visit/new", "/stock/ZAP-GO", "/users?q=nobody"]
    found += ["/layouts?object=customer&page=detail", "/layouts?object=product&page=form", "/stuck?entity=order"]
    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.timeout(600)
async def test_every_page_is_quiet_and_accessible(chromium: Browser, shop: Shop, shape: str) -> None:
    looked = await looking(chromium, shop, **SHAPES[shape])
    await looked.log_in()
    wrong: dict[str, list[str]] = {}
    SHOTS.mkdir(exist_ok=True)
    whole = shape in ("wide light en", "phone dark nl")
    for path in await paths_of(shop) if whole else FEW:
        looked.complaints.clear()
        await looked.go(path)
        found = await looked.violations() + looked.complaints
        if found:
            wrong[path] = found
        name = (
            re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "one", path)
            .strip("/")
            .replace("/", "_")
            .replace("?", "_")
            .replace("&", "_")
            or "home"
        )
        await looked.page.screenshot(path=SHOTS / f"{shape.replace(' ', '-')}-{name}.png", full_page=True)
    assert wrong == {}
    await looked.page.context.close()


@pytest.fixture
async def window(chromium: Browser, shop: Shop) -> Looking:
    looked = await looking(chromium, shop)
    await looked.log_in()
    return looked


async def test_log_in_and_error_pages_are_accessible(chromium: Browser, shop: Shop) -> None:
    looked = await looking(chromium, shop)
    await looked.go("/login")
    assert await looked.violations() == []
    for path in ("/forgot", "/reset?token=x"):
        await looked.go(path)
        assert await looked.violations() == []
    await looked.log_in()
    await looked.go("/nothing/here")
    assert await looked.violations() == []
    assert await looked.page.inner_text("h1") == "There is nothing here"
    await looked.page.context.close()


async def test_the_palette_opens_by_key_and_leads_somewhere(window: Looking) -> None:
    page = window.page
    await page.keyboard.press("Control+k")
    await page.keyboard.type("bram", delay=20)
    await page.wait_for_selector("#palette-results a:has-text('Bram Jansen')")
    assert await window.violations() == []
    await page.keyboard.press("Enter")
    await page.wait_for_selector("h1:has-text('Bram Jansen')")
    assert window.complaints == []


async def test_a_list_searches_while_one_types_and_keeps_the_address(window: Looking) -> None:
    page = window.page
    await window.go("/users")
    await page.click("#list-search")
    await page.keyboard.type("chan", delay=20)
    await expect(page.locator(".app-table tbody tr")).to_have_count(1)
    await page.wait_for_url("**q=chan*")
    assert await page.evaluate("document.activeElement.id") == "list-search"
    assert window.complaints == []


async def test_a_filter_and_a_saved_view(window: Looking) -> None:
    page = window.page
    await window.go("/users")
    await page.click(".app-list-tools summary >> nth=0")
    await page.select_option("#filter-active", "true")
    await page.click(".app-panel-foot .btn-primary >> visible=true")
    await page.wait_for_selector(".app-chip:has-text('Active')")
    await page.click(".app-list-tools summary >> nth=1")
    await page.fill("#view-name", "Only active")
    await page.click(".app-panel .btn-primary >> visible=true")
    await page.wait_for_selector(".app-toast-success")
    await page.click(".app-list-tools summary >> nth=1")
    assert await page.locator(".app-view a:has-text('Only active')").count() == 1


async def test_a_form_that_was_changed_asks_before_it_is_left(window: Looking) -> None:
    page = window.page
    await window.go("/customers/new")
    await page.fill("#f-name", "Half typed")
    assert await page.locator("form[data-guard][data-dirty]").count() == 1


async def test_lines_are_added_by_enter(window: Looking) -> None:
    page = window.page
    await window.go("/stock/transfer")
    await page.fill("[name='lines-0-sku']", "ZAP-GO")
    await page.keyboard.press("Enter")
    assert await page.locator("[data-line]").count() == 2
    assert await page.evaluate("document.activeElement.name") == "lines-1-sku"
    assert window.complaints == []


async def test_what_cannot_be_undone_asks_first(window: Looking) -> None:
    page, person = window.page, window.shop.person
    key = await person.post("/api-keys", {"name": "To revoke", "scopes": ["users.view"]})
    await window.go(f"/api-keys/{key['id']}")
    await page.click("button:has-text('Revoke key')")
    await page.wait_for_selector("dialog[open]")
    await page.click("dialog[open] button[value=no]")
    assert (await person.get(f"/api-keys/{key['id']}"))["revoked_at"] is None
    await page.click("button:has-text('Revoke key')")
    await page.click("dialog[open] button[value=yes]")
    await page.wait_for_selector(".app-toast-success:has-text('The key is revoked')")
    assert (await person.get(f"/api-keys/{key['id']}"))["revoked_at"] is not None


async def test_dark_mode_and_the_sheet_of_shortcuts(window: Looking) -> None:
    page = window.page
    await window.go("/users")
    await page.click("[data-theme-toggle]")
    assert await page.get_attribute("html", "data-bs-theme") == "dark"
    await page.keyboard.press("?")
    await page.wait_for_selector("dialog.app-shortcuts[open]")
    assert await window.violations() == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await page.wait_for_url("**/users/new")
    assert window.complaints == []


async def test_pages_work_without_a_script(chromium: Browser, shop: Shop) -> None:
    context = await chromium.new_context(java_script_enabled=False, locale="en-GB")
    page = await context.new_page()
    await page.goto(shop.url + "/login")
    await page.fill("#email", shop.email)
    await page.fill("#password", PASSWORD)
    await page.click("button.btn-primary")
    await page.goto(shop.url + "/users")
    await page.click("a.app-sort:has-text('Name')")
    assert "sort=name" in page.url
    await page.goto(shop.url + "/users/new")
    await page.fill("#f-name", "Nel Noscript")
    await page.fill("#f-email", "nel@harbour.test")
    await page.click(".app-form-foot .btn-primary")
    assert await page.inner_text("h1") == "Nel Noscript"
    await context.close()


async def test_a_passkey_is_added_and_opens_the_door(chromium: Browser, shop: Shop) -> None:
    looked = await looking(chromium, shop)
    looked.shop = Shop(shop.url.replace("127.0.0.1", "localhost"), shop.world, shop.person, shop.email)
    page = looked.page
    tools = await page.context.new_cdp_session(page)
    await tools.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    await tools.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    await looked.log_in()
    await looked.go("/me")
    await page.fill("#passkey-name", "Petra's phone")
    await page.click("form[data-passkey] button")
    await page.wait_for_selector(".app-toast-success:has-text('The passkey is added')")
    assert "Petra's phone" in await page.inner_text("main")
    await page.click("details:has(.app-face) summary")
    await page.click("button:has-text('Log out')")
    await page.wait_for_url("**/login")
    await page.click("button:has-text('Log in with a passkey')")
    await page.wait_for_url(looked.shop.url + "/")
    assert looked.complaints == []
    await page.context.close()
