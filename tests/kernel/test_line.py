"""Writes that nobody waits for travel together, and nobody can tell but by the number of round trips."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import pytest

from entrepot.kernel.ctx import Actor, Again, Caller, Origin
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World
from tests.kernel.trial.tables import Handled, Tag, Thing

NAMES = "SELECT array_agg(name ORDER BY name) FROM trial.thing"


def handled(number: int) -> dict[str, Any]:
    return {"at": number, "reaction": "line", "thing_id": new_id(), "number": number}


async def test_what_is_written_later_goes_as_one_statement_with_the_commit(
    trial: World, ada: Person, sent: list[str]
) -> None:
    async with trial.unit(ada.tenant, "trial") as ctx:
        sent.clear()
        await ctx.add_later(Thing, [{"name": "a", "rank": 1}, {"name": "b", "rank": 2}])
        await ctx.add_later(Handled, [handled(number) for number in range(12)])
        await ctx.run_later("trial.tag", "INSERT INTO trial.tag (id, name) VALUES ($1, $2)", new_id(), "t")
        assert sent == []
    assert [text[:30] for text in sent] == ["WITH part_0 AS (INSERT INTO tr", "COMMIT"]
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value(NAMES) == ["a", "b"]
        assert await ctx.value("SELECT array_agg(number ORDER BY at) FROM trial.handled") == list(range(12))
        assert await ctx.value("SELECT name FROM trial.tag") == "t"


async def test_who_reads_sees_it_and_only_who_says_so_overtakes_it(trial: World, ada: Person, sent: list[str]) -> None:
    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add_later(Thing, [{"name": "a"}])
        assert await ctx.ask(NAMES, tables=("trial.tag",)) == [(None,)]
        assert await ctx.ask(NAMES, tables=("trial.tag", "trial.thing")) == [(["a"],)]
        await ctx.add_later(Thing, [{"name": "b"}])
        assert await ctx.value(NAMES) == ["a", "b"]
        await ctx.add_later(Thing, [{"name": "c"}])
        sent.clear()
        await ctx.add_later(Thing, [{"name": "d"}])
        assert len(sent) == 1, "one table is written once in a statement, so that each sees the one before"
        await ctx.run("UPDATE trial.thing SET name = name || '!'")
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value(NAMES) == ["a!", "b!", "c!", "d!"]


async def test_a_key_that_is_taken_means_what_its_own_write_says(trial: World, ada: Person) -> None:
    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add(Thing, name="only one")
        await ctx.add(Tag, name="t")
    with pytest.raises(Again):
        async with trial.unit(ada.tenant, "trial") as ctx:
            await ctx.add_later(Tag, [{"name": "other"}])
            await ctx.add_later(Thing, [{"name": "only one"}], twice=Again)
    with pytest.raises(Conflict) as refused:
        async with trial.unit(ada.tenant, "trial") as ctx:
            await ctx.add_later(Thing, [{"name": "only two"}], twice=Again)
            await ctx.add_later(Tag, [{"name": "t"}])
    assert refused.value.facts == {"what": "tag"}
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value(NAMES) == ["only one"]
        assert await ctx.value("SELECT array_agg(name) FROM trial.tag") == ["t"]


async def test_an_attempt_that_fails_takes_along_what_was_kept_back_in_it(trial: World, ada: Person) -> None:
    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add(Tag, name="t")
        await ctx.add_later(Thing, [{"name": "before"}])
        with pytest.raises(ValueError, match="no"):
            async with ctx.attempt():
                await ctx.add_later(Thing, [{"name": "never"}])
                raise ValueError("no")
        with pytest.raises(Conflict):
            async with ctx.attempt():
                await ctx.add_later(Tag, [{"name": "t"}])
        async with ctx.attempt():
            await ctx.add_later(Thing, [{"name": "within"}])
        await ctx.add_later(Thing, [{"name": "after"}])
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value(NAMES) == ["after", "before", "within"]
        assert await ctx.value("SELECT count(*) FROM trial.tag") == 1


async def test_what_rows_have_alike_is_sent_once_and_comes_to_the_same(trial: World, ada: Person) -> None:
    """With values of every kind, null among them, and with what a new row gets of itself."""
    alike: dict[str, Any] = {
        "amount": Decimal("-12.50"),
        "good": False,
        "due": date(2026, 2, 28),
        "seen_at": datetime(2026, 5, 4, 9, 30, tzinfo=UTC),
        "secret": None,
        "custom": {"colour": "rood \"'$1", "sizes": [1, None]},
    }
    rows = [{"name": name, "rank": rank} for rank, name in enumerate(("ä", "$2", "c"))]
    shown = "SELECT to_jsonb(t) - '{id,name,rank}'::text[] FROM trial.thing t"
    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add_many(Thing, [{**row, **alike} for row in rows])
        each = await ctx.connection.fetch(f"{shown} ORDER BY rank")
        await ctx.run("DELETE FROM trial.thing")
        assert await ctx.add_many(Thing, rows, alike=alike) == 3
        assert await ctx.connection.fetch(f"{shown} ORDER BY rank") == each
        assert await ctx.value(NAMES) == ["$2", "c", "ä"]
        await ctx.run("DELETE FROM trial.thing")
        await ctx.add_later(Thing, rows, alike=alike)
        await ctx.add_later(Handled, [handled(1)], alike={"note": "x"})
        assert await ctx.connection.fetch(f"{shown} ORDER BY rank") == each
        assert await ctx.value("SELECT note FROM trial.handled") == "x"
        with pytest.raises(TypeError):
            await ctx.add_many(Thing, [{"name": "a"}, {"name": "b", "rank": 1}], alike={"good": True})


async def test_the_trail_of_one_who_works_for_nobody_else_is_said_once(trial: World, ada: Person) -> None:
    """A hundred sales of one file are the work of one; where somebody else is among them, each is named."""
    things, context = [new_id() for _ in range(3)], "SELECT current_setting('app.context')::json"
    async with trial.unit(ada.tenant, "trial") as ctx:
        own = Origin(ctx.actor, ctx.caller)
        await ctx.act_for(dict.fromkeys(things, own))
        assert "by" not in await ctx.value(context)
        await ctx.act_for({**dict.fromkeys(things, own), things[0]: Origin(ctx.actor, Caller(address="10.0.0.1"))})
        assert set((await ctx.value(context))["by"]) == {str(thing) for thing in things}


async def test_whose_work_it_is_is_spelt_when_something_is_sent(trial: World, ada: Person) -> None:
    spelt: list[str] = []

    def say(whose: str) -> str:
        spelt.append(whose)
        return f'{{"name": "{whose}"}}'

    async with trial.unit(ada.tenant, "trial") as ctx:
        for whose in ("one", "other"):
            ctx.connection.context(partial(say, whose))
        assert spelt == []
        assert await ctx.value("SELECT current_setting('app.context')::json->>'name'") == "other"
        assert await ctx.value("SELECT current_setting('app.context')::json->>'name'") == "other"
    assert spelt == ["other"]


async def test_the_trail_of_what_is_written_later_names_whose_work_it_is(
    trial: World, ada: Person, sent: list[str]
) -> None:
    bob = Actor(id=new_id(), name="Bob", kind="user")
    mine, his = new_id(), new_id()
    async with trial.unit(ada.tenant, "trial") as ctx:
        sent.clear()
        await ctx.act_for({his: Origin(bob, Caller(request_id="r-bob"))})
        await ctx.add_later(Thing, [{"id": mine, "name": "mine"}, {"id": his, "name": "his"}])
        await ctx.add_later(Handled, [handled(1)])
    assert [text[:12] for text in sent] == ["WITH part_0 ", "COMMIT"]
    async with trial.unit(ada.tenant, "trial") as ctx:
        trail = await ctx.connection.fetch(
            "SELECT new->>'name' AS name, actor_name, request_id FROM kernel.audit_trail "
            "WHERE entity_id = ANY($1) ORDER BY 1 DESC",
            [mine, his],
        )
    assert [(row["name"], row["actor_name"], row["request_id"] or "") for row in trail] == [
        ("mine", "system", ""),
        ("his", "Bob", "r-bob"),
    ]


async def test_what_is_asked_side_by_side_is_one_statement(trial: World, ada: Person, sent: list[str]) -> None:
    """Also where one of them asks nothing, one asks twice, one reads the plain way, and some are deeper than others."""

    async def asks(what: str) -> list[Any]:
        return await ctx.ask("SELECT name, rank FROM trial.thing WHERE name = $1", what, tables=("trial.thing",))

    async def asks_twice() -> list[Any]:
        return [*await asks("a"), *await asks("c")]

    async def reads() -> Any:
        return await ctx.value("SELECT count(*) FROM trial.tag"), await asks("b")

    async def asks_nothing() -> str:
        return "nothing"

    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add_many(Thing, [{"name": "a", "rank": 1}, {"name": "b", "rank": 2}, {"name": "c", "rank": 3}])
        sent.clear()
        found = await ctx.side_by_side(
            asks("b"), asks_twice(), reads(), asks_nothing(), ctx.side_by_side(asks("none"), asks("c"))
        )
        assert found == [
            [("b", 2)],
            [("a", 1), ("c", 3)],
            (0, [("b", 2)]),
            "nothing",
            [[], [("c", 3)]],
        ]
        assert [text[:12] for text in sent] == ["SELECT count", "WITH part_0 ", "SELECT name,"]
        assert await asks("a") == [("a", 1)]


async def test_who_writes_to_one_table_beside_others_loses_nothing(trial: World, ada: Person) -> None:
    """While one of them sends what was kept back before, another keeps something back."""

    async def writes(names: str) -> None:
        for name in names:
            await ctx.add_later(Thing, [{"name": name}])

    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add_later(Thing, [{"name": "first"}])
        await ctx.side_by_side(writes("ab"), writes("c"), writes("def"), writes("gh"))
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value(NAMES) == sorted([*"abcdefgh", "first"])


async def test_one_that_fails_beside_others_leaves_a_line_that_can_be_used(trial: World, ada: Person) -> None:
    done: list[str] = []

    async def asks(name: str) -> None:
        await ctx.ask("SELECT 1 FROM trial.thing WHERE name = $1", name, tables=("trial.thing",))
        done.append(name)

    async def refuses() -> None:
        raise Conflict("no")

    async def asks_nonsense() -> None:
        await ctx.ask("SELECT nonsense FROM trial.thing", tables=("trial.thing",))

    async with trial.unit(ada.tenant, "trial") as ctx:
        with pytest.raises(Conflict, match="no"):
            await ctx.side_by_side(asks("a"), refuses(), asks("b"))
        assert sorted(done) == ["a", "b"]
        with pytest.raises(asyncpg.UndefinedColumnError):
            async with ctx.attempt():
                await ctx.side_by_side(asks("c"), asks_nonsense())
        assert sorted(done) == ["a", "b"], "who asked beside it knows no answer either"
        await asks("d")
    assert sorted(done) == ["a", "b", "d"]


async def test_who_is_ended_while_others_still_think_leaves_nothing_on_the_line(trial: World, ada: Person) -> None:
    never = asyncio.Event()

    async def asks() -> None:
        await ctx.ask("SELECT 1 FROM trial.thing", tables=("trial.thing",))

    async with trial.unit(ada.tenant, "trial") as ctx:
        work = asyncio.create_task(ctx.side_by_side(asks(), asks(), never.wait()))
        await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await ctx.add(Thing, name="after")
        assert await ctx.ask(NAMES, tables=("trial.thing",)) == [(["after"],)]


async def test_who_waits_for_something_else_is_waited_for_and_who_asks_elsewhere_is_not(
    trial: World, ada: Person, sent: list[str]
) -> None:
    """One lets others go first, one waits for a task that asks on the same line, and that one does not wait for them."""

    async def asks(what: str) -> list[Any]:
        return await ctx.ask("SELECT name FROM trial.thing WHERE name = $1", what, tables=("trial.thing",))

    async def lets_others_go_first() -> list[Any]:
        await asyncio.sleep(0)
        return await asks("a")

    async def has_it_asked() -> list[Any]:
        return [*await asyncio.create_task(asks("b")), *await asks("a")]

    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add_many(Thing, [{"name": "a", "rank": 1}, {"name": "b", "rank": 2}])
        sent.clear()
        found = await ctx.side_by_side(asks("a"), lets_others_go_first(), has_it_asked())
        assert found == [[("a",)], [("a",)], [("b",), ("a",)]]
        assert [text[:12] for text in sent] == ["SELECT name ", "WITH part_0 "]


async def test_more_rows_of_the_same_make_one_write_and_others_do_not(
    trial: World, ada: Person, sent: list[str]
) -> None:
    """Rows that may grow in number are not settled first; a write that must not, or that differs elsewhere, is."""
    sql = """INSERT INTO trial.tag (id, name) SELECT id, name || $2 FROM json_to_recordset($1::json) AS t(id uuid, name text)"""

    def tags(*names: str) -> list[dict[str, Any]]:
        return [{"id": new_id(), "name": name} for name in names]

    async with trial.unit(ada.tenant, "trial") as ctx:
        sent.clear()
        await ctx.run_later("trial.tag", sql, tags("a", "b"), "!", more=1)
        await ctx.run_later("trial.tag", sql, tags("c"), "!", more=1)
        assert sent == []
        await ctx.run_later("trial.tag", sql, tags("d"), "?", more=1)
        assert len(sent) == 1
        await ctx.run_later("trial.tag", sql, tags("e"), "?")
        assert len(sent) == 2
    assert len(sent) == 4
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value("SELECT array_agg(name ORDER BY name) FROM trial.tag") == ["a!", "b!", "c!", "d?", "e?"]


async def test_lists_side_by_side_grow_together(trial: World, ada: Person, sent: list[str]) -> None:
    """What is told of rows in two lists stays beside each other; a write that counts its lists otherwise is another."""
    sql = (
        "INSERT INTO trial.tag (id, name) SELECT u.id, u.name || $3 FROM unnest($1::uuid[], $2::text[]) AS u(id, name)"
    )
    ids = [new_id() for _ in range(4)]
    async with trial.unit(ada.tenant, "trial") as ctx:
        sent.clear()
        await ctx.run_later("trial.tag", sql, ids[:1], ["a"], "!", more=2)
        await ctx.run_later("trial.tag", sql, ids[1:3], ["b", "c"], "!", more=2)
        assert sent == []
        await ctx.run_later("trial.tag", sql, ids[3:], ["d"], "!", more=1)
        assert len(sent) == 1
    async with trial.unit(ada.tenant, "trial") as ctx:
        rows = await ctx.connection.fetch("SELECT id, name FROM trial.tag ORDER BY name")
        assert [tuple(row) for row in rows] == list(zip(ids, ["a!", "b!", "c!", "d!"], strict=True))


async def test_a_row_that_names_another_tenant_is_refused(trial: World, ada: Person) -> None:
    """Many rows name their tenant, and the policy judges it all the same."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with trial.unit(ada.tenant, "trial") as ctx:
            ctx.tenant_id = new_id()
            await ctx.add_many(Thing, [{"name": "a", "rank": 1}])
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value("SELECT count(*) FROM trial.thing") == 0
