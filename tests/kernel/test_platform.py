"""Settings by level, fields of the tenant's own, declared records, and data in several languages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from entrepot.kernel import i18n
from entrepot.pure.errors import Invalid
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World

FIELDS = {
    "colour": {"kind": "choice", "choices": ["red", "blue"]},
    "weight": {"kind": "number"},
    "remark": {"kind": "text"},
    "fragile": {"kind": "boolean"},
    "best_before": {"kind": "date"},
    "twin": {"kind": "reference"},
}


# ── settings ──


async def test_settings_by_level(trial: World, ada: Person) -> None:
    async def won() -> tuple[Any, str]:
        shown = await ada.get("/settings/trial.colour")
        return shown["value"], shown["won"]

    assert await won() == ("grey", "default")
    await ada.put("/settings/trial.colour", {"value": "red"})
    assert await won() == ("red", "tenant")
    await ada.put("/settings/trial.colour", {"value": "blue", "level": "entity"})
    assert await won() == ("blue", "entity")
    await ada.put("/settings/trial.colour", {"value": "red", "level": "user"})
    assert await won() == ("red", "user")
    await ada.put("/settings/trial.colour", {"value": None, "level": "user"})
    assert await won() == ("blue", "entity")
    await ada.put("/settings/trial.colour", {"value": None, "level": "entity"})
    assert await won() == ("red", "tenant")
    assert (await (await trial.tenant()).get("/settings/trial.colour"))["value"] == "grey"
    for body, field in (
        ({"value": "green"}, "value"),
        ({"value": 5}, "value"),
        ({"value": "red", "level": "planet"}, "level"),
    ):
        problem = await ada.refused("PUT", "/settings/trial.colour", body, status=422)
        assert problem["field"] == field
    await ada.refused("PUT", "/settings/trial.limit", {"value": 3, "level": "user"}, status=422)
    await ada.refused("PUT", "/settings/trial.nothing", {"value": 3}, status=404)
    assert await won() == ("red", "tenant")


# ── custom fields ──


@pytest.fixture
async def fielded(ada: Person) -> Person:
    for name, body in FIELDS.items():
        await ada.post("/custom-fields", {"object": "thing", "name": name, **body}, status=201)
    return ada


@pytest.mark.covers("PLT-004")
async def test_fields_of_every_kind_are_checked_and_kept(trial: World, fielded: Person) -> None:
    twin = str(new_id())
    given = {
        "colour": "red",
        "weight": "1.50",
        "remark": "it's {fine}",
        "fragile": True,
        "best_before": "2026-03-01",
        "twin": twin,
    }
    made = await fielded.post("/things", {"name": "one", "custom": given})
    assert made["custom"] == given
    other = await fielded.post("/things", {"name": "two", "custom": {"weight": 3}})
    assert other["custom"] == {"weight": "3"}
    found = await fielded.get("/things", params={"custom__colour": "red"})
    assert [row["name"] for row in found] == ["one"]
    async with trial.unit(fielded.tenant, "trial") as ctx:
        trail = await ctx.value("SELECT new FROM kernel.audit_trail WHERE entity_id = $1", UUID(made["id"]))
    assert trail["custom"] == given


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "green"),
        ("colour", ["red"]),
        ("weight", "heavy"),
        ("weight", "NaN"),
        ("weight", True),
        ("weight", "1e999"),
        ("remark", 5),
        ("fragile", "yes"),
        ("fragile", 1),
        ("best_before", "soon"),
        ("best_before", 20260301),
        ("twin", "x"),
        ("twin", 5),
        ("twin", "{01890a5d-ac96-774b-bcce-b302099a8057}"),
        ("nothing", "x"),
    ],
)
async def test_wrong_values_are_named(fielded: Person, name: str, value: Any) -> None:
    problem = await fielded.refused("POST", "/things", {"name": "x", "custom": {name: value}}, status=422)
    assert [field["field"] for field in problem["fields"]] == [f"custom.{name}"]
    assert await fielded.get("/things") == []


async def test_required_fields_are_asked_for_until_archived(trial: World, ada: Person) -> None:
    field = await ada.post("/custom-fields", {"object": "tag", "name": "code", "kind": "text", "required": True})
    problem = await ada.refused("POST", "/tags", {"name": "x"}, status=422)
    assert problem["fields"] == [{"field": "custom.code", "problem": "this field is required"}]
    made = await ada.post("/tags", {"name": "x", "custom": {"code": "A"}})
    changed = await ada.patch(f"/tags/{made['id']}", {"name": "y"})
    assert changed["custom"] == {"code": "A"}
    await ada.post("/things", {"name": "not a tag"})
    await (await trial.tenant()).post("/tags", {"name": "not theirs"})
    await ada.call("DELETE", f"/custom-fields/{field['id']}")
    await ada.post("/tags", {"name": "z"})


# ── records ──


@pytest.mark.covers("PLT-020")
async def test_a_declared_record_has_everything(trial: World, ada: Person) -> None:
    made = await ada.call("POST", "/tags", {"name": "new", "weight": "2.50"})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    tag = made.json()["data"]
    assert (tag["name"], tag["weight"], tag["note"], tag["archived_at"]) == ("new", "2.50", None, None)
    path = f"/tags/{tag['id']}"
    assert await ada.get(path) == tag
    await ada.refused("POST", "/tags", {"name": "new"}, status=409)
    await ada.refused("POST", "/tags", {}, status=422)
    await ada.refused("POST", "/tags", {"name": "x", "version": 5}, status=422)
    changed = await ada.patch(path, {"note": "now with a note"})
    assert (changed["name"], changed["note"], changed["version"]) == ("new", "now with a note", 2)
    await ada.refused("PATCH", path, {"note": "stale"}, status=412, headers={"if-match": '"1"'})
    await ada.refused("PATCH", path, {}, status=422)
    await ada.post("/tags", {"name": "other"})
    assert [row["name"] for row in await ada.get("/tags?sort=-name")] == ["other", "new"]
    assert [row["name"] for row in await ada.get("/tags?q=a note")] == ["new"]
    assert [row["name"] for row in await ada.get("/tags?weight__gt=1")] == ["new"]
    archived = await ada.call("DELETE", path)
    assert archived.json()["data"]["archived_at"] is not None
    await ada.refused("PATCH", path, {"note": "x"}, status=409)
    assert [row["name"] for row in await ada.get("/tags?archived_at__null=true")] == ["other"]
    sheet = (await ada.call("GET", "/tags?format=csv&sort=name")).content.decode("utf-8-sig").splitlines()
    assert sheet[0] == "id,name,weight,note,custom,archived_at,created_at,updated_at,version"
    assert [line.split(",")[1:4] for line in sheet[1:]] == [["new", "2.50", "now with a note"], ["other", "1", ""]]
    clerk = await trial.colleague(ada, ["trial.view"])
    await clerk.refused("POST", "/tags", {"name": "x"}, status=403)
    assert await (await trial.tenant()).get("/tags") == []
    async with trial.unit(ada.tenant, "trial") as ctx:
        events = await ctx.connection.fetch(
            "SELECT name, data FROM kernel.event WHERE subject = $1 ORDER BY seq", tag["id"]
        )
        trail = await ctx.connection.fetch(
            "SELECT action FROM kernel.audit_trail WHERE entity_type = 'tag' AND entity_id = $1 ORDER BY seq",
            UUID(tag["id"]),
        )
    assert [row["name"] for row in events] == ["tag.created", "tag.updated", "tag.archived"]
    assert events[0]["data"]["fields"] == {"name": "new", "weight": "2.50", "custom": {}}
    assert events[1]["data"]["fields"] == {"note": "now with a note"}
    assert [row["action"] for row in trail] == ["create", "update", "update"]


# ── languages ──


@pytest.mark.covers("I18-002", "I18-003", "I18-004")
async def test_data_in_several_languages(trial: World, ada: Person) -> None:
    one, other = new_id(), new_id()
    async with trial.unit(ada.tenant, "trial", locale="nl") as ctx:
        await i18n.set_translation(ctx, "thing", one, "nl", {"name": "Bout", "note": "", "unit": "stuk"})
        await i18n.set_translation(ctx, "thing", one, "en", {"name": "Bolt"})
        await i18n.set_translation(ctx, "thing", one, "nl", {})
        await i18n.set_translation(ctx, "thing", one, "nl", {"name": "Boutje", "unit": ""})
        assert await i18n.translations(ctx, "thing", one) == {"en": {"name": "Bolt"}, "nl": {"name": "Boutje"}}
        assert await i18n.translated(ctx, "thing", [one, other]) == {one: {"name": "Boutje"}}
        assert await i18n.translated(ctx, "thing", [one], "en") == {one: {"name": "Bolt"}}
        assert await i18n.translated(ctx, "tag", [one]) == {}
        with pytest.raises(Invalid):
            await i18n.set_translation(ctx, "thing", one, "tlh", {"name": "x"})
    async with trial.unit((await trial.tenant()).tenant, "trial") as ctx:
        assert await i18n.translations(ctx, "thing", one) == {}


@pytest.mark.parametrize(
    ("accepted", "preferred", "picked"),
    [
        ("", "nl", "nl"),
        ("", "fr", "en"),
        ("nl-BE", "en", "nl"),
        ("de, nl;q=0.2, en;q=0.8", "nl", "en"),
        ("nl; q=0.9, en; q=0.1", "en", "nl"),
        ("nl;q=0, *", "en", "en"),
        ("NL", "en", "nl"),
        ("nl;q=x, en;q=9", "nl", "nl"),
        ("x" * 500, "en", "en"),
    ],
)
def test_which_language_is_picked(accepted: str, preferred: str, picked: str) -> None:
    assert i18n.pick_locale(accepted, preferred) == picked


def test_messages_are_filled_and_words_translated() -> None:
    assert i18n.translate("there is no such {what}", "en", {"what": "thing"}) == "there is no such thing"
    assert "{" not in i18n.translate("there is no such {what}", "nl", {"what": "thing"})
    assert i18n.translate("no {translation} yet", "nl", {"translation": "x"}) == "no x yet"
    assert i18n.translate("{missing} fact", "en", {}) == "{missing} fact"
