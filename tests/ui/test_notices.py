"""Notices: told once for each cause, to who can act on it; counted, read, withdrawn and forgotten."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from browsing import DUE, Browser, somebody
from test_pages import cells

from entrepot.kernel import holds, status
from entrepot.kernel.ctx import Caller
from entrepot.modules.identity.commands import people
from entrepot.modules.notifications import commands
from entrepot.pure.ids import new_id
from entrepot.testing.world import PASSWORD, Person, World


def told(html: str) -> list[str]:
    """The sentences in the bell; those not read begin with New."""
    found = re.findall(
        r'<button class="dropdown-item app-notice[^>]*><span>(.*?)</span><span class="app-quiet">', html, re.S
    )
    return [unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", one))).strip() for one in found]


async def unread(browser: Browser) -> str:
    html = await browser.get("/bell/unread")
    found = re.search(r'visually-hidden">(\S+) unread', html)
    return found.group(1) if found else ""


@pytest.fixture
async def shop(world: World) -> tuple[World, Browser, Person]:
    browser, person = await somebody(world)
    await person.post("/products", {"name": "Charger", "sku": "ZAP", "price": "121.00", "kind": "stocked"})
    await world.settle()
    stock = {"sku": "ZAP", "quantity": "10", "reason": "opening", "unit_cost": "50.00"}
    await person.post("/inventory/adjust", stock)
    await person.post("/inventory/threshold", {"sku": "ZAP", "low_at": "8"})
    await world.settle()
    return world, browser, person


async def sell(world: World, person: Person, quantity: str) -> Any:
    body = {"lines": [{"sku": "ZAP", "quantity": quantity}], "payments": [{"method": "card"}]}
    made = await person.post("/orders/pos", body)
    await world.settle()
    return made


async def colleague(world: World, person: Person, role: str, permissions: list[str]) -> Browser:
    """Another browser, of somebody who may do just this."""
    async with world.unit(person.tenant, "identity") as ctx:
        await people.create_role(ctx, role, role.title(), permissions)
        await people.create_user(ctx, f"{role}-{person.tenant.hex[-8:]}@notices.test", "Co", PASSWORD, [role])
    browser = Browser(world)
    await browser.log_in(f"{role}-{person.tenant.hex[-8:]}@notices.test")
    return browser


@pytest.mark.covers("INV-047", "NOT-006", "NOT-020")
async def test_low_stock_is_told_to_who_manages_it_and_to_nobody_else(shop: tuple[World, Browser, Person]) -> None:
    world, _, person = shop
    keeper = await colleague(world, person, "keeper", ["stock.edit", "stock.view"])
    seller = await colleague(world, person, "seller", ["orders.view"])
    assert await unread(keeper) == ""
    await sell(world, person, "2")
    assert told(await keeper.get("/bell")) == ["New: ZAP runs low: 8 left"]
    assert (await unread(keeper), await unread(seller)) == ("1", "")
    assert told(await seller.get("/bell")) == []
    assert cells(await seller.get("/notices")) == []
    html = await keeper.get("/notices?columns=notice,kind,count,unread")
    assert cells(html) == [["", "ZAP runs low: 8 left", "Stock low", "1", "Yes"]]
    assert 'href="/stock/ZAP"' in html


async def test_one_cause_is_one_notice_that_counts(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    await sell(world, person, "2")
    await browser.post("/bell")
    assert await unread(browser) == ""
    world.clock.move(timedelta(minutes=1))
    await person.post("/inventory/adjust", {"sku": "ZAP", "quantity": "4", "reason": "found", "unit_cost": "50.00"})
    await sell(world, person, "5")
    assert told(await browser.get("/bell")) == ["New: ZAP runs low: 7 left 2×"]
    assert await unread(browser) == "1"
    assert len(await person.get("/notices")) == 1


async def test_an_event_that_comes_again_is_told_no_second_time(shop: tuple[World, Browser, Person]) -> None:
    world, _, person = shop
    await sell(world, person, "2")
    async with world.unit(person.tenant, "notifications") as ctx:
        row = await ctx.connection.fetchrow("SELECT event_id FROM notifications.notice_cause")
        before = await ctx.connection.fetchrow("SELECT cause, count, at FROM notifications.notice")
    from entrepot.modules.inventory.events import StockLow
    from entrepot.modules.notifications.reactions import tell_of_low_stock

    async with world.unit(person.tenant, "notifications", caller=Caller(causation=str(row[0]))) as ctx:
        warehouse = UUID(before["cause"].split(":")[1])
        await tell_of_low_stock(ctx, StockLow(warehouse_id=warehouse, sku="ZAP", quantity="8", low_at="8"))  # type: ignore[arg-type]
    async with world.unit(person.tenant, "notifications") as ctx:
        assert await ctx.connection.fetchrow("SELECT cause, count, at FROM notifications.notice") == before


async def test_opening_a_notice_reads_it_and_leads_to_the_thing(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    await sell(world, person, "2")
    html = await browser.get("/bell")
    found = re.search(r'name="notice" value="([^"]+)"', html)
    assert found is not None
    response = await browser.post("/bell", {"notice": found.group(1)})
    assert response.headers["location"] == "/stock/ZAP"
    assert told(await browser.get("/bell")) == ["ZAP runs low: 8 left"]
    assert await unread(browser) == ""
    await browser.post("/bell", {"notice": str(new_id())}, status=404)


@pytest.mark.covers("NOT-018")
async def test_a_hold_is_told_when_placed_and_when_it_lasts_and_gone_when_released(
    shop: tuple[World, Browser, Person],
) -> None:
    world, browser, person = shop
    order = UUID((await sell(world, person, "1"))["id"])
    async with world.unit(person.tenant, "orders") as ctx:
        await holds.place(ctx, "order", order, "ship", "address", escalate_at=ctx.now + timedelta(hours=1))
    await world.settle()
    assert told(await browser.get("/bell")) == ["New: Order: Ship is on hold: Address"]
    world.clock.move(timedelta(hours=2))
    async with world.unit(person.tenant, "orders") as ctx:
        await holds.escalate(ctx)
    await world.settle()
    assert told(await browser.get("/bell")) == ["New: Order: Ship is on hold for too long: Address 2×"]
    html = await browser.get("/bell")
    found = re.search(r'name="notice" value="([^"]+)"', html)
    assert found is not None
    response = await browser.post("/bell", {"notice": found.group(1)})
    assert response.headers["location"] == f"/go/order/{order}"
    response = await browser.call("GET", f"/go/order/{order}")
    assert (response.status_code, response.headers["location"]) == (303, f"/orders/{order}")
    async with world.unit(person.tenant, "orders") as ctx:
        await holds.release(ctx, "order", order, "ship")
    await world.settle()
    assert told(await browser.get("/bell")) == []


@pytest.mark.covers("STA-008")
async def test_a_passed_deadline_is_told_until_the_thing_moves_on(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    order = UUID((await sell(world, person, "1"))["id"])
    async with world.unit(person.tenant, "orders") as ctx:
        await ctx.run(DUE, order)
        assert await status.flag_overdue(ctx) == [order]
    await world.settle()
    assert told(await browser.get("/bell")) == ["New: Order: Completed for longer than it may be"]
    async with world.unit(person.tenant, "notifications") as ctx:
        await commands.watch_work(ctx)
    assert await unread(browser) == "1"
    async with world.unit(person.tenant, "orders") as ctx:
        await ctx.run("UPDATE kernel.status SET deadline = NULL, overdue = false WHERE entity_id = $1", order)
    async with world.unit(person.tenant, "notifications") as ctx:
        await commands.watch_work(ctx)
    assert told(await browser.get("/bell")) == []


async def test_what_fails_in_the_background_is_told_until_it_goes_on(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    async with world.unit(person.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET status = 'inactive' WHERE code = '4000'")
    await sell(world, person, "1")
    for _ in range(2):
        async with world.unit(person.tenant, "notifications") as ctx:
            await commands.watch_work(ctx)
    assert told(await browser.get("/bell")) == [
        "New: order.completed could not be handled by accounting.keep_books: Conflict: account 4000 is inactive"
    ]
    async with world.unit(person.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET status = 'active' WHERE code = '4000'")
        await ctx.run("UPDATE kernel.parked SET next_at = now()")
    await world.settle()
    async with world.unit(person.tenant, "notifications") as ctx:
        await commands.watch_work(ctx)
    assert told(await browser.get("/bell")) == []


async def test_several_are_marked_as_read_at_once_and_in_dutch_they_read_dutch(
    shop: tuple[World, Browser, Person],
) -> None:
    world, browser, person = shop
    await sell(world, person, "2")
    offline = {
        "lines": [{"sku": "ZAP", "quantity": "9"}], "payments": [{"method": "card"}], "client_id": "m",
        "offline_at": "2026-11-19T10:00:00Z",
    }  # fmt: skip
    await person.post("/orders/pos/sync", {"sales": [offline]})
    await world.settle()
    rows = await person.get("/notices?unread=true")
    assert len(rows) == 2
    html = await browser.get("/notices")
    assert html.count("data-select-row") == 2
    assert 'formaction="/notices/all/mark"' in html
    chosen = [("row", row["id"]) for row in rows]
    response = await browser.post("/notices/all/mark", chosen)
    assert response.headers["location"] == "/notices"
    assert await unread(browser) == ""
    assert cells(await browser.get("/notices?unread=true")) == []
    browser.cookies["entrepot_locale"] = "nl"
    assert told(await browser.get("/bell")) == [
        "1 van ZAP verkocht die er niet waren", "ZAP raakt op: nog 8",
    ]  # fmt: skip


async def test_the_actor_reads_only_their_own_and_never_another_tenants(shop: tuple[World, Browser, Person]) -> None:
    world, _, person = shop
    await sell(world, person, "2")
    notice = (await person.get("/notices"))[0]["id"]
    seller = await world.colleague(person, ["orders.view"])
    assert await seller.get("/notices") == []
    await seller.refused("POST", f"/notices/{notice}/read", {}, status=404)
    stranger = await world.tenant()
    assert await stranger.get("/notices") == []
    await stranger.refused("POST", f"/notices/{notice}/read", {}, status=404)
    assert (await person.get("/notices"))[0]["unread"] is True


async def test_old_notices_are_archived_and_then_forgotten(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    await sell(world, person, "2")
    await browser.post("/bell")
    for days, left in ((29, (1, 0)), (2, (0, 1)), (40, (0, 0))):
        world.clock.move(timedelta(days=days))
        async with world.unit(person.tenant, "notifications") as ctx:
            await commands.forget_old(ctx)
            row = await ctx.connection.fetchrow(
                "SELECT count(*) FILTER (WHERE archived_at IS NULL), count(*) FILTER (WHERE archived_at IS NOT NULL), "
                "(SELECT count(*) FROM notifications.reading) FROM notifications.notice"
            )
        assert (row[0], row[1]) == left
        assert row[2] == sum(left)
