"""Lists, details and forms, by the pages of identity and platform."""

from __future__ import annotations

import re
from urllib.parse import quote

from browsing import Browser, problems, somebody

from entrepot.testing.world import World


def cells(html: str) -> list[list[str]]:
    """The rows of the page's table as text."""
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", body.group(1), re.S) if body else []
    return [
        [
            re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", cell)).strip()
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)
        ]
        for row in rows
    ]


def headings(html: str) -> list[str]:
    head = re.search(r"<thead>(.*?)</thead>", html, re.S)
    assert head is not None
    return [
        re.sub(r"<[^>]+>|\s+", " ", cell).strip() for cell in re.findall(r"<th[^>]*>(.*?)</th>", head.group(1), re.S)
    ]


async def people_of(browser: Browser, person) -> None:  # type: ignore[no-untyped-def]
    for name in ("Anna", "Bram", "Chris"):
        await person.post("/users", {"email": f"{name.lower()}@list.test", "name": name})


async def test_a_list_shows_its_columns_and_rows(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await people_of(browser, person)
    html = await browser.get("/users?sort=name&q=list.test&columns=name,email,active")
    assert headings(html) == ["Name", "Email", "Active"]
    assert cells(html) == [
        ["Anna", "anna@list.test", "Yes"],
        ["Bram", "bram@list.test", "Yes"],
        ["Chris", "chris@list.test", "Yes"],
    ]


async def test_a_list_goes_on_where_it_stopped(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await people_of(browser, person)
    html = await browser.get("/users?sort=-name&limit=2&columns=name&q=list.test")
    assert [row[0] for row in cells(html)] == ["Chris", "Bram"]
    following = re.search(r'href="([^"]+)"[^>]*rel="next"', html)
    assert following is not None
    html = await browser.get(following.group(1).replace("&amp;", "&"))
    assert [row[0] for row in cells(html)] == ["Anna"]
    assert 'rel="next"' not in html


async def test_a_list_is_counted_only_when_asked(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await people_of(browser, person)
    html = await browser.get("/users?limit=2&q=list.test")
    assert "2 shown" in html
    assert "3 in all" in await browser.get("/users?limit=2&q=list.test&count=true")


async def test_a_filter_that_fits_nothing_says_what_to_do(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    html = await browser.get("/users?q=nobodyiscalledthis")
    assert "Nothing fits" in html
    html = await browser.get("/users?active=perhaps")
    assert problems(html) == ["this is not a valid value: perhaps"]


async def test_htmx_gets_the_body_alone(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    html = await browser.get("/users?sort=name", **{"hx-request": "true"})
    assert "<html" not in html
    assert html.lstrip().startswith('<div class="card app-list"')


async def test_chosen_columns_and_views_are_ones_own(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await people_of(browser, person)
    await browser.post("/users/views", [("query", "sort=name"), ("columns", "email"), ("columns", "name")])
    assert headings(await browser.get("/users")) == ["Email", "Name"]
    await browser.post("/users/views", {"query": "q=anna&sort=name", "name": "Annas", "opens": "true"})
    html = await browser.get("/users")
    assert cells(html) == [["anna@list.test", "Anna"]]
    assert len(cells(await browser.get("/users?sort="))) == 5
    view = re.search(r'name="forget" value="([^"]+)"', html)
    assert view is not None
    await browser.post("/users/views", {"forget": view.group(1), "query": ""})
    assert len(cells(await browser.get("/users"))) == 5


async def test_an_export_holds_the_chosen_columns_under_the_filters(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await people_of(browser, person)
    response = await browser.call("GET", "/users?format=csv&columns=name,email&q=list.test&sort=name")
    assert response.headers["content-disposition"] == 'attachment; filename="users.csv"'
    assert response.content.decode("utf-8-sig").splitlines() == [
        "name,email", "Anna,anna@list.test", "Bram,bram@list.test", "Chris,chris@list.test",
    ]  # fmt: skip
    assert (await browser.call("GET", "/users?format=xlsx")).content[:2] == b"PK"


async def test_a_form_makes_something_and_leads_to_it(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await browser.get("/users/new")
    response = await browser.post(
        "/users/new",
        [("name", "Nora New"), ("email", "nora@new.test"), ("roles", "admin"), ("locale", "nl"), ("once", "k1")],
    )
    made = (await person.get("/users?email=nora@new.test"))[0]
    assert response.headers["location"] == f"/users/{made['id']}"
    assert (made["name"], made["roles"], made["locale"]) == ("Nora New", ["admin"], "nl")
    html = await browser.get(response.headers["location"])
    assert "<h1>Nora New</h1>" in html
    assert '<template data-toast="success">Saved</template>' in html
    assert "<template data-toast" not in await browser.get(response.headers["location"])


async def test_the_same_form_sent_twice_takes_effect_once(house_world: World) -> None:
    browser, person = await somebody(house_world)
    form = {"name": "Once Only", "email": "once@new.test", "locale": "en", "once": "twice"}
    first = await browser.post("/users/new", form)
    second = await browser.post("/users/new", form)
    assert first.headers["location"] == second.headers["location"]
    assert len(await person.get("/users?email=once@new.test")) == 1


async def test_a_refusal_stands_beside_its_field_and_nothing_is_lost(house_world: World) -> None:
    browser, person = await somebody(house_world)
    response = await browser.post("/users/new", {"name": "Wrong", "email": "nope", "locale": "en"}, status=422)
    assert re.search(r'id="f-email-problem">.*?this is not an e-mail address</div>', response.text)
    assert 'aria-invalid="true" aria-describedby="f-email-problem"' in response.text
    assert 'value="Wrong"' in response.text
    response = await browser.post("/users/new", {"name": "", "email": "", "locale": "en"}, status=422)
    assert problems(response.text)[1:] == ["this field is required", "this field is required"]
    assert await person.get("/users?name=Wrong") == []


async def test_a_form_changes_what_it_shows(house_world: World) -> None:
    browser, person = await somebody(house_world)
    user = await person.post("/users", {"email": "c@change.test", "name": "Before", "roles": ["admin"]})
    html = await browser.get(f"/users/{user['id']}/change")
    assert 'value="Before"' in html
    assert '<option value="admin" selected>Administrator</option>' in html
    await browser.post(
        f"/users/{user['id']}/change", {"name": "After", "locale": "en", "active": "true", "version": "1"}
    )
    changed = await person.get(f"/users/{user['id']}")
    assert (changed["name"], changed["roles"], changed["active"]) == ("After", [], True)
    timeline = await browser.get(f"/users/{user['id']}")
    assert "<del>Before</del> → <ins>After</ins>" in timeline


async def test_a_form_refuses_what_somebody_changed_meanwhile(house_world: World) -> None:
    browser, person = await somebody(house_world)
    user = await person.post("/users", {"email": "d@change.test", "name": "Before"})
    await person.patch(f"/users/{user['id']}", {"name": "Faster"})
    form = {"name": "Slower", "locale": "en", "active": "true", "version": "1"}
    response = await browser.post(f"/users/{user['id']}/change", form, status=412)
    assert problems(response.text) == ["somebody changed this after you looked; read it again"]
    assert (await person.get(f"/users/{user['id']}"))["name"] == "Faster"


async def test_who_may_see_but_not_edit_has_no_buttons(house_world: World) -> None:
    browser, person = await somebody(house_world, permissions=("users.view",))
    html = await browser.get("/users")
    assert "/users/new" not in html
    await browser.get("/users/new", status=403)
    await browser.post("/users/new", {"name": "X", "email": "x@y.test"}, status=403)
    assert len(await person.get("/users")) == 2


async def test_roles_are_edited_as_a_matrix(house_world: World) -> None:
    browser, person = await somebody(house_world)
    html = await browser.get("/roles/new")
    assert 'name="permissions" value="users.edit"' in html
    assert 'name="permissions" value="users.*"' in html
    await browser.post(
        "/roles/new", [("code", "clerk"), ("name", "Clerk"), ("permissions", "users.view"), ("permissions", "keys.*")]
    )
    role = (await person.get("/roles?code=clerk"))[0]
    assert role["permissions"] == ["keys.*", "users.view"]
    html = await browser.get(f"/roles/{role['id']}/change")
    assert re.findall(r'value="([a-z.*]+)" checked', html) == ["keys.*", "users.view"]


async def test_a_key_is_shown_once_and_revoked_by_a_button(house_world: World) -> None:
    browser, person = await somebody(house_world)
    response = await browser.post("/api-keys/new", [("name", "Web shop"), ("scopes", "users.view")], status=200)
    secret = re.search(r'<code class="app-secret">(ek_[^<]+)</code>', response.text)
    assert secret is not None
    key = (await person.get("/api-keys"))[0]
    html = await browser.get(f"/api-keys/{key['id']}")
    assert secret.group(1) not in html
    assert f'action="/api-keys/{key["id"]}/revoke"' in html
    await browser.post(f"/api-keys/{key['id']}/revoke")
    assert (await person.get(f"/api-keys/{key['id']}"))["revoked_at"] is not None
    assert "/revoke" not in await browser.get(f"/api-keys/{key['id']}")


async def test_a_setting_shows_its_levels_and_which_one_decides(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await browser.post("/settings", {"key": "platform.timezone", "level": "tenant", "value": "Europe/London"})
    await browser.post("/settings", {"key": "platform.timezone", "level": "user", "value": "Asia/Tokyo"})
    html = await browser.get("/settings")
    setting = html[html.index('id="platform.timezone"') :]
    assert "Holds now: <strong>Asia/Tokyo</strong>" in setting
    assert re.search(r'app-level-wins">.*?For me<span', setting, re.S)
    assert (await person.get("/settings/platform.timezone"))["value"] == "Europe/London"
    await browser.post("/settings", {"key": "platform.timezone", "level": "user", "take": "1"})
    html = await browser.get("/settings")
    assert "Holds now: <strong>Europe/London</strong>" in html


async def test_a_custom_object_has_pages_without_a_line(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await person.post("/custom-objects", {"code": "visit", "label": {"en": "Visits"}, "statuses": ["planned", "done"]})
    field = {"object": "visit", "name": "street", "kind": "text", "label": {"en": "Street"}, "required": True}
    await person.post("/custom-fields", field)
    html = await browser.get("/objects/visit/new")
    assert 'name="custom.street"' in html
    response = await browser.post("/objects/visit/new", {"name": "Meter", "status": "planned"}, status=422)
    assert re.search(r'id="f-custom-street-problem">.*?this field is required', response.text)
    await browser.post("/objects/visit/new", {"name": "Meter", "status": "planned", "custom.street": "Kade 1"})
    html = await browser.get("/objects/visit")
    assert headings(html) == ["Name", "Status", "Created", "Street"]
    assert [row[0::3] for row in cells(html)] == [["Meter", "Kade 1"]]


async def test_another_tenants_row_is_not_there(house_world: World) -> None:
    browser, _ = await somebody(house_world)
    _, other = await somebody(house_world)
    user = await other.post("/users", {"email": "o@other.test", "name": "Other"})
    for path in (f"/users/{user['id']}", f"/users/{user['id']}/change"):
        assert "Other" not in await browser.get(path, status=404)


async def test_a_note_joins_the_timeline(house_world: World) -> None:
    browser, person = await somebody(house_world)
    user = await person.post("/users", {"email": "n@note.test", "name": "Noted"})
    await browser.get(f"/users/{user['id']}")
    await browser.post(f"/users/{user['id']}/notes", {"body": "Called <twice>"})
    html = await browser.get(f"/users/{user['id']}")
    assert '<p class="app-said">Called &lt;twice&gt;</p>' in html
    assert "Petra Pages" in html


async def test_a_lookup_offers_what_matches(house_world: World) -> None:
    browser, person = await somebody(house_world)
    await people_of(browser, person)
    found = await browser.call("GET", f"/pick/users?q={quote('ann')}", accept="application/json")
    assert [(f["text"], f["hint"]) for f in found.json()] == [("Anna", "anna@list.test")]


async def test_a_switch_can_be_left_unset(house_world: World) -> None:
    browser, person = await somebody(house_world)
    key = "orders.pos_prices_include_tax"
    await browser.post("/settings", {"key": key, "level": "tenant", "value": "false"})
    assert (await person.get(f"/settings/{key}"))["value"] is False
    await browser.post("/settings", {"key": key, "level": "tenant", "value": ""})
    assert (await person.get(f"/settings/{key}"))["won"] == "default"
