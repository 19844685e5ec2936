"""The topology file for real: processes on databases of their own, events and calls between them by HTTP."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import httpx2
import pytest

from entrepot.testing.running import Running, free_port

PLAN = {
    "base": ["identity", "platform", "documents", "audit"],
    "goods": ["catalog", "inventory", "parties"],
    "money": ["payments", "accounting", "tax"],
    "orders": ["orders"],
}


@pytest.fixture
def system():
    running = Running.at_new_home()
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.timeout(300)
@pytest.mark.covers("DEP-002", "DEP-009", "DEP-010", "DEP-028", "DEP-032", "OBS-012", "PLT-025", "GTW-010")
async def test_a_sale_crosses_four_processes_and_four_databases(system):
    ports = {name: free_port() for name in PLAN}
    topology = system.home / "topology.toml"
    topology.write_text(
        "".join(
            f"[service.{name}]\nmodules = {modules!r}\nport = {ports[name]}\ndatabase = 'part_{name}'\n"
            for name, modules in PLAN.items()
        )
    )
    system.settings = {"ENTREPOT_TOPOLOGY": str(topology), "ENTREPOT_FAR_TIMEOUT": "20"}
    at = {name: system.start("serve", "--service", name, "--port", str(ports[name]), port=ports[name]) for name in PLAN}
    system.settings["ENTREPOT_SERVICE"] = "base"
    password = system.command("new-tenant", "acme", "Acme", "--admin", "ann@acme.test")
    async with httpx2.AsyncClient(timeout=60) as client:

        async def call(service, method, path, body=None):
            return await client.request(method, f"{at[service]}/api/v1{path}", json=body, headers=headers)

        async def until(service, path, wanted):
            """Events travel between processes: ask until the answer is the wanted one."""
            for _ in range(300):
                answer = await call(service, "GET", path)
                if answer.status_code == 200 and wanted(answer.json()["data"]):
                    return answer.json()["data"]
                await asyncio.sleep(0.05)
            raise AssertionError((path, answer.text))

        headers = {}
        token = await call("base", "POST", "/auth/token", {"email": "ann@acme.test", "password": password})
        headers = {"authorization": f"Bearer {token.json()['data']['access_token']}"}
        await until("goods", "/warehouses", lambda rows: len(rows) == 1)
        await until("money", "/tax/rates", lambda rows: len(rows) > 0)
        made = await call("goods", "POST", "/products", {"name": "Tea", "sku": "TEA", "price": "2.42"})
        assert made.status_code == 201, made.text
        stock = {"sku": "TEA", "quantity": "10", "unit_cost": "1", "reason": "opening"}
        assert (await call("goods", "POST", "/inventory/adjust", stock)).status_code == 200
        body = {"lines": [{"sku": "TEA", "quantity": "2"}], "payments": [{"method": "cash"}]}
        sold = await call("orders", "POST", "/orders/pos", body)
        assert sold.status_code == 201, sold.text
        too_many = {"lines": [{"sku": "TEA", "quantity": "20"}], "payments": [{"method": "cash"}]}
        refused = await call("orders", "POST", "/orders/pos", too_many)
        assert refused.status_code == 409
        assert refused.json()["available"] == [{"sku": "TEA", "wanted": "20", "available": "8"}]
        rows = await until("money", "/accounting/reports/trial-balance", lambda rows: len(rows) == 6)
        assert {row["code"]: Decimal(row["debit"]) - Decimal(row["credit"]) for row in rows} == {
            "1000": Decimal("4.84"),
            "1300": Decimal("8.00"),
            "2200": Decimal("-0.84"),
            "4000": Decimal("-4.00"),
            "5000": Decimal("2.00"),
            "5100": Decimal("-10.00"),
        }
        assert len((await call("money", "GET", "/payments")).json()["data"]) == 1
        assert len((await call("orders", "GET", "/orders")).json()["data"]) == 1
        for service, url in at.items():
            ready = (await client.get(f"{url}/ready")).json()
            assert ready["modules"] == sorted(PLAN[service])
