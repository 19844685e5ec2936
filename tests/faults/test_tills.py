"""Many tills for few goods, over two processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal

import httpx2
import pytest

from entrepot.testing.running import Running, at_once

MAKE_TENANT = """
import sys
from entrepot.cli.running import run
from entrepot.modules.identity.commands import people, tenancy
from entrepot.kernel.units import unit

async def make(house):
    tenant = await tenancy.create_tenant(house, "shop", "Shop")
    async with unit(house, tenant) as ctx:
        await people.create_user(ctx, "owner@shop.test", "Olga Owner", None, ["admin"])
    await house.relay.drain()

run(make)
"""


@pytest.fixture
def system() -> Iterator[Running]:
    running = Running.at_new_home()
    try:
        yield running
    finally:
        running.stop()


def make_tenant(running: Running) -> None:
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", MAKE_TENANT], env=running.environment(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def check(running: Running) -> list[dict[str, object]]:
    return json.loads(running.command("check", "--format", "json"))


@pytest.mark.covers("ORD-105", "ORD-108", "ORD-109", "INV-037", "INV-038", "INV-049")
async def test_two_hundred_tills_for_fifty_units_over_two_processes(system):
    first = system.start("up")
    make_tenant(system)
    second = system.start("serve")
    headers = {"authorization": f"Bearer {system.command('token')}"}
    limits = httpx2.Limits(max_connections=100)
    async with httpx2.AsyncClient(headers=headers, timeout=60, limits=limits) as client:

        async def post(url, path, body):
            return await client.post(f"{url}/api/v1{path}", json=body)

        made = await post(first, "/products", {"name": "Last tickets", "sku": "TICKET", "price": "10.00"})
        assert made.status_code == 201, made.text
        await post(
            first, "/inventory/adjust", {"sku": "TICKET", "quantity": "50", "unit_cost": "4.00", "reason": "opening"}
        )
        answers = await at_once(
            [
                post(
                    (first, second)[till % 2],
                    "/orders/pos",
                    {
                        "client_id": f"till-{till}",
                        "terminal_id": f"till-{till}",
                        "lines": [{"sku": "TICKET", "quantity": "1"}],
                        "payments": [{"method": "card"}],
                    },
                )
                for till in range(200)
            ]
        )
        sold = [a for a in answers if a.status_code == 201]
        refused = [a for a in answers if a.status_code == 409]
        assert (len(sold), len(refused)) == (50, 150), {a.status_code for a in answers}
        for answer in refused:
            assert answer.json()["available"] == [{"sku": "TICKET", "wanted": "1", "available": "0"}]
        assert len({a.json()["data"]["number"] for a in sold}) == 50
        for _ in range(200):
            rows = (await client.get(f"{first}/api/v1/accounting/reports/trial-balance")).json()["data"]
            balance = {row["code"]: (Decimal(row["debit"]), Decimal(row["credit"])) for row in rows}
            if balance.get("5000", (0, 0))[0] == 200 and balance.get("1020", (0, 0))[0] == 500:
                break
            await asyncio.sleep(0.05)
        assert balance == {
            "1020": (Decimal(500), 0),
            "2200": (0, Decimal(500) - balance["4000"][1]),
            "4000": (0, balance["4000"][1]),
            "5000": (Decimal(200), 0),
            "5100": (0, Decimal(200)),
        }
        assert balance["4000"][1] == sum(Decimal(a.json()["data"]["subtotal"]) for a in sold)
        stock = (await client.get(f"{second}/api/v1/inventory/TICKET")).json()["data"]
        assert (Decimal(stock["on_hand"]), Decimal(stock["reserved"])) == (0, 0)
        moves = (await client.get(f"{second}/api/v1/stock-moves?limit=200&sku=TICKET")).json()["data"]
        assert sum(Decimal(m["quantity"]) for m in moves) == 0
        assert sum(1 for m in moves if m["kind"] == "sale") == 50
    assert all(row["problems"] == [] for row in check(system))


@pytest.mark.covers("DEP-021")
async def test_a_second_up_on_the_same_home_is_refused(system):
    system.start("up")
    with pytest.raises(RuntimeError, match="in use"):
        system.start("up")
