"""Writes that nobody waits for travel together, and nobody can tell but by the number of round trips."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from entrepot.kernel.ctx import Actor, Again, Caller, Origin
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World
from tests.kernel.trial.tables import Handled, Tag, Thing

NAMES = "SELECT array_agg(name ORDER BY name) FROM trial.thing"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a unit sends to the database, statement by statement; a bell that still rings for the last one is not it."""
    texts: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        original = getattr(asyncpg.Connection, name)

        async def noted(self: Any, sql: str, *arguments: Any, _original: Any = original, **named: Any) -> Any:
            task = asyncio.current_task()
            if task is None or not task.get_name().startswith(("bell-", "watch-", "relay-")):
                texts.append(" ".join(sql.split())[:40])
            return await _original(self, sql, *arguments, **named)

        monkeypatch.setattr(asyncpg.Connection, name, noted)
    return texts


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
    assert [text[:30] for text in sent] == ["WITH write_0 AS (INSERT INTO t", "COMMIT"]
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await ctx.value(NAMES) == ["a", "b"]
        assert await ctx.value("SELECT array_agg(number ORDER BY at) FROM trial.handled") == list(range(12))
        assert await ctx.value("SELECT name FROM trial.tag") == "t"


async def test_who_reads_sees_it_and_only_who_says_so_overtakes_it(trial: World, ada: Person, sent: list[str]) -> None:
    async with trial.unit(ada.tenant, "trial") as ctx:
        await ctx.add_later(Thing, [{"name": "a"}])
        assert await (await ctx.ahead("trial.tag")).fetchval(NAMES) is None
        assert await (await ctx.ahead("trial.tag", "trial.thing")).fetchval(NAMES) == ["a"]
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
    assert [text[:12] for text in sent] == ["WITH write_0", "COMMIT"]
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
