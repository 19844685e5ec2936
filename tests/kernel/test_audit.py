"""Whoever changes a row leaves a trace in the same transaction, and nobody can take it away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from entrepot.kernel.db import METADATA, TABLES, Tenanted, decimal, ranked
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World

TRAIL = (
    "SELECT action, actor, actor_name, actor_kind, address, agent, request_id, correlation, old, new "
    "FROM kernel.audit_trail WHERE entity_type = 'thing' AND entity_id = $1 ORDER BY seq"
)


async def trail(world: World, tenant: UUID, thing: UUID) -> list[dict[str, Any]]:
    async with world.unit(tenant, "trial") as ctx:
        return [dict(row) for row in await ctx.connection.fetch(TRAIL, thing)]


@pytest.mark.covers("AUD-009", "AUD-010", "AUD-012", "PLT-019")
async def test_commands_leave_a_trace(trial: World, ada: Person) -> None:
    headers = {"x-request-id": "req-1", "user-agent": "Till/1 'quoted'"}
    made = await ada.post("/things", {"name": "it's", "amount": "1.50", "secret": "hush"}, headers=headers)
    thing = UUID(made["id"])
    await ada.patch(f"/things/{thing}", {"amount": "2.50"}, headers={**headers, "x-request-id": "req-2"})
    await ada.call("DELETE", f"/things/{thing}", headers={**headers, "x-request-id": "req-3"})
    create, update, delete = await trail(trial, ada.tenant, thing)
    me = await ada.get("/me")
    for row, request in ((create, "req-1"), (update, "req-2"), (delete, "req-3")):
        assert str(row["actor"]) == me["id"]
        assert (row["actor_name"], row["actor_kind"], row["address"]) == ("Ada Admin", "user", "127.0.0.1")
        assert (row["agent"], row["request_id"], row["correlation"]) == ("Till/1 'quoted'", request, request)
    assert (create["action"], create["old"]) == ("create", None)
    assert (create["new"]["name"], create["new"]["amount"]) == ("it's", 1.5)
    assert (update["action"], update["old"]["amount"], update["new"]["amount"]) == ("update", 1.5, 2.5)
    assert set(update["new"]) == {"amount", "version", "updated_at"}
    assert (delete["action"], delete["new"], delete["old"]["amount"]) == ("delete", None, 2.5)
    for row in (create, update, delete):
        assert "hush" not in str(row)
        assert not {"secret", "tenant_id"} & {*(row["old"] or {}), *(row["new"] or {})}


async def test_raw_sql_leaves_a_trace_and_a_rollback_takes_it_along(trial: World, ada: Person) -> None:
    first, second = new_id(), new_id()
    insert = "INSERT INTO trial.thing (id, name) VALUES ($1, 'a'), ($2, 'b')"
    with pytest.raises(ZeroDivisionError):
        async with trial.unit(ada.tenant, "trial") as ctx:
            await ctx.run(insert, first, second)
            raise ZeroDivisionError
    assert await trail(trial, ada.tenant, first) == []
    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.run(insert, first, second)
        await ctx.run("UPDATE trial.thing SET rank = rank + 1")
        await ctx.run("UPDATE trial.thing SET rank = rank, version = version + 1, updated_at = now()")
        await ctx.run("UPDATE trial.thing SET secret = 'x' WHERE id = $1", first)
        await ctx.run("DELETE FROM trial.thing WHERE id = $1", second)
    rows = await trail(trial, ada.tenant, first)
    assert [(row["action"], row["old"], row["new"]) for row in rows[1:]] == [
        ("update", {"rank": 0}, {"rank": 1}),
        ("update", {}, {}),  # something masked changed, and that much is told
    ]
    assert [row["action"] for row in await trail(trial, ada.tenant, second)] == ["create", "update", "delete"]
    assert {row["actor_kind"] for row in rows} == {"system"}


async def test_a_new_row_is_kept_as_it_is_and_told_without_its_tenant(trial: World, ada: Person) -> None:
    first, second = new_id(), new_id()
    async with trial.unit(ada.tenant, "trial") as ctx:
        insert = "INSERT INTO trial.taken (id, name, amount) VALUES ($1, 'it''s', 1.50), ($2, 'two', 0)"
        await ctx.run(insert, first, second)
        await ctx.run("UPDATE trial.taken SET amount = 2 WHERE id = $1", first)
        rows = await ctx.connection.fetch(
            "SELECT action, old, new, made::text, kernel.trailed(old) AS was, kernel.trailed(new, made) AS said "
            "FROM kernel.audit_trail WHERE entity_type = 'taken' ORDER BY seq"
        )
    whole = f'{{"tenant_id":"{ada.tenant}","id":"%s","name":"%s","amount":%s}}'
    assert [tuple(row)[:4] for row in rows] == [
        ("create", None, None, whole % (first, "it's", "1.50")),
        ("create", None, None, whole % (second, "two", "0")),
        ("update", {"amount": 1.5}, {"amount": 2}, None),
    ]
    assert [(row["was"], row["said"]) for row in rows] == [
        (None, {"id": str(first), "name": "it's", "amount": 1.5}),
        (None, {"id": str(second), "name": "two", "amount": 0}),
        ({"amount": 1.5}, {"amount": 2}),
    ]


@pytest.mark.parametrize(
    ("said", "made", "told"),
    [
        (None, None, None),
        ("{}", None, {}),
        (None, '{"total": 1.50, "total_rank": 1.5, "tenant_id": "x"}', {"total": 1.5}),
        ('{"total": 1.50, "total_rank": 1.5}', None, {"total": 1.5}),
        (None, '{"supplier_rank": 3, "rank": 1, "_rank": 2}', {"supplier_rank": 3, "rank": 1, "_rank": 2}),
    ],
)
async def test_ranks_of_what_is_there_are_left_out(
    trial: World, ada: Person, said: str | None, made: str | None, told: dict[str, Any] | None
) -> None:
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value("SELECT kernel.trailed($1::text::jsonb, $2::text::json)", said, made) == told


@pytest.mark.parametrize(
    "columns", [{"worth": ranked("total")}, {"total_rank": decimal()}, {"total_rank": ranked("paid")}]
)
def test_nothing_but_a_rank_is_called_as_one(columns: dict[str, Any]) -> None:
    """Or the trail would show it, or hide what it should tell."""
    before = len(TABLES), set(METADATA.tables)
    with pytest.raises(TypeError, match=r"^trial\.ranking: the rank of a column"):
        type(
            "Ranking", (Tenanted,), {"total": decimal(), "paid": decimal(), **columns}, table="ranking", schema="trial"
        )
    assert (len(TABLES), set(METADATA.tables)) == before


async def test_nobody_can_forge_change_or_remove_the_trail(trial: World, ada: Person) -> None:
    made = await ada.post("/things", {"name": "one"})
    owner = await asyncpg.connect(trial.owner())
    parts = await owner.fetchval(
        "SELECT array_agg(inhrelid::regclass::text) FROM pg_inherits "
        "WHERE inhparent IN ('kernel.audit_trail'::regclass, 'kernel.event'::regclass)"
    )
    await owner.close()
    assert len(parts) > 50
    forbidden = [
        "INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id) "
        f"VALUES ('{ada.tenant}', 'create', 'thing', '{made['id']}')",
        "UPDATE kernel.audit_trail SET actor_name = 'somebody'",
        "DELETE FROM kernel.audit_trail",
        "TRUNCATE kernel.audit_trail",
        "UPDATE kernel.event SET data = '{}'",
        "DELETE FROM kernel.event",
        "UPDATE kernel.status_history SET reason = ''",
        "UPDATE trial.line SET amount = 0",
        "DELETE FROM trial.line",
        "ALTER TABLE trial.thing DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_insert ON trial.thing",
        "ALTER TABLE trial.thing DISABLE ROW LEVEL SECURITY",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION kernel.audit_rows() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        *(f"SELECT * FROM {part}" for part in parts),
        *(f"DELETE FROM {part}" for part in parts),
    ]
    for role in ("", "SET LOCAL ROLE entrepot_system; "):
        async with trial.house_of("trial").databases.main.connection() as connection:
            for statement in forbidden:
                # The house itself may tidy the log of nobody either.
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with connection.transaction():
                        await connection.execute(f"{role}SET LOCAL app.tenant = '{ada.tenant}'")
                        await connection.execute(statement)
    [row] = await trail(trial, ada.tenant, UUID(made["id"]))
    assert (row["action"], row["actor_name"]) == ("create", "Ada Admin")
