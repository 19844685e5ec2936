"""The pages are the same in one process and as services; a list stays fast and asks little, however long it is."""

from __future__ import annotations

import re

from browsing import somebody
from test_pages import cells

from entrepot.testing.world import Person, World


async def test_pages_work_in_both_topologies(world: World) -> None:
    browser, person = await somebody(world)
    await person.post("/products", {"name": "Charger", "sku": "ZAP", "price": "121.00", "kind": "stocked"})
    paths = ("/users", "/products", "/orders", "/stock", "/accounting/accounts", "/settings", "/reports/sales")
    for path in (*paths, "/stuck", "/notices", "/documents", "/layouts", "/holds", "/sold-lines"):
        html = await browser.get(path)
        links = re.findall(r'class="app-menu-link" href="([^"]+)"', html)
        assert {"/users", "/products", "/orders", "/stock", "/accounting/accounts"} <= set(links)
    assert cells(await browser.get("/products?columns=sku,price")) == [["", "ZAP", "121.00"]]
    response = await browser.post("/logout")
    assert response.headers["location"] == "/login"


async def test_a_list_asks_the_same_for_few_rows_and_many(house_world: World, tenant: Person, sent: list[str]) -> None:
    browser, person = await somebody(house_world)
    await house_world.heard()
    await browser.get("/users")
    sent.clear()
    await browser.get("/users")
    few = [*sent]
    for at in range(30):
        await person.post("/users", {"email": f"u{at}@many.test", "name": f"User {at}"})
    await house_world.heard()
    await browser.get("/users")
    sent.clear()
    assert len(cells(await browser.get("/users"))) == 32
    many = [*sent]
    assert len(many) == len(few)
    # One for the session, one for the rows; the company and the choices of filters are not in them.
    assert 1 <= len([sql for sql in many if "identity.user_account" in sql]) <= 2
    assert len(many) <= 6
