"""Boards, reports, tiles, lines and the review, by the pages of a shop."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from browsing import Browser, problems, somebody
from test_pages import cells, headings

from entrepot.kernel.ctx import Actor
from entrepot.modules.orders.queries.orders import get_order_in_full
from entrepot.testing.world import Person, World


@pytest.fixture
async def trading(house_world: World) -> tuple[Browser, Person]:
    browser, person = await somebody(house_world)
    await person.post("/products", {"name": "Charger", "sku": "ZAP", "price": "121.00", "kind": "stocked"})
    adjusted = {"sku": "ZAP", "quantity": "10", "reason": "opening", "unit_cost": "50.00"}
    await person.post("/inventory/adjust", adjusted)
    await person.post(
        "/orders/pos",
        {
            "store_id": "s",
            "terminal_id": "1",
            "lines": [{"sku": "ZAP", "quantity": "2"}],
            "payments": [{"method": "card"}],
        },
    )
    await house_world.settle()
    return browser, person


async def test_the_button_that_empties_the_basket_says_so(trading: tuple[Browser, Person]) -> None:
    browser, _ = trading
    assert re.findall(r'data-tool="clear"[^>]*aria-label="([^"]*)"', await browser.get("/pos")) == ["Empty the basket"]


async def test_a_report_is_a_table_a_chart_and_three_files(trading: tuple[Browser, Person]) -> None:
    browser, _ = trading
    html = await browser.get("/reports/sales?by=year")
    assert headings(html) == ["Month", "Invoices", "Credit notes", "Lines", "Sales", "Credits", "Adjustments", "Net"]
    assert [row[1:] for row in cells(html)] == [["1", "0", "1", "242.00", "0.00", "0.00", "242.00"]]
    assert '"series":[{"name":"Net","data":["242.00"]}]' in html
    csv = await browser.call("GET", "/reports/sales?by=year&format=csv")
    assert csv.content.decode("utf-8-sig").splitlines()[1].split(",")[1:] == [
        "1",
        "0",
        "1",
        "242.00",
        "0.00",
        "0.00",
        "242.00",
    ]
    assert (await browser.call("GET", "/reports/sales?format=xlsx")).content[:2] == b"PK"
    assert (await browser.call("GET", "/reports/sales?format=pdf")).content[:5] == b"%PDF-"
    assert problems(await browser.get("/reports/sales?by=century")) == ["must be one of month, day, year"]


async def test_a_report_is_asked_from_one_day_to_another_by_the_names_the_api_has(
    trading: tuple[Browser, Person],
) -> None:
    """Whoever filled in the first day was told that there is no such field."""
    browser, person = trading
    (day,) = [row["month"] for row in await person.get("/reports/sales?by=day")]
    html = await browser.get(f"/reports/sales?by=day&from={day}&to={day}")
    assert re.findall(r'<input[^>]* name="(from|to)" value="([^"]*)"', html) == [("from", day), ("to", day)]
    assert [row[0] for row in cells(html)] == [day]
    assert cells(await browser.get("/reports/sales?from=2099-01-01")) == []
    (account,) = await person.get("/accounting/accounts?code=4000")
    path = f"/accounting/accounts/{account['id']}/ledger"
    assert [row[4:] for row in cells(await browser.get(f"{path}?from={day}"))] == [["200.00", "200.00"]]
    assert cells(await browser.get(f"{path}?from=2099-01-01")) == []
    assert problems(await browser.get(f"{path}?from=2099-01-01&to=2098-01-01")) == ["must not be after the end"]


async def test_a_row_of_a_report_leads_to_what_it_sums_up(trading: tuple[Browser, Person]) -> None:
    browser, _ = trading
    html = await browser.get("/reports/trial-balance")
    links = re.findall(r'class="app-row-link" href="([^"]+)"', html)
    assert links
    assert links[0].startswith("/accounting/accounts?q=")
    await browser.get(links[0])


async def test_an_order_shows_its_lines_and_no_step_that_would_only_relabel_it(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    order = (await person.get("/orders"))[0]
    html = await browser.get(f"/orders/{order['id']}")
    assert "<td >ZAP</td>" in html
    assert re.findall(r'name="to" value="([a-z]+)"', html) == []
    await browser.post(f"/orders/{order['id']}/step", {"to": "refunded", "reason": "too big"}, status=409)
    assert (await person.get(f"/orders/{order['id']}"))["state"] == "completed"


async def test_an_order_shows_what_it_moved_in_the_books_to_who_may_see_them(
    trading: tuple[Browser, Person], house_world: World
) -> None:
    browser, person = trading
    order = (await person.get("/orders"))[0]
    html = await browser.get(f"/orders/{order['id']}")
    table = html[html.index(">Ledger</h2>") :].split("</table>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in table.split("<tr")[2:]]
    shown = sorted([re.sub("<[^>]+>", "", cell).strip() for cell in row][2:] for row in rows)
    assert shown == [
        ["1020", "Card payments in transit", "242.00", "0"],
        ["1300", "Inventory", "0", "100.00"],
        ["2200", "Tax payable", "0", "42.00"],
        ["4000", "Sales", "0", "200.00"],
        ["5000", "Cost of goods sold", "100.00", "0"],
    ]
    clerk = Actor(kind="user", permissions=frozenset({"orders.view"}))
    async with house_world.unit(person.tenant, "orders", clerk) as ctx:
        assert (await get_order_in_full(ctx, UUID(order["id"]))).ledger == []


async def test_the_timeline_tells_moments_as_people_write_them(
    trading: tuple[Browser, Person], house_world: World
) -> None:
    browser, person = trading
    order = (await person.get("/orders"))[0]
    async with house_world.unit(person.tenant, "orders") as ctx:
        await ctx.run("UPDATE orders.sales_order SET completed_at = '2026-03-01T10:15:30.5Z'")
    html = await browser.get(f"/orders/{order['id']}")
    timeline = html[html.index(">What happened</h2>") :]
    assert "01/03/2026, 11:15" in timeline
    assert "2026-03-01T10:15" not in timeline


async def test_a_customer_shows_status_and_next_steps(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    made = await person.post("/customers", {"name": "Slow Payer"}, status=201)
    html = await browser.get(f"/customers/{made['id']}")
    assert re.findall(r'name="to" value="([a-z]+)"', html) == ["suspended"]
    await browser.post(f"/customers/{made['id']}/step", {"to": "suspended", "reason": "never pays"})
    assert (await person.get(f"/customers/{made['id']}"))["status"] == "suspended"
    html = await browser.get(f"/customers/{made['id']}")
    assert '<span class="app-block">never pays</span>' in html
    assert re.findall(r'name="to" value="([a-z]+)"', html) == ["active"]


async def test_a_step_that_is_not_allowed_changes_nothing(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    order = (await person.get("/orders"))[0]
    await browser.get("/orders")
    response = await browser.post(f"/orders/{order['id']}/step", {"to": "draft"}, status=409)
    assert "That does not fit the state things are in" in response.text
    assert (await person.get(f"/orders/{order['id']}"))["state"] == "completed"


async def test_a_board_has_a_lane_per_state_and_refuses_to_relabel_cards(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    order = (await person.get("/orders"))[0]
    html = await browser.get("/orders/board")
    lanes = re.findall(r'data-board-column="([a-z]+)"', html)
    assert lanes == ["draft", "pending", "confirmed", "paid", "fulfilling", "fulfilled", "completed"]
    assert f'data-card="{order["id"]}"' in html
    moved: Any = {"card": order["id"], "column": "refunded", "reason": "broken"}
    response = await browser.post("/orders/board/move", moved, status=409, **{"hx-request": "true"})
    assert '"tone":"danger"' in response.headers["hx-trigger"]
    assert (await person.get(f"/orders/{order['id']}"))["state"] == "completed"


async def test_a_lane_shows_the_newest_and_says_how_many_there_are(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    adjusted = {"sku": "ZAP", "quantity": "50", "reason": "opening", "unit_cost": "50.00"}
    await person.post("/inventory/adjust", adjusted)
    sale = {
        "store_id": "s",
        "terminal_id": "1",
        "lines": [{"sku": "ZAP", "quantity": "1"}],
        "payments": [{"method": "card"}],
    }
    for _ in range(26):
        await person.post("/orders/pos", sale)
    html = await browser.get("/orders/board")
    assert re.findall(r'data-card="([^"]+)"', html) == [order["id"] for order in await person.get("/orders?limit=25")]
    assert re.findall(r'class="app-count">(\d+)<', html) == ["0", "0", "0", "0", "0", "0", "27"]
    assert re.findall(r'class="app-more" href="([^"]+)">([^<]+)<', html) == [("/orders?state=completed", "All 27")]


async def test_a_review_shows_the_effect_and_changes_nothing_until_confirmed(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    form = {"sku": "ZAP", "quantity": "-3", "reason": "broken", "once": "r1"}
    await browser.get("/stock/new")
    response = await browser.post("/stock/new", form, status=200)
    assert "This is what will happen" in response.text
    assert "Stock level" in response.text or "stock" in response.text.lower()
    assert (await person.get("/inventory/ZAP"))["on_hand"] == "8"
    back = await browser.post("/stock/new", {**form, "step": "edit"}, status=200)
    assert 'value="-3"' in back.text
    await browser.post("/stock/new", {**form, "step": "confirm"})
    assert (await person.get("/inventory/ZAP"))["on_hand"] == "5"


async def test_lines_are_typed_in_a_table(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    accounts = [a["code"] for a in await person.get("/accounting/accounts?detail=true")][:2]
    await browser.get("/accounting/journal-entries/new")
    form = [
        ("date", "2026-11-01"), ("description", "Correction"), ("kind", "manual"),
        ("lines-0-account", accounts[0]), ("lines-0-debit", "1.250,50"), ("lines-0-credit", ""),
        ("lines-4-account", accounts[1]), ("lines-4-debit", ""), ("lines-4-credit", "1.250,50"),
        ("lines-7-account", ""), ("lines-7-debit", ""),
    ]  # fmt: skip
    browser.cookies["entrepot_locale"] = "nl"
    response = await browser.post("/accounting/journal-entries/new", form)
    entry = await person.get("/accounting/journal-entries/" + response.headers["location"].rsplit("/", 1)[1])
    assert [(line["account"], line["debit"], line["credit"]) for line in entry["lines"]] == [
        (accounts[0], "1250.50", "0"), (accounts[1], "0", "1250.50"),
    ]  # fmt: skip


async def test_a_wrong_line_keeps_its_problem_beside_it(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    before = len(await person.get("/accounting/journal-entries"))
    await browser.get("/accounting/journal-entries/new")
    form = {"date": "2026-11-01", "description": "X", "kind": "manual", "lines-3-account": "", "lines-3-debit": "much"}
    response = await browser.post("/accounting/journal-entries/new", form, status=422)
    assert re.findall(r'id="f-(lines-0-\w+)-problem">([^<]+)<', response.text) == [
        ("lines-0-account", "this field is required"), ("lines-0-debit", "this is not a number"),
    ]  # fmt: skip
    assert len(await person.get("/accounting/journal-entries")) == before


async def test_a_record_has_its_pages_without_a_line(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    await browser.get("/categories/new")
    response = await browser.post("/categories/new", {"name": "Chargers"})
    category = (await person.get("/categories"))[0]
    assert response.headers["location"] == f"/categories/{category['id']}"
    html = await browser.get(f"/categories/{category['id']}")
    assert "<h1>Chargers</h1>" in html
    await browser.post(f"/categories/{category['id']}/archive")
    assert (await person.get(f"/categories/{category['id']}"))["archived_at"] is not None


async def test_a_document_hangs_on_what_it_is_about(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    order = (await person.get("/orders"))[0]
    html = await browser.get(f"/orders/{order['id']}")
    assert 'enctype="multipart/form-data"' in html
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    response = await browser.world.client.post(
        f"/orders/{order['id']}/documents",
        data={"csrf": browser.csrf},
        files={"file": ("packing list.txt", b"two chargers", "text/plain")},
        headers={"cookie": cookie, "origin": "http://entrepot.test"},
    )
    assert (response.status_code, response.headers["location"]) == (303, f"/orders/{order['id']}")
    html = await browser.get(f"/orders/{order['id']}")
    link = re.search(r'<a href="(/api/v1/files/[^"]+)">packing list.txt</a>', html)
    assert link is not None
    assert (await browser.call("GET", link.group(1))).content == b"two chargers"


async def test_a_file_without_the_token_is_refused(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    order = (await person.get("/orders"))[0]
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    response = await browser.world.client.post(
        f"/orders/{order['id']}/documents",
        files={"file": ("x.txt", b"x", "text/plain")},
        headers={"cookie": cookie, "origin": "http://entrepot.test"},
    )
    assert response.status_code == 403
    assert "packing" not in await browser.get(f"/orders/{order['id']}")


async def test_a_step_that_can_be_taken_back_offers_it(trading: tuple[Browser, Person]) -> None:
    browser, person = trading
    period = (await person.get("/accounting/periods"))[0]
    await browser.get(f"/accounting/periods/{period['id']}")
    await browser.post(f"/accounting/periods/{period['id']}/step", {"to": "closed"})
    html = await browser.get(f"/accounting/periods/{period['id']}")
    undo = re.search(r'data-undo-action="([^"]+)" data-undo-name="to" data-undo-value="open">Now closed<', html)
    assert undo is not None
    await browser.post(undo.group(1), {"to": "open"})
    assert (await person.get(f"/accounting/periods/{period['id']}"))["state"] == "open"
