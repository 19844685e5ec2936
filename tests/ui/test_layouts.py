"""Layouts: which fields lists, pages and forms show, in which order; what is hidden is neither asked nor changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browsing import Browser, somebody
from test_pages import cells, headings

from entrepot.testing.world import Person, World


def fields_on(html: str) -> list[str]:
    """The fields of a form, in order."""
    return re.findall(r'<(?:input|select|textarea)[^>]* id="f-([\w-]+)"', html)


def sections_on(html: str) -> list[tuple[str, list[str]]]:
    """Titles and labels of the sections of fields on a page."""
    found = []
    for title, inside in re.findall(
        r'<h2 class="card-title">([^<]+)</h2></div><div class="card-body">\s*<dl class="app-facts">(.*?)</dl>',
        html,
        re.S,
    ):
        found.append((title, re.findall(r"<dt>([^<]+)</dt>", inside)))
    return found


def editor_on(html: str) -> list[tuple[str, bool]]:
    """The fields in the editor and whether they are shown."""
    rows = re.findall(r'name="shown" value="([\w.]+)" (checked)?', html)
    return [(name, bool(checked)) for name, checked in rows]


async def arrange(browser: Browser, entity: str, page: str, order: list[str], **more: Any) -> None:
    """Send the editor's form: these fields shown, in this order."""
    html = await browser.get(f"/layouts?object={entity}&page={page}")
    fields: list[tuple[str, str]] = [("object", entity), ("page", page)]
    fields += [("shown", name) for name in order]
    names = [name for name, _ in editor_on(html)]
    fields += [(f"position.{name}", str(order.index(name) if name in order else 900)) for name in names]
    fields += list(more.items())
    response = await browser.post("/layouts", fields)
    assert response.headers["location"] == f"/layouts?object={entity}&page={page}"
    forget(browser)


def forget(browser: Browser) -> None:
    """Other services remember layouts for a few seconds."""
    for house, _ in browser.world.houses.values():
        house.forget(None)


@pytest.fixture
async def shop(world: World) -> tuple[World, Browser, Person]:
    browser, person = await somebody(world)
    await person.post(
        "/custom-fields", {"object": "party", "name": "since", "kind": "date", "label": {"en": "Member since"}}
    )
    await person.post("/customers", {"name": "Anna", "email": "anna@lay.test", "phone": "1", "segment": "gold"})
    return world, browser, person


async def test_the_list_of_kinds_leads_to_their_pages(shop: tuple[World, Browser, Person]) -> None:
    _, browser, _ = shop
    html = await browser.get("/layouts")
    for entity, page in (("customer", "list"), ("customer", "form"), ("order", "detail"), ("product", "list")):
        assert f"/layouts?object={entity}&amp;page={page}" in html
    assert "/layouts?object=order&amp;page=form" not in html  # orders have no form of their own yet
    assert ", arranged" not in html


@pytest.mark.covers("PLT-005", "PLT-009")
async def test_a_list_shows_the_columns_of_its_layout(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    assert headings(await browser.get("/customers")) == ["Name", "Email", "Phone", "Segment", "Status", "Member since"]
    await arrange(browser, "customer", "list", ["segment", "name", "email"])
    html = await browser.get("/customers")
    assert headings(html) == ["Segment", "Name", "Email"]
    assert cells(html) == [["Gold", "Anna", "anna@lay.test"]]
    assert headings(await browser.get("/customers?columns=phone")) == ["Phone"]
    assert "Customers: List, arranged" in await browser.get("/layouts")
    async with world.unit(person.tenant, "platform") as ctx:
        told = await ctx.connection.fetch("SELECT subject, data FROM kernel.event WHERE name = 'layout.updated'")
    assert [(row["subject"], row["data"]) for row in told] == [("customer", {"object": "customer", "page": "list"})]
    await browser.post("/layouts", {"object": "customer", "page": "list", "reset": "true"})
    forget(browser)
    assert headings(await browser.get("/customers")) == ["Name", "Email", "Phone", "Segment", "Status", "Member since"]


async def test_a_page_shows_its_fields_under_the_titles_of_its_layout(shop: tuple[World, Browser, Person]) -> None:
    _, browser, person = shop
    one = (await person.get("/customers"))[0]["id"]
    before = sections_on(await browser.get(f"/customers/{one}"))
    assert before[0] == ("Customer", ["Name", "Type", "Segment", "VAT number"])
    order = ["email", "name", "phone", "custom.since"]
    more = {"section.email": "Reach", "section.phone": "Reach", "section.name": "Who", "section.custom.since": "Who"}
    await arrange(browser, "customer", "detail", order, **more)
    assert sections_on(await browser.get(f"/customers/{one}")) == [
        ("Reach", ["Email", "Phone"]), ("Who", ["Name", "Member since"]),
    ]  # fmt: skip


async def test_a_form_asks_in_the_order_of_its_layout_and_keeps_what_it_does_not_ask(
    shop: tuple[World, Browser, Person],
) -> None:
    _, browser, person = shop
    one = (await person.get("/customers"))[0]["id"]
    await person.patch(f"/customers/{one}", {"custom": {"since": "2020-01-01"}})
    await arrange(browser, "customer", "form", ["email", "segment"])
    html = await browser.get(f"/customers/{one}/change")
    assert fields_on(html) == ["email", "segment", "name"]  # what must be given is always asked
    await browser.post(f"/customers/{one}/change", {"email": "new@lay.test", "segment": "silver", "name": "Anna"})
    found = await person.get(f"/customers/{one}")
    assert (found["name"], found["email"], found["phone"], found["segment"]) == ("Anna", "new@lay.test", "1", "silver")
    assert found["custom"] == {"since": "2020-01-01"}
    fresh = await browser.get("/customers/new")
    assert fields_on(fresh) == ["email", "segment", "name"]
    refused = await browser.post("/customers/new", {"email": "x"}, status=422)
    assert fields_on(refused.text) == ["email", "segment", "name"]


async def test_a_layout_of_ones_own_goes_before_that_of_everybody(shop: tuple[World, Browser, Person]) -> None:
    world, browser, person = shop
    await arrange(browser, "customer", "list", ["name", "phone"])
    await arrange(browser, "customer", "list", ["email"], mine="true")
    assert headings(await browser.get("/customers")) == ["Email"]
    other, stranger = await somebody(world)
    await stranger.post("/customers", {"name": "Berta"})
    assert headings(await other.get("/customers")) == ["Name", "Email", "Phone", "Segment", "Status"]
    from entrepot.modules.identity.commands import people
    from entrepot.testing.world import PASSWORD

    async with world.unit(person.tenant, "identity") as ctx:
        await people.create_user(ctx, "col@lay.test", "Col", PASSWORD, ["admin"])
    colleague = Browser(world)
    await colleague.log_in("col@lay.test")
    assert headings(await colleague.get("/customers")) == ["Name", "Phone"]


async def test_objects_of_the_tenants_own_are_arranged_too(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await person.post("/custom-objects", {"code": "visit", "label": {"en": "Visits"}, "statuses": ["planned"]})
    for name in ("street", "town"):
        await person.post("/custom-fields", {"object": "visit", "name": name, "kind": "text"})
    made = await person.post("/custom-rows", {"object": "visit", "name": "V1", "custom": {"street": "A", "town": "B"}})
    html = await browser.get("/objects/visit")
    assert "/layouts?object=visit&amp;page=list" in html
    await arrange(browser, "visit", "list", ["custom.town", "name"])
    assert cells(await browser.get("/objects/visit")) == [["B", "V1"]]
    await arrange(browser, "visit", "form", ["custom.town", "name"])
    html = await browser.get(f"/objects/visit/{made['id']}/change")
    assert fields_on(html) == ["custom-town", "name"]


async def test_only_who_may_customize_arranges(house_world: World) -> None:
    browser, _person = await somebody(house_world, permissions=("customers.view",))
    await browser.get("/layouts", status=403)
    assert "/layouts" not in await browser.get("/customers")
    await browser.post("/layouts", {"object": "customer", "page": "list"}, status=403)
    admin, _ = await somebody(house_world)
    await admin.get("/layouts?object=customer&page=print", status=404)


async def test_the_api_refuses_what_is_no_layout(tenant: Person) -> None:
    field = {"name": "email"}
    await tenant.refused("PUT", "/layouts/customer/print", {"fields": [field]}, status=422)
    await tenant.refused("PUT", "/layouts/customer/list", {"fields": [field, field]}, status=422)
    await tenant.put("/layouts/customer/list", {"fields": [field]})
