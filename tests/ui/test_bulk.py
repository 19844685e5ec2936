"""Several rows at once: each in a unit of its own, those refused stay as they were, and the message says how many."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import msgspec
import pytest
from browsing import Browser, somebody
from test_pages import cells

from entrepot.kernel import holds
from entrepot.testing.world import Person, World


def said(response: Any) -> str:
    """The message that a redirect leaves for the next page."""
    found = re.search(r"entrepot_flash=([^;]+)", " ".join(response.headers.get_list("set-cookie")))
    assert found is not None
    return str(msgspec.json.decode(unquote(found.group(1)))["text"])


def chosen(html: str) -> list[str]:
    return re.findall(r'data-select-row name="row" value="([^"]+)"', html)


@pytest.fixture
async def shop(house_world: World) -> tuple[Browser, Person]:
    browser, person = await somebody(house_world)
    for sku in ("A", "B", "C"):
        await person.post("/products", {"name": sku, "sku": sku, "price": "10.00", "kind": "stocked"})
    await house_world.settle()
    return browser, person


async def test_products_are_archived_at_once_and_the_refused_stay(shop: tuple[Browser, Person]) -> None:
    browser, _ = shop
    html = await browser.get("/products?sort=sku")
    rows = chosen(html)
    assert 'formaction="/products/all/archive"' in html
    assert "Archive these products?" in html
    await browser.post("/products/all/archive", [("row", rows[0])])
    response = await browser.post("/products/all/archive", [("row", row) for row in (rows[0], rows[1], rows[1])])
    assert said(response).startswith("1 of 2 done. The last refusal: ")
    listed = cells(await browser.get("/products?sort=sku&columns=sku,state"))
    assert [row[1:] for row in listed] == [["A", "Archived"], ["B", "Archived"], ["C", "Active"]]


async def test_holds_are_released_at_once(shop: tuple[Browser, Person], house_world: World) -> None:
    browser, person = shop
    product = (await person.get("/products"))[0]
    thing = UUID(product["product_id"])
    async with house_world.unit(person.tenant, "orders") as ctx:
        for aspect in ("ship", "bill"):
            await holds.place(ctx, "product", thing, aspect, "address")
    html = await browser.get("/holds?released_at__null=true")
    assert len(chosen(html)) == 2
    response = await browser.post("/holds/all/release", [("row", row) for row in chosen(html)])
    assert said(response) == "2 done"
    async with house_world.unit(person.tenant, "orders") as ctx:
        assert await holds.held(ctx, "product", thing) == []
    assert cells(await browser.get("/holds?released_at__null=true")) == []
    response = await browser.post("/holds/all/release", [("row", chosen(html)[0]), ("row", "not an id")])
    assert said(response) == "0 of 2 done. The last refusal: there is no such hold"


async def test_parked_events_are_tried_again_at_once(shop: tuple[Browser, Person], house_world: World) -> None:
    browser, person = shop
    async with house_world.unit(person.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET status = 'inactive' WHERE code = '4000'")
    await person.post("/inventory/adjust", {"sku": "A", "quantity": "5", "reason": "opening", "unit_cost": "1.00"})
    for _ in range(2):
        await person.post("/orders/pos", {"lines": [{"sku": "A", "quantity": "1"}], "payments": [{"method": "card"}]})
    await house_world.settle()
    html = await browser.get("/events/parked")
    assert [row[1:3] for row in cells(html)] == [["order.completed", "accounting.keep_books"]] * 2
    async with house_world.unit(person.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET status = 'active' WHERE code = '4000'")
    response = await browser.post("/events/parked/all/retry", [("row", row) for row in chosen(html)])
    assert said(response) == "2 done"
    await house_world.settle()
    assert cells(await browser.get("/events/parked")) == []


async def test_entries_are_posted_at_once(shop: tuple[Browser, Person]) -> None:
    browser, person = shop
    for description in ("one", "two"):
        lines = [{"account": "1000", "debit": "5.00"}, {"account": "4000", "credit": "5.00"}]
        await person.post(
            "/accounting/journal-entries", {"date": "2026-11-01", "description": description, "lines": lines}
        )
    html = await browser.get("/accounting/journal-entries?status=draft")
    response = await browser.post("/accounting/journal-entries/all/post", [("row", row) for row in chosen(html)])
    assert said(response) == "2 done"
    entries = await person.get("/accounting/journal-entries")
    assert [entry["status"] for entry in entries] == ["posted", "posted"]


async def test_records_are_archived_at_once_without_a_line(shop: tuple[Browser, Person]) -> None:
    browser, person = shop
    for name in ("Cables", "Chargers"):
        await person.post("/categories", {"name": name}, status=201)
    html = await browser.get("/categories")
    response = await browser.post("/categories/all/archive", [("row", row) for row in chosen(html)])
    assert said(response) == "2 done"
    assert all(row["archived_at"] for row in await person.get("/categories"))


async def test_who_may_not_archive_sees_no_boxes(house_world: World) -> None:
    browser, person = await somebody(house_world, permissions=("products.view",))
    await person.post("/products", {"name": "A", "sku": "A", "price": "10.00", "kind": "stocked"})
    html = await browser.get("/products")
    assert chosen(html) == []
    row = (await person.get("/products"))[0]
    await browser.post("/products/all/archive", [("row", row["product_id"])], status=403)
    assert (await person.get("/products"))[0]["state"] == "active"


async def test_a_form_adds_up_what_is_typed_so_far(shop: tuple[Browser, Person]) -> None:
    browser, person = shop
    html = await browser.get("/accounting/journal-entries/new")
    assert 'hx-post="/accounting/journal-entries/new/totals"' in html
    typed = {"lines-0-account": "1000", "lines-0-debit": "1,250.50", "lines-1-debit": "x", "lines-2-credit": "250.50"}
    response = await browser.post("/accounting/journal-entries/new/totals", typed, status=200)
    found = re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", response.text, re.S)
    assert [(name, re.sub(r"<[^>]+>|\s", "", value)) for name, value in found] == [
        ("Debit", "1,250.50"), ("Credit", "250.50"), ("Difference", "1,000.00"),
    ]  # fmt: skip
    assert await person.get("/accounting/journal-entries") == []
    empty = await browser.post("/accounting/journal-entries/new/totals", {}, status=200)
    assert [re.sub(r"<[^>]+>|\s", "", v) for _, v in re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", empty.text, re.S)] == [
        "0.00", "0.00", "0.00",
    ]  # fmt: skip
