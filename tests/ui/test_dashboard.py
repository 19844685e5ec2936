"""Every number and every bar of the dashboard equals the total of the list it opens, to the cent."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from browsing import LATE, Browser, somebody

from entrepot.kernel import holds
from entrepot.kernel.ui import tiles
from entrepot.kernel.ui.show import Formats
from entrepot.kernel.ui.site import Site
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World

COPY = """
INSERT INTO orders.sales_order (id, number, entity_id, channel, kind, state, warehouse_id, currency, subtotal, tax_total,
    total, placed_at)
SELECT $2, $3, $4, $5, kind, $6, warehouse_id, $7, $8, 0, $8, placed_at - $9::interval FROM orders.sales_order WHERE id = $1
"""


def words(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))).strip()


def tiles_on(html: str) -> dict[str, tuple[str, str, str]]:
    """Title to number, address and advice."""
    found = {}
    for href, inside in re.findall(r'<a class="app-tile[^"]*" href="([^"]*)">(.*?)</a>', html, re.S):
        part = {kind: words(text) for kind, text in re.findall(r'app-tile-(\w+)">(.*?)</span>', inside, re.S)}
        number = " · ".join(p for p in (part["number"], part.get("more", "")) if p)
        found[part["title"]] = (number, unescape(href), part.get("advice", ""))
    return found


def slices_on(html: str) -> dict[str, list[tuple[str, str, str]]]:
    """Title of a chart to the name, number and address of each of its groups."""
    found = {}
    for section in re.findall(r'<section class="card app-panel-card.*?</section>', html, re.S):
        title = re.search(r'card-title">(.*?)</h2>', section, re.S)
        assert title is not None
        found[words(title.group(1))] = [
            (unescape(name), words(number), unescape(href))
            for href, name, number in re.findall(
                r'<li><a href="([^"]*)">([^<]*)</a><span class="app-figure">([^<]*)</span>', section
            )
        ]
    return found


def total_on(html: str) -> str:
    """What the foot of a list says: the sum where it was asked for, else how many."""
    foot = re.search(r'aria-live="polite">(.*?)</span>\s*<span class="app-pages">', html, re.S)
    if foot is None:
        return "0"
    text = words(foot.group(1))
    together = re.search(r"together: (.*)$", text)
    return together.group(1) if together else text.removesuffix(" in all")


@pytest.fixture
async def busy(house_world: World) -> tuple[Browser, Person]:
    """A shop where everything a dashboard counts has happened, each a different number of times."""
    browser, person = await somebody(house_world)
    for sku, price, stock in (("ZAP", "121.00", "10"), ("CBL", "24.20", "3")):
        await person.post("/products", {"name": sku, "sku": sku, "price": price, "kind": "stocked"})
        await house_world.settle()
        await person.post(
            "/inventory/adjust", {"sku": sku, "quantity": stock, "reason": "opening", "unit_cost": "50.00"}
        )
    await person.post("/inventory/threshold", {"sku": "CBL", "low_at": "2"})
    sold = []
    for lines in ([("ZAP", "2")], [("ZAP", "1"), ("CBL", "2")]):
        body = {"lines": [{"sku": s, "quantity": q} for s, q in lines], "payments": [{"method": "card"}]}
        sold.append(await person.post("/orders/pos", body))
    back = {"lines": [{"position": 1, "quantity": "1"}], "method": "card", "reason": "broken"}
    await person.post(f"/orders/pos/{sold[0]['id']}/return", back)
    second = await person.post("/business-entities", {"code": "SHOP2", "name": "Second shop"})
    await house_world.settle()
    accounts = [a["code"] for a in await person.get("/accounting/accounts?detail=true")][:2]
    await person.post(
        "/accounting/journal-entries",
        {
            "date": "2026-11-01",
            "description": "To post",
            "lines": [{"account": accounts[0], "debit": "5.00"}, {"account": accounts[1], "credit": "5.00"}],
        },
    )
    first = UUID(sold[0]["id"])
    own = UUID(sold[0]["entity_id"])
    async with house_world.unit(person.tenant, "orders") as ctx:
        for number, entity, channel, state, currency, total, days in (
            ("W-1", own, "b2c", "paid", "EUR", "33.33", 3),
            ("W-2", UUID(second["id"]), "b2b", "pending", "EUR", "70.00", 0),
            ("W-3", UUID(second["id"]), "b2b", "completed", "USD", "19.99", 1),
            ("W-4", own, "b2c", "cancelled", "EUR", "1000.00", 0),
            ("W-5", own, "b2c", "completed", "EUR", "500.00", 45),
        ):
            await ctx.run(COPY, first, new_id(), number, entity, channel, state, currency, total, timedelta(days=days))
        await holds.place(ctx, "order", first, "ship", "address")
        await holds.place(ctx, "order", first, "bill", "credit")
        await ctx.run(LATE, first)
        await ctx.run("UPDATE payments.payment SET state = 'failed' WHERE reference_id = $1", first)
    await house_world.settle()
    return browser, person


@pytest.mark.covers("REP-008")
async def test_every_tile_says_what_it_counts_and_opens_exactly_that(busy: tuple[Browser, Person]) -> None:
    browser, _ = busy
    found = tiles_on(await browser.get("/"))
    assert {title: number for title, (number, _, _) in found.items()} == {
        "Orders today": "5",
        "Sold today": "290.40 EUR",
        "Waiting for payment": "1",
        "Entries to post": "1",
        "Low stock": "1",
        "Shortages to resolve": "0",
        "Value of stock": "450.00",
        "Failed payments": "1",
        "Active products": "2",
        "On hold": "2",
        "Overdue": "1",
    }
    for title, (number, href, _) in found.items():
        assert (title, total_on(await browser.get(href))) == (title, number)


@pytest.mark.covers("CUR-007")
async def test_every_bar_opens_exactly_its_rows(busy: tuple[Browser, Person]) -> None:
    browser, _ = busy
    charts = slices_on(await browser.get("/"))
    assert list(charts) == ["Sales per day", "Sales by channel", "Sales by company", "Best sold this week"]
    assert charts["Sales per day"][-1][1] == "290.40 EUR"
    assert [number for _, number, _ in charts["Sales per day"][-5:-1]] == ["0.00", "33.33 EUR", "0.00", "19.99 USD"]
    assert len(charts["Sales per day"]) == 30
    assert [(name, number) for name, number, _ in charts["Sales by channel"]] == [
        ("Pos", "290.40 EUR"), ("B2c", "33.33 EUR"), ("B2b", "19.99 USD"),
    ]  # fmt: skip
    assert [number for _, number, _ in charts["Sales by company"]] == ["323.73 EUR", "19.99 USD"]
    assert charts["Sales by company"][1][0] == "Second shop"
    assert [(name, number) for name, number, _ in charts["Best sold this week"]] == [("CBL", "2"), ("ZAP", "2")]
    for title, slices in charts.items():
        for name, number, href in slices:
            opened = total_on(await browser.get(href))
            assert (title, name, "0.00" if opened == "0" else opened) == (title, name, number)


async def test_the_whole_of_a_chart_opens_the_rows_of_all_its_days(busy: tuple[Browser, Person]) -> None:
    browser, _ = busy
    html = await browser.get("/")
    whole = re.findall(r'<a class="app-push app-figure" href="([^"]+)">([^<]+)</a>', html)
    assert [number for _, number in whole] == ["323.73 EUR · 19.99 USD"] * 3
    for href, number in whole:
        assert total_on(await browser.get(unescape(href))) == number


async def test_an_empty_tenant_is_told_what_to_do_by_every_tile_and_chart(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    html = await browser.get("/")
    found = tiles_on(html)
    assert {title for title, (_, _, advice) in found.items() if not advice} == set()
    assert {number for number, _, _ in found.values()} == {"0", "0.00"}
    assert len(re.findall(r"app-panel-empty", html)) == 4
    assert slices_on(html) == {
        "Sales per day": [], "Sales by channel": [], "Sales by company": [], "Best sold this week": [],
    }  # fmt: skip


async def test_charts_over_the_same_rows_are_one_walk_through_them(
    busy: tuple[Browser, Person], sent: list[str]
) -> None:
    browser, _ = busy
    sent.clear()
    await browser.get("/")
    asked = [*sent]
    walks = [sql for sql in asked if "LATERAL" in sql]
    assert len(walks) == 2  # three charts of orders together, and what is sold best
    assert len(asked) <= 21


async def test_days_are_those_of_the_reader(busy: tuple[Browser, Person], house_world: World) -> None:
    browser, person = busy
    await person.put("/settings/platform.timezone", {"value": "Pacific/Kiritimati", "level": "tenant"})
    for house, _ in house_world.houses.values():
        house.forget(person.tenant)
    charts = slices_on(await browser.get("/"))
    for name, number, href in charts["Sales per day"][-6:]:
        opened = total_on(await browser.get(href))
        assert (name, "0.00" if opened == "0" else opened) == (name, number)


async def test_the_date_above_it_is_that_of_the_reader(
    busy: tuple[Browser, Person], house_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, person = busy
    now = datetime.now(UTC)
    # At any hour it is another day somewhere; a clock that is moved to one ends the session that was begun just now.
    zone, days = ("Pacific/Kiritimati", 1) if now.hour >= 10 else ("Pacific/Pago_Pago", -1)
    await person.put("/settings/platform.timezone", {"value": zone, "level": "tenant"})
    for house, _ in house_world.houses.values():
        house.forget(person.tenant)
        monkeypatch.setattr(house, "clock", lambda: now)
    html = await browser.get("/")
    there = Formats("en", "UTC").date(now.date() + timedelta(days=days))
    assert re.findall(r'<p class="app-kind">(.*?)</p>', html)[:1] == [there]


async def test_a_page_that_is_made_at_midnight_is_of_one_day(
    busy: tuple[Browser, Person], house_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, person = busy
    await person.put("/settings/platform.timezone", {"value": "UTC", "level": "tenant"})
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    asked = count()
    before = -1
    for house, _web in house_world.houses.values():
        house.forget(person.tenant)
        monkeypatch.setattr(
            house, "clock", lambda: midnight if next(asked) > before else midnight - timedelta(seconds=1)
        )
    # Midnight comes between any two looks at the clock, until a page looks no more often than that.
    while next(asked) > before:
        before, asked = before + 1, count()
        html = await browser.get("/")
        days = slices_on(html)["Sales per day"]
        day = re.findall(r"placed_at__gte=([0-9-]+)", tiles_on(html)["Orders today"][1])
        assert len(days) == 30
        assert re.findall(r"placed_at__lte=([0-9-]+)", days[-1][2]) == day
        above = re.findall(r'<p class="app-kind">(.*?)</p>', html)[:1]
        assert above == [Formats("en", "UTC").date(date.fromisoformat(day[0]))]
    assert before > 1


def test_every_tile_and_chart_of_every_module_says_what_to_do(house_world: World) -> None:
    pages: list[Any] = [page for _, page in Site(house_world.house_of("identity").catalogue).home]
    counted = [one for page in pages for one in (*page.tiles, *page.panels)]
    assert [one.title for one in counted if not one.empty] == []


def test_amounts_of_several_currencies_are_never_added_up(house_world: World) -> None:
    class Formats:
        @staticmethod
        def number(value: Any) -> str:
            return str(value)

    class Reader:
        formats = Formats()

    from decimal import Decimal

    reader: Any = Reader()
    sums = {"EUR": Decimal("5.00"), "USD": Decimal("-7.50"), "": Decimal("1")}
    assert tiles.money(reader, sums) == ["-7.50 USD", "5.00 EUR", "1"]
    assert tiles.money(reader, {}) == ["0.00"]
