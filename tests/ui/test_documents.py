"""The list of documents: found by kind, thing and day, opened, and reached from the thing they hang on."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsing import Browser, somebody
from test_pages import cells

from entrepot.testing.world import Person, World


@pytest.fixture
async def shop(world: World) -> tuple[World, Browser, Person, str]:
    """A sale with a receipt, and a packing list attached to it."""
    browser, person = await somebody(world)
    await person.post("/products", {"name": "Advice", "sku": "ADV", "price": "10.00", "kind": "service"})
    await world.settle()
    order = await person.post(
        "/orders/pos", {"lines": [{"sku": "ADV", "quantity": "1"}], "payments": [{"method": "cash"}]}
    )
    await person.post(f"/orders/pos/{order['id']}/receipt")
    boundary = "x"
    fields = {"category": "packing_slip", "entity_type": "order", "entity_ref": order["id"]}
    parts = [f'--{boundary}\r\ncontent-disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    parts.append(
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="list.txt"\r\n\r\ntwo chargers\r\n'
    )
    body = "".join(parts) + f"--{boundary}--\r\n"
    sent = {"content-type": f"multipart/form-data; boundary={boundary}"}
    response = await person.call("POST", "/documents", content=body.encode(), headers=sent)
    assert response.status_code == 201, response.text
    return world, browser, person, order["id"]


async def test_documents_are_found_by_kind_thing_and_day(shop: tuple[World, Browser, Person, str]) -> None:
    _, browser, _, order = shop
    shown = "columns=name,category,entity_type,size"
    number = cells(await browser.get("/documents?category=receipt&columns=name"))[0][1]
    assert re.fullmatch(r"ORD-\d{4}-\d{4}\.pdf", number)
    html = await browser.get(f"/documents?{shown}&sort=size")
    assert [row[1:4] for row in cells(html)] == [["list.txt", "Packing slip", "Order"], [number, "Receipt", "Order"]]
    assert cells(html)[0][4] == "12 B"
    assert [row[1] for row in cells(await browser.get(f"/documents?entity_ref={order}&q=list&{shown}"))] == ["list.txt"]
    assert cells(await browser.get(f"/documents?created_at__lte=2020-01-01&{shown}")) == []
    assert "Receipts, invoices and files" in html


async def test_a_document_opens_and_leads_to_what_it_is_about(shop: tuple[World, Browser, Person, str]) -> None:
    _, browser, _, order = shop
    html = await browser.get("/documents?category=packing_slip")
    link = re.search(r'class="app-row-link" href="(/documents/[^"]+)"', html)
    assert link is not None
    page = await browser.get(link.group(1))
    buttons = {unescape(w): unescape(h) for h, w in re.findall(r'<a class="btn[^"]*" href="([^"]+)">([^<]+)</a>', page)}
    assert buttons["To what it is about"] == f"/go/order/{order}"
    content = await browser.call("GET", buttons["Open the document"])
    assert (content.status_code, content.content) == (200, b"two chargers")
    led = await browser.call("GET", buttons["To what it is about"])
    assert led.headers["location"] == f"/orders/{order}"


async def test_the_page_of_a_thing_leads_to_all_its_documents(shop: tuple[World, Browser, Person, str]) -> None:
    _, browser, _, order = shop
    html = await browser.get(f"/orders/{order}")
    assert f'href="/documents?entity_ref={order}"' in html
    assert len(cells(await browser.get(f"/documents?entity_ref={order}"))) == 2


async def test_archived_documents_leave_the_list(shop: tuple[World, Browser, Person, str]) -> None:
    _, browser, person, order = shop
    rows = await person.get(f"/documents?entity_ref={order}")
    await browser.get("/documents")
    await browser.post("/documents/all/archive", [("row", row["id"]) for row in rows])
    assert "A receipt that is printed and a file" in await browser.get("/documents")


async def test_who_may_not_see_documents_has_no_list(house_world: World) -> None:
    browser, _ = await somebody(house_world, permissions=("orders.view",))
    await browser.get("/documents", status=403)
