"""Why is it stuck? Every obstacle of a thing and of a tenant, with the button that clears it; near and far."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from browsing import LATE, Browser, somebody

from entrepot.kernel import holds, jobs
from entrepot.kernel.ctx import NIL
from entrepot.modules.identity.commands import people
from entrepot.pure.ids import new_id
from entrepot.testing.world import PASSWORD, Person, World

PENDING = """
INSERT INTO orders.sales_order (id, number, entity_id, channel, kind, state, warehouse_id, currency, subtotal, tax_total,
    total, placed_at)
SELECT $2, 'WEB-1', entity_id, 'b2c', kind, 'pending', warehouse_id, currency, 1234.50, 0, 1234.50, placed_at
FROM orders.sales_order WHERE id = $1
"""


def text(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))).strip()


def blocked_on(html: str) -> list[tuple[str, str, str]]:
    """The rows of the page of everything that is stuck: thing, what is in the way, button."""
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", body.group(1), re.S) if body else []
    found = []
    for row in rows:
        cells = [text(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)]
        found.append((cells[0], cells[1], cells[3]))
    return found


def alert_on(html: str) -> list[tuple[str, str]]:
    """The obstacles on the page of one thing: what is in the way, and the button."""
    found = []
    for one in re.findall(r'class="app-stuck-one"><p>(.*?)<span.*?</p>(.*?)</div>', html, re.S):
        found.append((text(one[0]), text(one[1])))
    return found


async def sold(person: Person, world: World, quantity: str = "1") -> Any:
    body = {"lines": [{"sku": "ZAP", "quantity": quantity}], "payments": [{"method": "card"}]}
    made = await person.post("/orders/pos", body)
    await world.settle()
    return made


@pytest.fixture
async def shop(world: World) -> tuple[World, Browser, Person]:
    browser, person = await somebody(world)
    await person.post("/products", {"name": "Charger", "sku": "ZAP", "price": "121.00", "kind": "stocked"})
    await world.settle()
    adjusted = {"sku": "ZAP", "quantity": "3", "reason": "opening", "unit_cost": "50.00"}
    await person.post("/inventory/adjust", adjusted)
    await world.settle()
    return world, browser, person


async def press(browser: Browser, html: str, button: str, *, status: int = 303) -> Any:
    """Press the first button of this name."""
    for action, fields in re.findall(
        r'<form method="post" action="([^"]+)" class="app-inline">(.*?)</form>', html, re.S
    ):
        if f">{button}</button>" in fields:
            pairs = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', fields))
            pairs.pop("csrf", None)
            return await browser.post(action, {k: unescape(v) for k, v in pairs.items()}, status=status)
    raise AssertionError(f"no button {button}")


async def test_nothing_is_stuck_in_a_new_shop(shop: tuple[World, Browser, Person]) -> None:
    _, browser, _ = shop
    html = await browser.get("/stuck")
    assert "Nothing is stuck" in html
    assert blocked_on(html) == []


async def test_a_hold_is_released_by_its_button(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    order = await sold(person, world)
    async with world.unit(person.tenant, "orders") as ctx:
        await holds.place(ctx, "order", UUID(order["id"]), "ship", "address", reason_details="no such street")
        await holds.place(ctx, "order", UUID(order["id"]), "bill", "credit")
    page = await browser.get(f"/orders/{order['id']}")
    assert alert_on(page) == [
        ("Ship is on hold: Address. no such street", "Release"), ("Bill is on hold: Credit", "Release"),
    ]  # fmt: skip
    html = await browser.get("/stuck")
    assert blocked_on(html) == [
        (f"{order['number']} Order", "Ship is on hold: Address. no such street", "Release"),
        (f"{order['number']} Order", "Bill is on hold: Credit", "Release"),
    ]
    await press(browser, html, "Release")
    async with world.unit(person.tenant, "orders") as ctx:
        assert [hold.aspect for hold in await holds.held(ctx, "order", UUID(order["id"]))] == ["bill"]
    assert [reason for _, reason, _ in blocked_on(await browser.get("/stuck"))] == ["Bill is on hold: Credit"]


async def test_what_each_module_knows_stands_in_one_list(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    order = await sold(person, world)
    offline = {
        "lines": [{"sku": "ZAP", "quantity": "5"}], "payments": [{"method": "card"}], "client_id": "late",
        "offline_at": "2026-11-19T10:00:00Z",
    }  # fmt: skip
    late = (await person.post("/orders/pos/sync", {"sales": [offline]}))[0]
    await world.settle()
    waiting = new_id()
    async with world.unit(person.tenant, "orders") as ctx:
        await ctx.run(PENDING, UUID(order["id"]), waiting)
    async with world.unit(person.tenant, "payments") as ctx:
        await ctx.run(
            "UPDATE payments.payment SET state = 'failed', failed_reason = 'card refused' WHERE reference_id = $1",
            UUID(order["id"]),
        )
    draft = {
        "date": "2025-03-03", "description": "Forgotten",
        "lines": [{"account": "1000", "debit": "5.00"}, {"account": "4000", "credit": "5.00"}],
    }  # fmt: skip
    await person.post("/accounting/journal-entries", draft)
    period = {"year": 2025, "month": 3}
    made = await person.post("/accounting/periods", period)
    await person.post(f"/accounting/periods/{made['id']}/close")
    async with world.unit(person.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET status = 'inactive' WHERE code = '5100'")
    html = await browser.get("/stuck")
    found = {(reason, button) for _, reason, button in blocked_on(html)}
    assert found == {
        ("The payment of 121.00 EUR by Card did not go through: card refused", "Look at the payment"),
        ("3 of ZAP were sold that were not there", "Resolve shortage"),
        ("1,234.50 EUR is not paid yet", "Take the next step"),
        ("The period 2025-03 is closed", "Open the period"),
        ("Account 5100 takes no postings: Inactive", "Change account"),
    }
    chips = re.findall(r'class="app-chip" href="([^"]+)"[^>]*>(.*?)</a>', html, re.S)
    assert [(unescape(href), text(words)) for href, words in chips] == [
        ("/stuck", "All 5"), ("/stuck?entity=business_entity", "Company 1"),
        ("/stuck?entity=journal_entry", "Journal entry 1"), ("/stuck?entity=order", "Order 3"),
    ]  # fmt: skip
    assert len(blocked_on(await browser.get("/stuck?entity=order"))) == 3
    assert alert_on(await browser.get(f"/orders/{late['order_id']}")) == [
        ("3 of ZAP were sold that were not there", "Resolve shortage")
    ]
    assert alert_on(await browser.get(f"/orders/{order['id']}")) == [
        ("The payment of 121.00 EUR by Card did not go through: card refused", "Look at the payment")
    ]
    browser.cookies["entrepot_locale"] = "nl"
    dutch = {reason for _, reason, _ in blocked_on(await browser.get("/stuck"))}
    assert "1.234,50 EUR is nog niet betaald" in dutch
    assert "Op rekening 5100 kan niet geboekt worden: Inactief" in dutch


async def test_a_payment_that_was_made_good_is_in_nobodys_way(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    order = await sold(person, world)
    async with world.unit(person.tenant, "payments") as ctx:
        await ctx.run(
            "INSERT INTO payments.payment (id, created_at, entity_id, reference_type, reference_id, method, amount, "
            "tendered, currency, state) SELECT $1, created_at - interval '1 minute', entity_id, reference_type, "
            "reference_id, method, amount, tendered, currency, 'failed' FROM payments.payment WHERE reference_id = $2",
            new_id(),
            UUID(order["id"]),
        )
    assert blocked_on(await browser.get("/stuck")) == []


async def test_a_parked_event_is_tried_again_from_the_page_of_its_order(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    async with world.unit(person.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET status = 'inactive' WHERE code = '4000'")
    order = await sold(person, world)
    page = await browser.get(f"/orders/{order['id']}")
    assert alert_on(page) == [
        (
            "order.completed could not be handled by accounting.keep_books: Conflict: account 4000 is inactive",
            "Try again now",
        )
    ]
    async with world.unit(person.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET status = 'active' WHERE code = '4000'")
    await press(browser, page, "Try again now")
    await world.settle()
    assert alert_on(await browser.get(f"/orders/{order['id']}")) == []
    entries = await person.get("/accounting/journal-entries?description=" + order["number"])
    assert len(entries) == 1


async def test_a_failed_job_runs_again(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    async with world.unit(person.tenant, "inventory") as ctx:
        name = next(n for n in ctx.house.catalogue.jobs if n.startswith("inventory."))
        await jobs.enqueue(ctx, ctx.house.catalogue.jobs[name])
        await ctx.run("UPDATE kernel.job SET state = 'failed', attempts = 3, error = 'boom' WHERE name = $1", name)
    html = await browser.get("/stuck")
    assert blocked_on(html) == [(f"{name} Job", f"The job {name} failed: boom", "Run again")]
    await press(browser, html, "Run again")
    await world.settle()
    async with world.unit(person.tenant, "inventory") as ctx:
        assert await ctx.value("SELECT state FROM kernel.job WHERE name = $1", name) == "done"
    assert blocked_on(await browser.get("/stuck")) == []


async def test_who_may_not_clear_it_sees_no_button_and_is_refused(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    order = await sold(person, world)
    async with world.unit(person.tenant, "orders") as ctx:
        hold = await holds.place(ctx, "order", UUID(order["id"]), "ship", "address")
        await ctx.run(LATE, UUID(order["id"]))
    async with world.unit(person.tenant, "identity") as ctx:
        await people.create_role(ctx, "looker", "Looker", ["holds.view", "orders.view"])
        await people.create_user(ctx, "looker@stuck.test", "Lo Looker", PASSWORD, ["looker"])
    await browser.post("/logout")
    await browser.get("/login")
    await browser.post("/login", {"email": "looker@stuck.test", "password": PASSWORD})
    html = await browser.get("/stuck")
    assert blocked_on(html) == [
        (f"{order['number']} Order", "Completed for longer than it may be", "Take the next step"),
        (f"{order['number']} Order", "Ship is on hold: Address", ""),
    ]
    await browser.post("/stuck/clear", {"module": "orders", "what": "hold", "key": str(hold)}, status=403)
    async with world.unit(person.tenant, "orders") as ctx:
        assert len(await holds.held(ctx, "order", UUID(order["id"]))) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"module": "nobody", "what": "hold", "key": str(NIL)},
        {"module": "orders", "what": "hold", "key": "x"},
        {"module": "orders", "what": "hold", "key": str(NIL)},
        {"module": "orders", "what": "job", "key": str(NIL)},
        {"module": "orders", "what": "wall", "key": str(NIL)},
        {"module": "orders", "what": "parked", "key": "orders.nothing"},
    ],
)
async def test_a_button_for_what_is_not_there_answers_so(house_world: World, fields: dict[str, str]) -> None:
    browser, _ = await somebody(house_world)
    await browser.post("/stuck/clear", fields, status=404)
