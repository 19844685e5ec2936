"""Small makers for journeys at the till."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


async def product(
    person: Any, sku: str = "COFFEE", price: str = "2.50", stock: str = "10", cost: str = "0.80", **more: Any
) -> Any:
    """A product with so much stock (none when empty), known everywhere."""
    made = await person.post("/products", {"name": sku.title(), "sku": sku, "price": price, **more}, status=201)
    await person.world.settle()
    if stock:
        await person.post("/inventory/adjust", {"sku": sku, "quantity": stock, "reason": "opening", "unit_cost": cost})
        await person.world.settle()
    return made


def sale(*lines: tuple[str, str], **more: Any) -> dict[str, Any]:
    """The body of a sale paid by card."""
    return {
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "payments": [{"method": "card"}],
        **more,
    }


async def trial(person: Any) -> dict[str, Decimal]:
    """Balances by account, debit positive, once every event is handled."""
    await person.world.settle()
    rows = await person.get("/accounting/reports/trial-balance")
    return {row["code"]: Decimal(row["debit"]) - Decimal(row["credit"]) for row in rows}


async def on_hand(person: Any, sku: str) -> Decimal:
    return Decimal((await person.get(f"/inventory/{sku}"))["on_hand"])


async def everything(person: Any) -> dict[str, int]:
    """How many rows there are of what a sale makes; a refusal must not change it."""
    found = {}
    for path in ("/orders", "/payments", "/stock-moves", "/accounting/journal-entries", "/documents"):
        page = await person.call("GET", f"{path}?count=true&limit=1")
        found[path] = page.json()["total"]
    return found
