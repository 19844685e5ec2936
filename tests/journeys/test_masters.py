"""Customers, settings, numbers and fields of a tenant's own."""

from __future__ import annotations

import pytest


@pytest.mark.covers("CUS-001", "CUS-008", "CUS-017", "CUS-018", "CUS-022", "CUS-023", "CUS-024", "CUS-025", "CUS-026")
async def test_a_customer_from_creation_to_suspension(world):
    shop = await world.tenant()
    body = {
        "name": "Groendus B.V.",
        "email": "orders@groendus.example",
        "phone": "+31 20 1234567",
        "type": "organization",
    }
    made = await shop.post("/customers", body, status=201)
    assert {k: made[k] for k in body} == body
    assert made["status"] == "active"
    await shop.refused("POST", "/customers", {**body, "email": "Orders@Groendus.example"}, status=409)
    problem = await shop.refused("POST", "/customers", {"name": "x", "email": "nobody"}, status=422)
    assert problem["fields"] == [{"field": "email", "problem": "this is not an e-mail address"}]
    changed = await shop.patch(f"/customers/{made['id']}", {"phone": "0800"}, headers={"if-match": '"1"'})
    assert (changed["phone"], changed["version"]) == ("0800", 2)
    await shop.refused("PATCH", f"/customers/{made['id']}", {"phone": "1"}, status=412, headers={"if-match": '"1"'})
    await shop.refused("POST", f"/customers/{made['id']}/suspend", {"reason": " "}, status=422)
    assert (await shop.post(f"/customers/{made['id']}/suspend", {"reason": "unpaid"}))["status"] == "suspended"
    problem = await shop.refused("POST", f"/customers/{made['id']}/suspend", {"reason": "again"}, status=409)
    assert problem["allowed"] == ["activate"]
    assert [row["name"] for row in await shop.get("/customers?q=groen")] == ["Groendus B.V."]


@pytest.mark.covers("NUM-001", "NUM-002", "NUM-004", "NUM-005", "NUM-006", "SET-001", "SET-008")
async def test_numbers_look_as_the_tenant_says(world):
    shop = await world.tenant()
    year = world.clock().year
    assert await shop.post("/numbers/next", {"document_type": "support_ticket"}) == f"SUP-{year}-00001"
    await shop.put("/number-series/invoice", {"pattern": "CC-{year}-{number}", "padding": 5})
    assert await shop.post("/numbers/next", {"document_type": "invoice"}) == f"CC-{year}-00001"
    assert await shop.post("/numbers/next", {"document_type": "invoice"}) == f"CC-{year}-00002"
    problem = await shop.refused(
        "PUT", "/number-series/invoice", {"pattern": "CC-{year}-{number}", "next": 2}, status=422
    )
    assert problem["fields"][0]["problem"] == "numbers up to this one were given already"
    await shop.refused("PUT", "/number-series/invoice", {"pattern": "no number"}, status=422)
    await shop.refused("POST", "/numbers/next", {"document_type": "nothing"}, status=404)
    assert await shop.post("/numbers/next", {"document_type": "order"}) == f"ORD-{year}-0001"


@pytest.mark.covers("PLT-003", "PLT-004", "PLT-007", "PLT-008", "PLT-015", "FUL-010", "FUL-011", "FUL-012", "OFR-010")
async def test_objects_and_fields_of_a_tenants_own(world):
    shop = await world.tenant()
    await shop.post(
        "/custom-objects",
        {"code": "work_order", "label": {"en": "Work order", "nl": "Werkbon"}, "statuses": ["planned", "done"]},
        status=201,
    )
    await shop.post(
        "/custom-fields", {"object": "work_order", "name": "hours", "kind": "number", "required": True}, status=201
    )
    await shop.post(
        "/custom-fields",
        {"object": "work_order", "name": "team", "kind": "choice", "choices": ["north", "south"]},
        status=201,
    )
    world.house_of("platform").forget(shop.tenant)
    problem = await shop.refused(
        "POST", "/custom-rows", {"object": "work_order", "name": "Charger", "custom": {"team": "east"}}, status=422
    )
    assert problem["fields"] == [
        {"field": "custom.team", "problem": "this is not a valid choice"},
        {"field": "custom.hours", "problem": "this field is required"},
    ]
    row = await shop.post(
        "/custom-rows",
        {"object": "work_order", "name": "Charger", "custom": {"team": "north", "hours": "2.5"}},
        status=201,
    )
    assert (row["status"], row["custom"]) == ("planned", {"team": "north", "hours": "2.5"})
    done = await shop.patch(f"/custom-rows/{row['id']}", {"status": "done", "custom": {"hours": "3"}})
    assert (done["status"], done["custom"]) == ("done", {"team": "north", "hours": "3"})
    await shop.refused("PATCH", f"/custom-rows/{row['id']}", {"status": "lost"}, status=422)
    assert [r["name"] for r in await shop.get("/custom-rows?object=work_order&custom__team=north")] == ["Charger"]
    assert await shop.get("/custom-rows?object=work_order&custom__team=south") == []


@pytest.mark.covers("TEN-001", "TEN-002", "TEN-003", "TEN-010")
async def test_the_tenant_comes_from_the_credential_and_must_agree(world):
    shop, other = await world.tenant("shop-one"), await world.tenant("shop-two")
    assert (await shop.get("/me", headers={"x-tenant-id": "shop-one"}))["tenant_id"] == str(shop.tenant)
    await shop.refused("GET", "/me", status=403, headers={"x-tenant-id": str(other.tenant)})
    await shop.refused("GET", "/me", status=404, headers={"x-tenant-id": "nobody"})
    shop.headers = {}
    await shop.refused("GET", "/me", status=401)
    shop.headers = {"authorization": "Bearer et_wrong_wrong"}
    await shop.refused("GET", "/me", status=401)
    from entrepot.modules.identity.commands import tenancy

    house = world.house_of("identity")
    await tenancy.suspend_tenant(house, other.tenant, "unpaid")
    for each, _ in world.houses.values():
        each.forget(None)
    problem = await other.refused("GET", "/me", status=403)
    assert problem["detail"] == "this tenant is suspended"
    await tenancy.activate_tenant(house, other.tenant)
    for each, _ in world.houses.values():
        each.forget(None)
    assert (await other.get("/me"))["tenant_id"] == str(other.tenant)


@pytest.mark.covers("SET-006", "SET-012")
async def test_an_api_key_is_shown_once_scoped_and_ended(world):
    shop = await world.tenant()
    made = await shop.post("/api-keys", {"name": "web shop", "scopes": ["products.view"]}, status=201)
    assert made["key"].startswith("ek_")
    listed = (await shop.get("/api-keys"))[0]
    assert (listed["hint"], "key" in listed, listed["scopes"]) == (made["key"][-4:], False, ["products.view"])
    key = {"authorization": f"Bearer {made['key']}"}
    assert await shop.get("/products", headers=key) == []
    problem = await shop.refused("GET", "/users", status=403, headers=key)
    assert problem["missing"] == "users.view"
    await shop.refused("POST", "/api-keys", {"name": "x", "scopes": ["no.such"]}, status=422)
    ended = (await shop.call("DELETE", f"/api-keys/{made['id']}")).json()["data"]
    assert ended["revoked_at"] is not None
    for each, _ in world.houses.values():
        each.forget(None)
    await shop.refused("GET", "/products", status=401, headers=key)


@pytest.mark.covers("TEN-013")
async def test_logging_in_and_waiting_after_wrong_passwords(house_world):
    shop = await house_world.tenant()
    email = f"p{shop.tenant.hex[-8:]}@shop.test"
    await shop.post("/users", {"email": email, "name": "Pia", "password": "a sentence nobody knows"}, status=201)
    await shop.refused("POST", "/users", {"email": "q@shop.test", "name": "Q", "password": "short"}, status=422)
    token = await shop.post("/auth/token", {"email": email.upper(), "password": "a sentence nobody knows"}, headers={})
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    assert (await shop.get("/me", headers=bearer))["name"] == "Pia"
    again = await shop.post("/auth/refresh", {"refresh_token": token["refresh_token"]})
    await shop.refused("POST", "/auth/refresh", {"refresh_token": token["refresh_token"]}, status=401)
    await shop.refused("GET", "/me", status=401, headers=bearer)
    bearer = {"authorization": f"Bearer {again['access_token']}"}
    for _ in range(5):
        await shop.refused("POST", "/auth/token", {"email": email, "password": "wrong"}, status=401)
    answer = await shop.call("POST", "/auth/token", {"email": email, "password": "a sentence nobody knows"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    await shop.post("/auth/logout", headers=bearer)
    await shop.refused("GET", "/me", status=401, headers=bearer)
