"""Getting in and out, and what stands around the pages."""

from __future__ import annotations

import re

from browsing import HOST, Browser, problems, somebody

from entrepot.testing.world import PASSWORD, World


async def test_without_a_session_a_page_leads_to_log_in_and_back(house_world: World) -> None:
    browser = Browser(house_world)
    response = await browser.call("GET", "/users?sort=name")
    assert response.status_code == 303
    assert response.headers["location"] == "/login?next=%2Fusers%3Fsort%3Dname"


async def test_log_in_sets_a_cookie_that_scripts_cannot_read(house_world: World) -> None:
    _, person = await somebody(house_world)
    browser = Browser(house_world)
    email = f"{person.tenant.hex[-12:]}@pages.test"
    response = await browser.post("/login", {"email": email, "password": PASSWORD, "next": "/users"})
    assert response.headers["location"] == "/users"
    cookie = next(c for c in response.headers.get_list("set-cookie") if c.startswith("entrepot_session="))
    assert re.fullmatch(r"entrepot_session=es_\w+_[\w-]+; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200", cookie)


async def test_a_wrong_password_says_so_and_sets_nothing(house_world: World) -> None:
    _, person = await somebody(house_world)
    browser = Browser(house_world)
    email = f"{person.tenant.hex[-12:]}@pages.test"
    response = await browser.post("/login", {"email": email, "password": "wrong"}, status=401)
    assert problems(response.text) == ["this address and password do not belong together"]
    assert response.headers.get_list("set-cookie") == []
    assert f'value="{email}"' in response.text


async def test_log_in_leads_nowhere_else(house_world: World) -> None:
    _, person = await somebody(house_world)
    for elsewhere in ("https://evil.test/", "//evil.test/", "/\\evil.test"):
        browser = Browser(house_world)
        given = {"email": f"{person.tenant.hex[-12:]}@pages.test", "password": PASSWORD, "next": elsewhere}
        response = await browser.post("/login", given)
        assert response.headers["location"] == "/"


async def test_log_in_from_another_site_is_refused(house_world: World) -> None:
    browser = Browser(house_world)
    response = await browser.post(
        "/login", {"email": "a@b.test", "password": "x"}, status=403, origin="https://evil.test"
    )
    assert problems(response.text) == ["this request came from another site"]


async def test_log_out_ends_the_session_for_good(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    kept = dict(browser.cookies)
    response = await browser.post("/logout")
    assert response.headers["location"] == "/login"
    browser.cookies = kept
    again = await browser.call("GET", "/users")
    assert (again.status_code, again.headers["location"]) == (303, "/login?next=%2Fusers")


async def test_a_form_without_the_token_is_refused(house_world: World) -> None:
    browser, person = await somebody(house_world)
    browser.csrf = "0" * 64
    response = await browser.post("/users/new", {"email": "x@y.test", "name": "X"}, status=403)
    assert "This form is too old; load the page again." in response.text
    assert len(await person.get("/users")) == 2


async def test_the_side_bar_shows_what_one_may_see(house_world: World) -> None:
    browser, _ = await somebody(house_world, permissions=("keys.view",))
    html = await browser.get("/")
    links = re.findall(r'class="app-menu-link" href="([^"]+)"', html)
    assert links == ["/", "/api-keys", "/business-entities", "/custom-fields", "/custom-objects", "/notices"]
    denied = await browser.get("/users", status=403)
    assert "You need the permission users.view for this." in denied
    assert "Ask somebody who manages users to give you this permission." in denied


async def test_a_page_that_is_not_there_is_a_page(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    response = await browser.call("GET", "/nothing/here")
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-request-id"] in response.text
    plain = await browser.call("GET", "/nothing/here", accept="application/json")
    assert plain.headers["content-type"] == "application/problem+json"


async def test_pages_forbid_foreign_and_inline_scripts(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    response = await browser.call("GET", "/users")
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*(src=|application/json))", response.text)
    assert not re.search(r"\sstyle=|\son[a-z]+=", response.text)


async def test_the_language_is_the_readers(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    response = await browser.post("/switch", {"locale": "nl"}, referer=f"{HOST}/users?sort=name")
    assert response.headers["location"] == "/users?sort=name"
    html = await browser.get("/users")
    assert '<html lang="nl">' in html
    assert "<h1>Gebruikers</h1>" in html


async def test_the_palette_finds_pages_commands_and_rows(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await person.post("/users", {"email": "zeta@find.test", "name": "Zeta Zonnebloem"})
    html = await browser.get("/palette?q=zeta", **{"hx-request": "true"})
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["Users"]
    assert "Zeta Zonnebloem" in html
    html = await browser.get("/palette?q=new+us")
    assert re.findall(r'<a href="([^"]+)"', html) == ["/users/new"]


async def test_everything_hangs_under_the_prefix(server: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from entrepot.testing.world import one_process, running

    async with running(
        await one_process(server, tmp_path, modules=["identity", "platform"], path_prefix="/erp")
    ) as world:
        _, person = await somebody_under(world)
        browser = Browser(world)
        page = await browser.call("GET", "/erp/users")
        assert page.headers["location"] == "/erp/login?next=%2Fusers"
        email = f"{person.tenant.hex[-12:]}@pages.test"
        response = await browser.post("/erp/login", {"email": email, "password": PASSWORD})
        assert response.headers["location"] == "/erp/"
        assert "Path=/erp;" in response.headers["set-cookie"]
        html = await browser.get("/erp/users")
        assert set(re.findall(r'(?:href|src|action)="(/[a-z]*)', html)) == {"/erp"}


async def somebody_under(world: World):  # type: ignore[no-untyped-def]
    from entrepot.kernel.units import unit
    from entrepot.modules.identity.commands import people

    person = await world.tenant()
    async with unit(world.house_of("identity"), person.tenant) as ctx:
        await people.create_user(ctx, f"{person.tenant.hex[-12:]}@pages.test", "Petra", PASSWORD, ["admin"])
    return None, person
