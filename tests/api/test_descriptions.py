"""The documents a process gives of itself: complete, cached, and readable in the viewer under a strict policy."""

import re
from typing import Any

import pytest

from entrepot import assembly
from entrepot.kernel import descriptions
from entrepot.kernel.http import BASE
from entrepot.kernel.module import Catalogue
from entrepot.kernel.openapi import openapi
from entrepot.testing.world import World


async def document(world: World, path: str) -> Any:
    response = await world.client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    return response.json()


@pytest.mark.covers("GTW-011", "OBS-013")
async def test_every_route_is_an_operation_and_every_operation_a_route(house_world: World) -> None:
    house, _ = house_world.houses["entrepot"]
    found = await document(house_world, "/openapi.json")
    operations = {(m.upper(), p) for p, methods in found["paths"].items() for m in methods}
    assert operations == {(route.method, BASE + route.path) for route in house.catalogue.routes}
    assert found["openapi"] == "3.1.0"


async def test_operation_ids_are_unique_and_every_operation_has_words_and_a_tag(house_world: World) -> None:
    found = await document(house_world, "/openapi.json")
    operations = [operation for methods in found["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    tags = {tag["name"] for tag in found["tags"]}
    assert [o["operationId"] for o in operations if not o["summary"] or not set(o["tags"]) <= tags] == []
    assert [tag["name"] for tag in found["tags"] if not tag["description"]] == []


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(references(inner) for inner in value))
    return set()


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
async def test_every_reference_leads_somewhere(house_world: World, path: str) -> None:
    found = await document(house_world, path)
    assert references(found)
    for reference in references(found):
        at = found
        for part in reference.removeprefix("#/").split("/"):
            at = at[part.replace("~1", "/").replace("~0", "~")]


async def test_a_command_says_what_it_takes_and_what_it_refuses(house_world: World) -> None:
    found = await document(house_world, "/openapi.json")
    change = found["paths"][BASE + "/users/{user_id}"]["patch"]
    assert change["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ChangeUser"}
    names = [p.get("name") or p["$ref"].rsplit("/", 1)[1] for p in change["parameters"]]
    assert names == ["user_id", "preview", "X-Business-Entity", "X-Tenant-ID", "If-Match", "X-Request-ID"]
    assert list(change["responses"]) == ["200", "400", "401", "403", "404", "409", "412", "422", "429", "503"]
    assert list(change["responses"]["200"]["headers"]) == ["X-Request-ID", "ETag"]
    assert change["x-permission"] == "users.edit"
    create = found["paths"][BASE + "/users"]["post"]
    assert list(create["responses"])[:2] == ["200", "201"]
    assert found["paths"][BASE + "/auth/token"]["post"]["security"] == []


async def test_a_list_has_its_whole_grammar(house_world: World) -> None:
    found = await document(house_world, "/openapi.json")
    listing = found["paths"][BASE + "/roles"]["get"]
    names = [p["name"] for p in listing["parameters"] if "name" in p]
    assert names[:6] == ["limit", "cursor", "sort", "count", "format", "q"]
    assert [n for n in names if n.startswith("code")] == [
        "code",
        *(f"code__{operator}" for operator in ("gte", "lte", "gt", "lt", "ne", "in", "contains")),
    ]
    assert set(listing["responses"]["200"]["content"]) == {
        "application/json",
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }


@pytest.mark.covers("OBS-014")
async def test_asyncapi_tells_who_tells_and_who_hears(house_world: World) -> None:
    house, _ = house_world.houses["entrepot"]
    found = await document(house_world, "/asyncapi.json")
    assert set(found["channels"]) == set(house.catalogue.events)
    heard = {f"{reaction.name}/{name}" for reaction in house.catalogue.reactions for name in reaction.events}
    assert {name for name, o in found["operations"].items() if o["action"] == "receive"} == heard
    assert set(found["components"]["schemas"]["Envelope"]["required"]) >= {"specversion", "id", "type", "source"}


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
async def test_who_has_the_document_does_not_get_it_again(house_world: World, path: str) -> None:
    first = await house_world.client.get(path)
    again = await house_world.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await house_world.client.get(path, headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_the_viewer_holds_nothing_inline(house_world: World, tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "manifest.json").write_text(
        '{"docs/viewer.css":{"file":"docs/v.1.css"},"docs/viewer.js":{"file":"docs/v.2.js"},'
        '"docs/init.js":{"file":"docs/i.3.js"}}'
    )
    monkeypatch.setattr(descriptions, "BUILT", tmp_path)
    page = await house_world.client.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert re.findall(r'(?:src|href)="([^"]+)"', page.text) == [
        "data:,",
        "/static/docs/v.1.css",
        "/static/docs/v.2.js",
        "/static/docs/i.3.js",
    ]
    assert '<div id="api-docs" data-spec="/openapi.json"></div>' in page.text
    assert re.findall(r"<script[^>]*>[^<]|style=", page.text) == []


async def test_without_built_assets_the_page_says_how_to_build_them(
    house_world: World, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(descriptions, "BUILT", tmp_path)
    page = await house_world.client.get("/docs")
    assert page.status_code == 200
    assert "This page is not built yet. Run: make assets" in page.text
    assert "<script" not in page.text


async def test_built_files_are_kept_for_ever_and_others_are_not_found(house_world: World, tmp_path: Any) -> None:
    from entrepot.kernel.ui.files import built_files

    (tmp_path / "a.123.css").write_text("body{}")
    _, web = house_world.houses["entrepot"]
    before = web.mounts["/static/"]
    web.mounts["/static/"] = built_files(tmp_path)
    try:
        found = await house_world.client.get("/static/a.123.css")
        missing = await house_world.client.get("/static/../a.123.css")
        outside = await house_world.client.get("/static/%2e%2e/%2e%2e/etc/passwd")
    finally:
        web.mounts["/static/"] = before
    assert (found.status_code, found.text) == (200, "body{}")
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (missing.status_code, outside.status_code) == (404, 404)
    assert outside.headers["content-type"] == "application/problem+json"


async def test_a_service_describes_the_others_when_asked() -> None:
    identity, platform = assembly.load_modules(["identity", "platform"])
    apart = Catalogue([platform], elsewhere=[identity])
    own, everything = openapi(apart), openapi(apart, elsewhere=True, prefix="/erp")
    assert {route.path for route in platform.all_routes()} == {path.removeprefix(BASE) for path in own["paths"]}
    assert set(everything["paths"]) - set(own["paths"]) == {BASE + route.path for route in identity.all_routes()}
    assert ([tag["name"] for tag in own["tags"]], everything["servers"]) == (["Platform"], [{"url": "/erp"}])
    # Its queries ask a neighbour who may be out of reach.
    assert "409" in own["paths"][BASE + "/settings"]["get"]["responses"]
    assert "409" not in openapi(Catalogue([platform, identity]))["paths"][BASE + "/settings"]["get"]["responses"]
