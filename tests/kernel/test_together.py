"""Requests of one moment are done with the statements of one, and nobody can tell but by the time it took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from entrepot.kernel import idempotency, together
from entrepot.kernel.origins import NIL
from entrepot.kernel.routes import post
from entrepot.kernel.turns import EACH, in_turns
from entrepot.testing.world import Person, World
from tests.kernel.trial.commands import SLOW, make_card, make_cards, make_thing
from tests.kernel.trial.queries import get_thing

MADE = "SELECT name, rank, xmin::text AS transaction FROM trial.thing ORDER BY id"
TRAIL = """
SELECT t.name, a.actor_name, a.actor_kind, a.request_id, a.correlation, e.actor AS told_by, a.actor, e.correlation AS told
FROM trial.thing t JOIN kernel.audit_trail a ON a.entity_id = t.id AND a.action = 'create'
JOIN kernel.event e ON e.subject = t.id::text AND e.name = 'thing.made' ORDER BY t.name
"""


@pytest.fixture(autouse=True)
def gate(trial: World) -> Any:
    """What is slow waits until the test opens the gate, and all who come meanwhile are one crowd. Nobody came before."""
    SLOW.clear()
    for house, _ in trial.houses.values():
        house.forget(NIL)
    yield SLOW
    SLOW.set()


async def rows(world: World, person: Person, sql: str) -> list[dict[str, Any]]:
    async with world.unit(person.tenant, "trial") as ctx:
        return [dict(row) for row in await ctx.connection.fetch(sql)]


def waiting(world: World) -> int:
    """How many requests wait for the transaction that is under way."""
    crowds = cards(world)._crowds.values()
    return sum(len(crowd.waiting) for crowd in crowds)


def running(world: World) -> int:
    return sum(crowd.under_way for crowd in cards(world)._crowds.values())


def cards(world: World) -> Any:
    """What gathers the requests for cards."""
    for _, web in world.houses.values():
        found = web.tree.find("/api/v1/cards")
        if found is not None:
            return found[0]["POST"].__self__.together
    raise LookupError("cards")


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.005)


async def busy(ada: Person) -> asyncio.Task[Any]:
    """A transaction that is under way until the gate opens."""
    task = asyncio.create_task(ada.call("POST", "/cards", {"name": "slow"}))
    await until(lambda: running(ada.world) == 1)
    return task


async def come(ada: Person, calls: list[tuple[Person, str, dict[str, str]]]) -> list[asyncio.Task[Any]]:
    """The requests, one after the other; those that are not answered at once all wait."""
    tasks: list[asyncio.Task[Any]] = []
    for person, name, headers in calls:
        tasks.append(asyncio.create_task(person.call("POST", "/cards", {"name": name}, headers=headers)))
        await until(lambda: waiting(ada.world) == sum(not task.done() for task in tasks))
    return tasks


async def crowd(ada: Person, calls: list[tuple[Person, str, dict[str, str]]]) -> list[Any]:
    """The answers to requests that all came while the house was busy."""
    first = await busy(ada)
    tasks = await come(ada, calls)
    SLOW.set()
    answer = await first
    assert answer.status_code == 201, answer.text
    SLOW.clear()
    return list(await asyncio.gather(*tasks))


async def test_who_comes_alone_is_a_crowd_of_one(trial: World, ada: Person) -> None:
    assert await ada.post("/cards", {"name": "one"}, status=201) == "one"
    assert await ada.post("/cards", {"name": "two"}, status=201) == "two"
    made = await rows(trial, ada, MADE)
    assert [(row["name"], row["rank"]) for row in made] == [("one", 1), ("two", 1)]
    assert made[0]["transaction"] != made[1]["transaction"]


@pytest.mark.covers("AUD-009", "AUD-010")
async def test_many_at_once_are_one_transaction_with_each_its_own_name(trial: World, ada: Person) -> None:
    bob = await trial.colleague(ada, ["trial.*"])
    people = [ada, bob, ada, bob]
    answers = await crowd(ada, [(person, f"c{at}", {"x-request-id": f"r{at}"}) for at, person in enumerate(people)])
    assert [(a.status_code, a.json()) for a in answers] == [(201, {"data": f"c{at}"}) for at in range(4)]
    made = {row["name"]: row for row in await rows(trial, ada, MADE) if row["name"] != "slow"}
    assert {name: row["rank"] for name, row in made.items()} == {f"c{at}": 4 for at in range(4)}
    assert len({row["transaction"] for row in made.values()}) == 1
    trail = [row for row in await rows(trial, ada, TRAIL) if row["name"] != "slow"]
    assert [
        (r["name"], r["actor_name"], r["actor_kind"], r["request_id"], r["correlation"], r["told"]) for r in trail
    ] == [
        ("c0", "Ada Admin", "user", "r0", "r0", "r0"),
        ("c1", "colleague", "key", "r1", "r1", "r1"),
        ("c2", "Ada Admin", "user", "r2", "r2", "r2"),
        ("c3", "colleague", "key", "r3", "r3", "r3"),
    ]
    assert all(row["told_by"] == row["actor"] for row in trail)


async def test_one_that_is_refused_takes_nobody_along(trial: World, ada: Person) -> None:
    viewer = await trial.colleague(ada, ["trial.view"])
    answers = await crowd(ada, [(ada, "a", {}), (ada, "none", {}), (viewer, "b", {}), (ada, "c", {})])
    assert [answer.status_code for answer in answers] == [201, 409, 403, 201]
    assert answers[1].json()["detail"] == "there is no such card"
    made = {row["name"]: row["rank"] for row in await rows(trial, ada, MADE) if row["name"] != "slow"}
    assert made == {"a": 3, "c": 3}


async def test_what_cannot_be_done_together_is_done_one_by_one(trial: World, ada: Person) -> None:
    answers = await crowd(ada, [(ada, "a", {}), (ada, "apart", {}), (ada, "none", {}), (ada, "by itself", {})])
    assert [answer.status_code for answer in answers] == [201, 201, 409, 201]
    made = {row["name"]: row["rank"] for row in await rows(trial, ada, MADE) if row["name"] != "slow"}
    assert made == {"a": -1, "apart": -1, "by itself": -1}


async def test_a_key_counts_once_also_within_a_crowd(trial: World, ada: Person) -> None:
    key = {"idempotency-key": "k1"}
    calls = [(ada, "a", key), (ada, "a", key), (ada, "b", key), (ada, "c", {"idempotency-key": "k2"})]
    answers = await crowd(ada, calls)
    assert [answer.status_code for answer in answers] == [201, 201, 422, 201]
    assert [answer.headers.get("idempotent-replay") for answer in answers] == [None, "true", None, None]
    assert answers[1].json() == {"data": "a"}
    assert answers[2].json()["fields"] == [
        {"field": "Idempotency-Key", "problem": "this key was used for another request"}
    ]
    again = await crowd(ada, [(ada, "c", {"idempotency-key": "k2"}), (ada, "d", {})])
    assert [(a.status_code, a.headers.get("idempotent-replay")) for a in again] == [(201, "true"), (201, None)]
    made = sorted(row["name"] for row in await rows(trial, ada, MADE) if row["name"] != "slow")
    assert made == ["a", "c", "d"]


async def test_an_answer_is_kept_as_it_is_unless_it_is_longer_than_a_page(trial: World, ada: Person) -> None:
    """Compressing the answer to a sale took longer than writing its order."""
    bodies = {"sale": b"0123456789" * 250, "report": b"0123456789" * 2000}
    async with trial.unit(ada.tenant, "trial") as ctx:
        await idempotency.keep_many(ctx, {key: idempotency.Kept(b"f", 201, body) for key, body in bodies.items()})
    stored = await rows(trial, ada, "SELECT key, body, pg_column_compression(body) AS how FROM kernel.idempotency")
    assert {row["key"]: (bytes(row["body"]), row["how"]) for row in stored if row["key"] in bodies} == {
        "sale": (bodies["sale"], None),
        "report": (bodies["report"], "pglz"),
    }


def tenants_of(world: World, people: list[Person]) -> Any:
    """What each of these has made."""
    return asyncio.gather(*(rows(world, person, MADE) for person in people))


async def meet(trial: World, tenants: int) -> list[Person]:
    """Tenants that asked at the same moment, so that the next time the first waits for half of them."""
    people = [await trial.tenant() for _ in range(tenants)]
    first = await busy(people[0])
    others = await come(people[0], [(person, "before", {}) for person in people[1:]])
    SLOW.set()
    assert [answer.status_code for answer in await asyncio.gather(first, *others)] == [201] * tenants
    SLOW.clear()
    return people


async def test_tenants_share_a_transaction_and_each_does_its_own_work(trial: World) -> None:
    people = await meet(trial, 4)
    answers = await crowd(people[3], [(people[0], "a", {}), (people[1], "b", {}), (people[0], "c", {})])
    assert [(answer.status_code, answer.json()) for answer in answers] == [(201, {"data": name}) for name in "abc"]
    (_, a, c), (_, b), (_,), (_, _) = await tenants_of(trial, people)
    assert [(a["name"], a["rank"]), (b["name"], b["rank"]), (c["name"], c["rank"])] == [("a", 2), ("b", 1), ("c", 2)]
    assert a["transaction"] == b["transaction"] == c["transaction"]
    (trail,) = [row for row in await rows(trial, people[1], TRAIL) if row["name"] == "b"]
    assert (trail["actor_name"], trail["told_by"]) == ("Ada Admin", trail["actor"])


async def test_what_several_tenants_cannot_do_together_is_done_one_by_one(trial: World) -> None:
    """Also the moment after, so that nobody suffers for long from what befell somebody else."""
    people = await meet(trial, 4)
    calls: list[tuple[Person, str, dict[str, str]]] = [(people[0], "a", {}), (people[1], "apart", {})]
    answers = await crowd(people[3], [*calls, (people[2], "none", {})])
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    answers = await crowd(people[3], [(people[0], "later", {}), (people[1], "later", {})])
    assert [answer.status_code for answer in answers] == [201, 201]
    (_, a, later), (_, b, too), (_,), (_, _, _) = await tenants_of(trial, people)
    assert [(a["name"], a["rank"]), (b["name"], b["rank"])] == [("a", -1), ("apart", -1)]
    assert [later["rank"], too["rank"]] == [1, 1]
    assert len({row["transaction"] for row in (a, b, later, too)}) == 4


async def test_companies_of_one_tenant_do_not_share_a_transaction(trial: World) -> None:
    """What one of them has read of what both have, the other would overwrite."""
    people = await meet(trial, 4)
    await people[0].post("/business-entities", {"code": "two", "name": "Two", "country": "NL"}, status=201)
    other = {"x-business-entity": "two"}
    answers = await crowd(people[3], [(people[0], "a", {}), (people[0], "b", other), (people[1], "c", {})])
    assert [answer.status_code for answer in answers] == [201] * 3
    (_, a, b), (_, c), (_,), (_, _) = await tenants_of(trial, people)
    assert [a["rank"], b["rank"], c["rank"]] == [1, 1, 1]
    assert a["transaction"] == c["transaction"] != b["transaction"]


async def test_whoever_shares_a_transaction_that_is_lost_is_told_to_try_again(trial: World) -> None:
    """Half of those who were here, for the others are not in it."""
    people = await meet(trial, 4)
    first = await busy(people[3])
    tasks = await come(people[3], [(people[0], "a", {}), (people[1], "slow", {}), (people[2], "b", {})])
    first.cancel()
    async with trial.house_of("trial").databases.main.connection() as other, asyncio.timeout(20):
        while not await other.fetchval(ENDED):
            await asyncio.sleep(0.005)
    SLOW.set()
    answers = await asyncio.gather(*tasks)
    assert [answer.status_code for answer in answers] == [503, 503, 201]
    made = [[row["name"] for row in each] for each in await tenants_of(trial, people)]
    assert made == [["slow"], ["before"], ["before", "b"], ["before"]]
    assert await people[0].post("/cards", {"name": "again"}, status=201) == "again"


ENDED = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%written_%' AND pid <> pg_backend_pid()
"""


async def test_who_leaves_holds_up_nobody(trial: World, ada: Person) -> None:
    """The request that was to lead is gone, and so is one that waited: the others are served."""
    first = await busy(ada)
    tasks = await come(ada, [(ada, name, {}) for name in ("leads", "waits", "stays", "also stays")])
    tasks[0].cancel()
    tasks[1].cancel()
    SLOW.set()
    answers = await asyncio.wait_for(asyncio.gather(first, *tasks[2:]), 20)
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    made = {row["name"] for row in await rows(trial, ada, MADE)}
    assert made == {"slow", "stays", "also stays"}
    assert await ada.post("/cards", {"name": "later"}, status=201) == "later"


async def test_a_leader_that_is_ended_leaves_nothing_and_nobody_waiting(trial: World, ada: Person) -> None:
    first = await busy(ada)
    tasks = await come(ada, [(ada, name, {}) for name in ("leads", "slow", "follows")])
    first.cancel()  # its turn goes to `leads`, who takes the others along and then waits at the gate
    await until(lambda: waiting(trial) == 0)
    tasks[0].cancel()
    followers = await asyncio.wait_for(asyncio.gather(*tasks[1:]), 20)
    assert [answer.status_code for answer in followers] == [503, 503]
    SLOW.set()
    await asyncio.gather(first, *tasks, return_exceptions=True)
    assert await rows(trial, ada, MADE) == []


def test_only_a_command_of_one_body_that_answers_itself_is_done_together() -> None:
    with pytest.raises(TypeError, match="takes a body alone"):
        post("/things", make_thing, together=make_cards)
    with pytest.raises(TypeError, match="takes a body alone"):
        post("/cards", make_card, together=make_cards, then=get_thing)


async def test_reckoning_over_many_lets_others_have_a_turn() -> None:
    seen: list[str] = []

    async def other() -> None:
        seen.append("other")

    task = asyncio.create_task(other())
    async for thing in in_turns(range(EACH + 1)):
        seen.append(str(thing))
    await task
    assert seen == [*map(str, range(EACH)), "other", str(EACH)]


async def test_after_a_crowd_the_first_waits_until_as_many_are_here(
    trial: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sells by itself never does; who gives up while it waits lets the next one lead."""
    monkeypatch.setattr(together, "GATHER", 3600.0)
    assert await ada.post("/cards", {"name": "alone"}, status=201) == "alone"
    answers = await crowd(ada, [(ada, f"c{at}", {}) for at in range(4)])
    assert [answer.status_code for answer in answers] == [201] * 4
    first = asyncio.create_task(ada.call("POST", "/cards", {"name": "gives up"}))
    await until(lambda: gathering(trial))
    others = await come(ada, [(ada, "d0", {}), (ada, "d1", {})])
    first.cancel()
    await until(lambda: waiting(trial) == 1)
    assert gathering(trial)
    others += await come(ada, [(ada, "d2", {})])
    others.append(asyncio.create_task(ada.call("POST", "/cards", {"name": "d3"})))
    assert [answer.status_code for answer in await asyncio.gather(*others)] == [201] * 4
    made = {row["name"]: row["rank"] for row in await rows(trial, ada, MADE) if row["name"][0] in "dg"}
    assert made == {"d0": 4, "d1": 4, "d2": 4, "d3": 4}
    assert cards(trial)._crowds == {}


async def test_who_does_not_come_again_is_waited_for_less_and_less(
    trial: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = await crowd(ada, [(ada, f"c{at}", {}) for at in range(3)])
    assert [answer.status_code for answer in answers] == [201] * 3
    waited: list[int] = []
    gather = together._Crowd.gather

    async def seen(self: Any, most: int) -> None:
        waited.append(most)
        await gather(self, most)

    monkeypatch.setattr(together._Crowd, "gather", seen)
    for at in range(4):
        assert await ada.post("/cards", {"name": f"d{at}"}, status=201) == f"d{at}"
    assert waited == [3, 2, 1, 1]


def gathering(world: World) -> bool:
    """Whether somebody waits for others to go along."""
    return any(crowd._all_here is not None for crowd in cards(world)._crowds.values())
