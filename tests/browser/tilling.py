"""What every test of the till does: open it, have something to sell, and sell it by keys."""

from __future__ import annotations

import random

from playwright.async_api import Page
from shopping import Looking, Shop


async def open_till(looked: Looking) -> None:
    await looked.go("/pos")
    await looked.page.wait_for_selector("#till[data-ready]")
    await looked.page.evaluate("navigator.serviceWorker.ready.then(() => true)")


async def lamp(shop: Shop, quantity: int) -> str:
    """A product of its own with so much stock."""
    sku = f"LAMP-{random.randrange(10**9)}"
    await shop.person.post("/products", {"name": f"Desk lamp {sku[-4:]}", "sku": sku, "price": "12.10"}, status=201)
    await shop.world.settle()
    if quantity:
        stock = {"sku": sku, "quantity": str(quantity), "reason": "opening", "unit_cost": "4.00"}
        await shop.person.post("/inventory/adjust", stock)
        await shop.world.settle()
    return sku


async def sell(page: Page, sku: str) -> None:
    """One piece for cash, by keys alone, up to the receipt."""
    await page.fill("#till-search", sku)
    await page.press("#till-search", "Enter")
    await page.keyboard.press("F9")
    await page.press("#till-given", "Enter")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#till-next")
