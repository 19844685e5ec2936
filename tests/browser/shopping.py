"""A shop on a real port and a Chromium that looks at it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from entrepot.kernel.units import unit
from entrepot.modules.identity.commands import people
from entrepot.testing.world import PASSWORD, Person, World, one_process, running

CHROMIUM = "/usr/bin/chromium"
QUIETLY = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
SHOTS = Path(__file__).parent / "screenshots"
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Shop:
    """A running house with one tenant in it, and how to get in."""

    url: str
    world: World
    person: Person
    email: str


async def open_shop(world: World, port: int) -> Shop:
    """A tenant with something on every page."""
    person = await world.tenant("harbour")
    house = world.house_of("identity")
    async with unit(house, person.tenant) as ctx:
        await people.create_user(ctx, "petra@harbour.test", "Petra van Dijk", PASSWORD, ["admin"])
    await person.post(
        "/roles", {"code": "seller", "name": "Seller", "permissions": ["users.view", "custom.view", "custom.edit"]}
    )
    await person.post("/roles", {"code": "keeper", "name": "Stock keeper", "permissions": ["custom.view"]})
    for name, email, roles in (
        ("Anna de Vries", "anna@harbour.test", ["seller"]),
        ("Bram Jansen", "bram@harbour.test", ["seller", "keeper"]),
        ("Chantal Bakker", "chantal@harbour.test", ["keeper"]),
        ("Daan Visser", "daan@harbour.test", []),
    ):
        await person.post("/users", {"email": email, "name": name, "roles": roles})
    await person.post("/business-entities", {"code": "ZAP", "name": "Zaptec Shop", "vat_number": "NL001234567B01"})
    await person.post("/api-keys", {"name": "Web shop", "scopes": ["users.view", "custom.*"]})
    await person.put("/settings/platform.timezone", {"value": "Europe/Amsterdam", "level": "tenant"})
    await person.post(
        "/custom-objects",
        {"code": "visit", "label": {"en": "Visits", "nl": "Bezoeken"}, "statuses": ["planned", "done"]},
    )
    await person.post(
        "/custom-fields",
        {
            "object": "visit",
            "name": "address",
            "kind": "text",
            "label": {"en": "Address", "nl": "Adres"},
            "required": True,
        },
    )
    await person.post(
        "/custom-fields", {"object": "visit", "name": "on", "kind": "date", "label": {"en": "Day", "nl": "Dag"}}
    )
    for name, address in (
        ("Meter at Keizersgracht", "Keizersgracht 12, Amsterdam"),
        ("Charger in Gouda", "Markt 3, Gouda"),
    ):
        await person.post(
            "/custom-rows", {"object": "visit", "name": name, "custom": {"address": address, "on": "2026-03-04"}}
        )
    await open_trade(person)
    await world.settle()
    return Shop(f"http://127.0.0.1:{port}", world, person, "petra@harbour.test")


async def open_trade(person: Person) -> None:
    """Products, stock, customers and a few sales at the till."""
    for sku, name, price in (
        ("ZAP-GO", "Zaptec Go charging station", "649.00"),
        ("CBL-T2-5", "Charging cable type 2, 5 m", "149.95"),
        ("INST-HOME", "Installation at home", "395.00"),
    ):
        kind = "service" if sku.startswith("INST") else "stocked"
        await person.post("/products", {"name": name, "sku": sku, "price": price, "kind": kind})
    for sku, quantity in (("ZAP-GO", "25"), ("CBL-T2-5", "40")):
        await person.post(
            "/inventory/adjust", {"sku": sku, "quantity": quantity, "reason": "opening", "unit_cost": "310.00"}
        )
    await person.post("/customers", {"name": "Bakkerij Jansen BV", "email": "info@jansen.test", "segment": "business"})
    await person.post("/customers", {"name": "Sanne Mulder", "email": "sanne@home.test", "type": "person"})
    for quantity in ("1", "2"):
        await person.post(
            "/orders/pos",
            {
                "store_id": "gouda",
                "terminal_id": "1",
                "cashier_id": "petra",
                "lines": [{"sku": "ZAP-GO", "quantity": quantity}, {"sku": "CBL-T2-5", "quantity": "1"}],
                "payments": [{"method": "card"}],
            },
        )
    await open_trouble(person)


async def open_trouble(person: Person) -> None:
    """Something on hold, something running low, something sold that was not there, an entry to post."""
    await person.world.settle()
    order = (await person.get("/orders"))[0]
    hold = {"entity_type": "order", "entity_id": order["id"], "aspect": "ship", "reason_category": "address"}
    await person.post("/holds", {**hold, "reason_details": "There is no such street in Gouda."})
    await person.post("/holds", {**hold, "aspect": "bill", "reason_category": "credit"})
    await person.post("/inventory/threshold", {"sku": "CBL-T2-5", "low_at": "39"})
    await person.post(f"/orders/pos/{order['id']}/receipt")
    offline = {
        "lines": [{"sku": "ZAP-GO", "quantity": "30"}],
        "payments": [{"method": "card"}],
        "client_id": "market-1",
        "offline_at": "2026-11-19T10:00:00Z",
    }
    await person.post("/orders/pos/sync", {"sales": [offline]})
    lines = [{"account": "6100", "debit": "12.50"}, {"account": "1000", "credit": "12.50"}]
    await person.post(
        "/accounting/journal-entries", {"date": "2026-11-02", "description": "Coins that rolled away", "lines": lines}
    )


@pytest.fixture(scope="session")
async def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with running(await one_process(server, tmp_path_factory.mktemp("home"))) as world:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        _, web = next(iter(world.houses.values()))
        serving = uvicorn.Server(uvicorn.Config(web, port=port, log_level="warning", lifespan="off", access_log=False))
        task = asyncio.create_task(serving.serve())
        while not serving.started:
            await asyncio.sleep(0.02)
        try:
            yield await open_shop(world, port)
        finally:
            serving.should_exit = True
            await task


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield browser
        await browser.close()


class Looking:
    """A page that remembers what the console said."""

    def __init__(self, page: Page, shop: Shop) -> None:
        self.page = page
        self.shop = shop
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    async def go(self, path: str) -> None:
        await self.page.goto(self.shop.url + path, wait_until="load")

    async def log_in(self) -> None:
        await self.go("/login")
        await self.page.fill("#email", self.shop.email)
        await self.page.fill("#password", PASSWORD)
        await self.page.click("button.btn-primary")
        await self.page.wait_for_url(self.shop.url + "/")

    async def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA. It runs outside the page's policy, as a browser's own tool."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        return [
            f"{v['id']}: {v['nodes'][0]['html'][:160]} {v['nodes'][0]['failureSummary'][:300]}"
            for v in found["violations"]
        ]


async def looking(
    chromium: Browser, shop: Shop, *, wide: bool = True, dark: bool = False, dutch: bool = False
) -> Looking:
    """A window of one shape, light or dark, in one language."""
    context = await chromium.new_context(
        viewport={"width": 1400, "height": 900} if wide else {"width": 390, "height": 844},
        color_scheme="dark" if dark else "light",
        locale="nl-NL" if dutch else "en-GB",
        reduced_motion="reduce",
    )
    await context.add_cookies([{"name": "entrepot_locale", "value": "nl" if dutch else "en", "url": shop.url}])
    return Looking(await context.new_page(), shop)
