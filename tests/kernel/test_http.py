"""What every route does alike: keys, tags, previews, limits, languages, and input that is not what it should be."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from entrepot.testing.world import Person, World
from tests.kernel.conftest import MakeWorld

NAUGHTY = [
    "' OR 1=1; DROP TABLE trial.thing; --",
    "<script>alert(1)</script>",
    "{{7*7}} {name} %s %(x)s ${x} $1",
    "‮right to left‬ \u200bzero width",
    "Ünïcödé 日本語 עברית 🏳️‍🌈 e\u0301",
    "line\nbreak\ttab\r\nend",
    "NULL",
    "\\x00 \\u0000 \\",
    "\x01\x1f\x7f",
    "a" * 5000,
    "   spaces   ",
    "=cmd|' /C calc'!A0",
]


async def count(world: World, person: Person, table: str = "trial.thing") -> int:
    async with world.unit(person.tenant, "trial") as ctx:
        found: int = await ctx.value(f"SELECT count(*) FROM {table}")
        return found


# ── idempotency ──


async def test_the_same_key_replays_the_very_bytes(trial: World, ada: Person) -> None:
    key = {"idempotency-key": "key-1"}
    first = await ada.call("POST", "/things", {"name": "one", "amount": "1.10"}, headers=key)
    again = await ada.call("POST", "/things", {"name": "one", "amount": "1.10"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    assert await count(trial, ada) == 1
    problem = await ada.refused("POST", "/things", {"name": "other"}, status=422, headers=key)
    assert problem["field"] == "Idempotency-Key"
    assert await ada.refused("POST", "/tags", {"name": "one", "amount": "1.10"}, status=422, headers=key)
    stranger = await trial.tenant()
    await stranger.post("/things", {"name": "theirs"}, headers=key, status=201)
    assert await count(trial, ada) == 1


async def test_two_at_once_have_one_effect(trial: World, ada: Person) -> None:
    key = {"idempotency-key": "key-2"}
    answers = await asyncio.gather(*(ada.call("POST", "/things", {"name": "one"}, headers=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await count(trial, ada) == 1


async def test_after_a_day_the_key_is_free_again(trial: World, ada: Person) -> None:
    key = {"idempotency-key": "key-3"}
    first = await ada.post("/things", {"name": "one"}, headers=key)
    trial.clock.move(timedelta(hours=25))
    try:
        async with trial.unit(ada.tenant, "identity") as ctx:
            await ctx.run("UPDATE identity.session SET expires_at = $1", trial.clock() + timedelta(hours=1))
        second = await ada.post("/things", {"name": "two"}, headers=key)
    finally:
        trial.clock._at = None
    assert first["id"] != second["id"]
    assert await count(trial, ada) == 2


async def test_a_refusal_is_judged_anew(trial: World, ada: Person) -> None:
    key = {"idempotency-key": "key-4"}
    await ada.post("/things", {"name": "only one"})
    await ada.refused("POST", "/things", {"name": "only one"}, status=409, headers=key)
    things = await ada.get("/things")
    await ada.call("DELETE", f"/things/{things[0]['id']}")
    await ada.post("/things", {"name": "only one"}, headers=key, status=201)
    await ada.refused("POST", "/things", {"name": "x"}, status=422, headers={"idempotency-key": "k" * 201})


# ── what can be edited ──


async def test_a_stale_tag_is_refused(ada: Person) -> None:
    made = await ada.call("POST", "/things", {"name": "one"})
    path = f"/things/{made.json()['data']['id']}"
    assert made.headers["etag"] == '"1"'
    changed = await ada.call("PATCH", path, {"name": "two"}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    problem = await ada.refused("PATCH", path, {"name": "three"}, status=412, headers={"if-match": '"1"'})
    assert (problem["code"], problem["current"]) == ("stale", "2")
    await ada.refused("DELETE", path, status=412, headers={"if-match": 'W/"1"'})
    assert (await ada.get(path))["name"] == "two"
    for tag in ('"2"', "*"):
        assert (await ada.call("PATCH", path, {"name": "four"}, headers={"if-match": tag})).status_code == 200


async def test_of_two_editors_with_the_same_tag_one_wins(ada: Person) -> None:
    made = await ada.post("/things", {"name": "one"})
    answers = await asyncio.gather(
        *(
            ada.call("PATCH", f"/things/{made['id']}", {"name": name}, headers={"if-match": '"1"'})
            for name in ("a", "b", "c")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_a_preview_tells_everything_and_leaves_nothing(trial: World, ada: Person) -> None:
    body = {"name": "seen", "amount": "3.50"}
    answer = await ada.call("POST", "/things?preview=true", body, headers={"idempotency-key": "p"})
    assert answer.status_code == 200
    shown = answer.json()["data"]
    assert (shown["result"]["name"], shown["result"]["amount"], shown["refused"]) == ("seen", "3.50", [])
    assert [(c["action"], c["entity_type"], c["new"]["name"]) for c in shown["changes"]] == [
        ("create", "thing", "seen")
    ]
    assert shown["events"] == [
        {"name": "thing.made", "data": {"thing_id": shown["result"]["id"], "name": "seen", "amount": "3.50"}}
    ]
    for table in ("trial.thing", "kernel.status", "kernel.idempotency"):
        assert await count(trial, ada, table) == 0
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value("SELECT count(*) FROM kernel.event WHERE name = 'thing.made'") == 0
        assert await ctx.value("SELECT count(*) FROM kernel.audit_trail WHERE entity_type = 'thing'") == 0
    thing = await ada.post("/things", body)
    shown = (await ada.call("POST", f"/things/{thing['id']}/poke?preview=true", {"number": 1})).json()["data"]
    assert [event["name"] for event in shown["events"]] == ["thing.poked", "thing.echoed"]
    await trial.settle()
    assert await count(trial, ada, "trial.handled") == 0
    assert (await ada.call("POST", "/thing-numbers?preview=true", {})).json()["data"]["result"].endswith("-0001")
    assert (await ada.post("/thing-numbers", {})).endswith("-0001")


# ── input ──


@pytest.mark.covers("PLT-021", "PLT-022")
async def test_bodies_that_cannot_be_read(trial: World, ada: Person) -> None:
    json = {"content-type": "application/json"}
    deep = b'{"name": "x", "custom": {"a": ' + b"[" * 100_000
    for content in (
        b"{",
        b'{"name": }',
        b'{"name": "x",',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": "x"}{}',
        deep,
    ):
        problem = await ada.refused("POST", "/things", status=400, content=content, headers=json)
        assert problem["code"] == "malformed", content[:20]
    await ada.refused("POST", "/things", status=400, content=b"name=x", headers={"content-type": "text/plain"})
    for body, field in (
        ({}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x", "amount": "NaN"}, "amount"),
        ({"name": "x", "amount": "1e400"}, "amount"),
        ({"name": "x", "rank": 1.5}, "rank"),
        ({"name": "x", "rank": 2**70}, "rank"),
        ({"name": "x", "due": "2026-13-01"}, "due"),
        ({"name": "x", "unknown": 1}, "unknown"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x", "custom": {"a": "\x00"}}, "custom.a"),
        ({"name": "x", "custom": []}, "custom"),
    ):
        problem = await ada.refused("POST", "/things", body, status=422)
        assert problem["code"] == "invalid"
        assert problem["fields"][0]["field"] == field, (body, problem)
    nested: Any = "x"
    for _ in range(500):
        nested = [nested]
    await ada.refused("POST", "/things", {"name": "x", "custom": {"a": nested}}, status=422)
    for path in ("/things/not-an-id", "/things/%00", f"/things/{'9' * 400}"):
        await ada.refused("GET", path, status=404)
    await ada.refused("GET", "/nothing/here", status=404)
    assert (await ada.call("PUT", "/things")).headers["allow"] == "GET, HEAD, POST"
    assert await count(trial, ada) == 0


async def test_an_id_is_spelt_in_one_way(ada: Person) -> None:
    """In paths and filters as in bodies; the library would take it without dashes, in braces and as a URN as well."""
    id = (await ada.post("/things", {"name": "there"}))["id"]
    for same in (id, id.upper()):
        assert (await ada.get(f"/things/{same}"))["name"] == "there"
        assert [row["id"] for row in await ada.get("/things", params={"id": same})] == [id]
    for other in (id.replace("-", ""), f"{{{id}}}", f"urn:uuid:{id}"):
        await ada.refused("GET", f"/things/{other}", status=404)
        await ada.refused("GET", "/things", params={"id": other}, status=422)


async def test_naughty_strings_are_kept_as_they_are(ada: Person) -> None:
    for text in NAUGHTY:
        made = await ada.post("/things", {"name": text})
        assert made["name"] == text
        assert [row["name"] for row in await ada.get("/things", params={"name": text})] == [text]
        found = await ada.get("/things", params={"q": text.strip(), "name__contains": text})
        assert [row["name"] for row in found] == [text]


async def test_a_body_that_is_too_large(make_world: MakeWorld) -> None:
    world = await make_world(body_limit=2000)
    person = await world.tenant()
    problem = await person.refused("POST", "/things", {"name": "x" * 3000}, status=400)
    assert problem["limit"] == 2000

    async def dripping() -> Any:
        for _ in range(30):
            yield b" " * 100

    headers = {**person.headers, "content-type": "application/json"}
    answer = await world.client.post("/api/v1/things", content=dripping(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.covers("TEN-010", "TEN-011")
async def test_who_is_asking_and_may_they(trial: World, ada: Person) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eDp5"}):
        answer = await trial.client.get("/api/v1/things", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    clerk = await trial.colleague(ada, ["trial.view"])
    assert await clerk.get("/things") == []
    problem = await clerk.refused("POST", "/things", {"name": "x"}, status=403)
    assert problem["missing"] == "trial.edit"
    assert await count(trial, ada) == 0


@pytest.mark.covers("TEN-001", "TEN-002", "TEN-003")
async def test_the_tenant_named_must_be_the_credentials_own(make_world: MakeWorld) -> None:
    from entrepot.modules.identity.commands.tenancy import activate_tenant, suspend_tenant

    world = await make_world(base_domain="shop.test")
    mine, yours = await world.tenant("mine"), await world.tenant("yours")
    for headers in ({"x-tenant-id": "mine"}, {"x-tenant-id": str(mine.tenant)}, {"host": "mine.shop.test"}):
        assert await mine.get("/things", headers=headers) == []
    for headers in ({"x-tenant-id": "yours"}, {"x-tenant-id": str(yours.tenant)}, {"host": "yours.shop.test"}):
        await mine.refused("GET", "/things", status=403, headers=headers)
    for headers in ({"x-tenant-id": "nobody"}, {"host": "nobody.shop.test"}):
        await mine.refused("GET", "/things", status=404, headers=headers)
    await suspend_tenant(world.house_of("identity"), mine.tenant, "did not pay")
    assert (await mine.refused("GET", "/things", status=403))["detail"] == "this tenant is suspended"
    await activate_tenant(world.house_of("identity"), mine.tenant)
    assert await mine.get("/things") == []


# ── limits and headers ──


@pytest.mark.covers("GTW-006")
async def test_limits_by_address(make_world: MakeWorld) -> None:
    world = await make_world(address_limit=5, trusted_proxies="127.0.0.1")
    person = await world.tenant()
    here = {"x-forwarded-for": "203.0.113.9"}
    for _ in range(5):
        assert (await person.call("GET", "/things", headers=here)).status_code == 200
    answer = await person.call("GET", "/things", headers=here)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert (await person.call("GET", "/nothing", headers=here)).status_code == 429
    assert (await person.call("GET", "/things", headers={"x-forwarded-for": "203.0.113.10"})).status_code == 200


async def test_limits_by_tenant(make_world: MakeWorld) -> None:
    world = await make_world(tenant_limit=4)
    mine, yours = await world.tenant(), await world.tenant()
    answers = [(await mine.call("GET", "/things")).status_code for _ in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]
    assert (await yours.call("GET", "/things")).status_code == 200


@pytest.mark.covers("GTW-008")
async def test_each_gate_stands_behind_the_one_before(make_world: MakeWorld) -> None:
    """Throttle, CORS, who, which tenant, active, permission."""
    from entrepot.modules.identity.commands.tenancy import suspend_tenant

    world = await make_world(address_limit=6, trusted_proxies="127.0.0.1", cors_origins="https://shop.example")
    mine, yours = await world.tenant("mine"), await world.tenant("yours")
    clerk = await world.colleague(mine, ["trial.view"])
    call = {"origin": "https://shop.example", "x-forwarded-for": "203.0.113.1"}
    codes = []
    for step in range(7):
        if step == 3:
            await suspend_tenant(world.house_of("identity"), mine.tenant, "did not pay")
        who = {0: {}, 1: {"authorization": "Bearer x"}}.get(step, clerk.headers)
        named = {"x-tenant-id": "yours"} if step in (2, 3) else {}
        answer = await world.client.post("/api/v1/things", headers={**call, **who, **named}, content=b"{")
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        codes.append((answer.status_code, answer.json()["detail"]))
    assert [code for code, _ in codes] == [401, 401, 403, 403, 403, 403, 429]
    assert [detail for _, detail in codes[2:6]] == [
        "this credential belongs to another tenant",
        "this credential belongs to another tenant",
        "this tenant is suspended",
        "this tenant is suspended",
    ]
    assert await yours.get("/things", headers={"x-forwarded-for": "203.0.113.2"}) == []


@pytest.mark.covers("GTW-007")
async def test_other_sites_may_call_where_they_are_allowed(make_world: MakeWorld) -> None:
    world = await make_world(cors_origins="https://shop.example, https://other.example")
    ask = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = await world.client.options("/api/v1/things", headers=ask)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert {"authorization", "idempotency-key", "if-match"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    answer = await world.client.options("/api/v1/things", headers={**ask, "origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    person = await world.tenant()
    answer = await person.call("GET", "/things", headers={"origin": "https://shop.example"})
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == ("https://shop.example", "Origin")
    answer = await world.client.get("/api/v1/things", headers={"origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "https://shop.example")


async def test_request_ids_are_echoed_or_made(trial: World, ada: Person) -> None:
    answer = await ada.call("GET", "/things", headers={"x-request-id": "abc-123"})
    assert answer.headers["x-request-id"] == "abc-123"
    problem = await ada.refused("GET", "/nothing", status=404, headers={"x-request-id": "abc-124"})
    assert problem["request_id"] == "abc-124"
    for strange in ("a b", "x" * 101, ""):
        answer = await ada.call("GET", "/things", headers={"x-request-id": strange})
        assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.covers("I18-001")
async def test_the_language_is_the_one_asked_for(trial: World, ada: Person) -> None:
    path = "/things/00000000-0000-0000-0000-000000000000"
    texts = {}
    for accepted in ("nl", "nl-BE, en;q=0.5", "en;q=0.4, nl;q=0.9", "fr, nl; q=0.3", "en", "fr", "nl;q=0", "", ";;,q="):
        problem = await ada.refused("GET", path, status=404, headers={"accept-language": accepted})
        texts[accepted] = problem["detail"]
        assert problem["what"] == "thing"
    assert set(texts.values()) == {"there is no such thing", texts["nl"]}
    dutch = {accepted for accepted, text in texts.items() if text != "there is no such thing"}
    assert dutch == {"nl", "nl-BE, en;q=0.5", "en;q=0.4, nl;q=0.9", "fr, nl; q=0.3"}


async def test_queries_take_their_parameters_from_the_address(ada: Person) -> None:
    await ada.post("/things", {"name": "a", "amount": "1.50"})
    await ada.post("/things", {"name": "b", "amount": "2.50"})
    assert await ada.get("/things/count") == 2
    assert await ada.get("/things/count?least=2&good=true") == 1
    for query in ("least=x", "good=maybe", "nothing=1", "least=1e999"):
        await ada.refused("GET", f"/things/count?{query}", status=422)


async def test_answers_are_json_with_exact_decimals(ada: Person) -> None:
    answer = await ada.call("POST", "/things", {"name": "x", "amount": "1190.00"})
    assert answer.headers["content-type"] == "application/json"
    assert b'"amount":"1190.00"' in answer.content
    head = await ada.call("HEAD", f"/things/{answer.json()['data']['id']}")
    assert (head.status_code, head.content) == (200, b"")
    assert msgspec.json.decode(answer.content)["data"]["amount"] == "1190.00"
