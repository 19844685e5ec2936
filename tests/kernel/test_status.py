"""Status of every kind of entity: moves, history, deadlines, holds, all in the transaction of the change."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from entrepot.kernel import holds, status
from entrepot.kernel.ctx import Actor
from entrepot.pure.errors import Conflict, Denied, Invalid, NotFound
from entrepot.pure.ids import new_id
from entrepot.testing.world import Person, World
from tests.kernel.trial import rules
from tests.kernel.trial.manifest import module

THING = module.machines[0]


async def made(ada: Person) -> UUID:
    return UUID((await ada.post("/things", {"name": f"t{new_id().hex}"}))["id"])


def change(thing: UUID, to: str, reason: str | None = None, **context: Any) -> dict[str, Any]:
    body = {"entity_type": "thing", "entity_id": str(thing), "to_status": to, "transition_reason": reason}
    return {**body, "business_context": context or None}


@pytest.mark.covers("STA-001", "STA-002", "STA-003", "STA-004", "STA-005", "STA-006", "STA-007", "STA-008", "AUD-011")
async def test_the_universal_change_takes_all_its_steps_in_one_transaction(trial: World, ada: Person) -> None:
    thing = await made(ada)
    now = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
    trial.clock.set(now)
    try:
        await ada.post("/thing-status", change(thing, "Opened", "customer called", channel="phone"))
    finally:
        trial.clock._at = None
    async with trial.unit(ada.tenant, "trial") as ctx:
        row = await ctx.connection.fetchrow("SELECT state, updated_at, version FROM trial.thing WHERE id = $1", thing)
        assert tuple(row) == ("open", now, 2)
        current = await status.current(ctx, "thing", thing)
        assert current == status.Current("open", now, now + timedelta(hours=4), overdue=False)
        first, second = await status.history(ctx, "thing", thing)
        assert (first.from_status, first.to_status, first.actor_name) == (None, "draft", "Ada Admin")
        assert (second.from_status, second.to_status, second.move, second.reason, second.context, second.at) == (
            "draft",
            "open",
            "open",
            "customer called",
            {"channel": "phone"},
            now,
        )
        facts = "FROM kernel.event WHERE subject = $1 AND name = 'status.changed'"
        assert await ctx.value(f"SELECT data {facts}", str(thing)) == {
            "entity_type": "thing",
            "entity_id": str(thing),
            "from_status": "draft",
            "to_status": "open",
            "move": "open",
            "reason": "customer called",
            "context": {"channel": "phone"},
        }
        audited = await ctx.value(
            "SELECT new FROM kernel.audit_trail WHERE entity_id = $1 AND action = 'update'", thing
        )
        assert audited["state"] == "open"
        # One transaction wrote row, status, history, audit trail and event.
        written = await ctx.connection.fetch(_WRITTEN_BY, thing)
        assert len(written) == 5
        assert len({row["xid"] for row in written}) == 1


_WRITTEN_BY = """
SELECT xmin::text AS xid FROM trial.thing WHERE id = $1
UNION ALL SELECT xmin::text FROM kernel.status WHERE entity_id = $1
UNION ALL SELECT xmin::text FROM kernel.status_history WHERE entity_id = $1 AND to_status = 'open'
UNION ALL SELECT xmin::text FROM kernel.audit_trail WHERE entity_id = $1 AND action = 'update'
UNION ALL SELECT xmin::text FROM kernel.event WHERE subject = $1::text AND name = 'status.changed'
"""


@pytest.mark.covers("STA-009")
async def test_wrong_moves_name_what_is_allowed_and_leave_nothing(trial: World, ada: Person) -> None:
    thing = await made(ada)
    problem = await ada.refused("POST", "/thing-status", change(thing, "paid"), status=409)
    assert (problem["state"], problem["target"], problem["allowed"]) == ("draft", "paid", ["open"])
    problem = await ada.refused("POST", "/thing-status", change(new_id(), "open"), status=404)
    assert problem["what"] == "thing"
    problem = await ada.refused("POST", "/thing-status", {**change(thing, "open"), "entity_type": "x"}, status=422)
    assert problem["allowed"] == ["thing"]
    async with trial.unit(ada.tenant, "trial") as ctx:
        with pytest.raises(Conflict) as refused:
            await status.move(ctx, THING, thing, "pay")
        assert refused.value.facts["allowed"] == ["open"]
        assert len(await status.history(ctx, "thing", thing)) == 1
        assert await ctx.value("SELECT version FROM trial.thing WHERE id = $1", thing) == 1
        assert await ctx.value("SELECT count(*) FROM kernel.event WHERE name = 'status.changed'") == 0


async def test_who_never_moved_is_told_by_its_history_alone(trial: World, ada: Person) -> None:
    """A row of its own says when something must have moved on; most things never need one."""
    now = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
    trial.clock.set(now)
    try:
        thing = await made(ada)
    finally:
        trial.clock._at = None
    rows = "SELECT status, deadline IS NOT NULL AS due FROM kernel.status WHERE entity_id = $1"
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await status.current(ctx, "thing", thing) == status.Current("draft", now, None, overdue=False)
        assert await status.current(ctx, "thing", new_id()) is None
        assert await ctx.connection.fetch(rows, thing) == []
        with pytest.raises(Conflict):
            await status.follow(ctx, THING.machine, thing, THING.machine.step("open", "pay"), "open")
        assert await ctx.connection.fetch(rows, thing) == []
        assert len(await status.history(ctx, "thing", thing)) == 1
    await ada.post("/thing-status", change(thing, "open"))
    born_open = new_id()
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert [tuple(row) for row in await ctx.connection.fetch(rows, thing)] == [("open", True)]
        await status.begin(ctx, THING.machine, [born_open], "open")
        assert [tuple(row) for row in await ctx.connection.fetch(rows, born_open)] == [("open", True)]


async def test_of_two_who_move_first_one_is_told_that_the_other_was_faster(trial: World, ada: Person) -> None:
    """Even where nobody has locked the thing itself."""
    thing, step = await made(ada), THING.machine.step("draft", "open")
    moved = asyncio.Event()

    async def second() -> None:
        async with trial.unit(ada.tenant, "trial") as ctx:
            await moved.wait()
            await status.follow(ctx, THING.machine, thing, step, "draft")

    later = asyncio.ensure_future(second())
    async with trial.unit(ada.tenant, "trial") as ctx:
        await status.follow(ctx, THING.machine, thing, step, "draft")
        moved.set()
        await waits_for_a_lock(ctx)
    with pytest.raises(Conflict):
        await later
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert [(each.from_status, each.to_status) for each in await status.history(ctx, "thing", thing)] == [
            (None, "draft"),
            ("draft", "open"),
        ]
        assert await ctx.value("SELECT count(*) FROM kernel.event WHERE name = 'status.changed'") == 1


async def waits_for_a_lock(ctx: Any) -> None:
    """Until somebody waits for what this unit has written."""
    sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
    while not await ctx.value(sql):
        await asyncio.sleep(0.005)


async def test_a_move_needs_its_permission_and_its_reason(trial: World, ada: Person) -> None:
    thing = await made(ada)
    await ada.post("/thing-status", change(thing, "open"))
    clerk = Actor(id=new_id(), name="Clerk", kind="user", permissions=frozenset({"trial.edit"}))
    with pytest.raises(Denied) as denied:
        async with trial.unit(ada.tenant, "trial", clerk) as ctx:
            await status.change_status(ctx, "thing", thing, "paid")
    assert denied.value.facts["missing"] == "trial.pay"
    for reason in (None, "  "):
        with pytest.raises(Invalid):
            async with trial.unit(ada.tenant, "trial", clerk) as ctx:
                await status.change_status(ctx, "thing", thing, "closed", reason)
    async with trial.unit(ada.tenant, "trial", clerk) as ctx:
        await status.change_status(ctx, "thing", thing, "closed", "gave up")
        assert (await status.history(ctx, "thing", thing))[-1].reason == "gave up"


async def test_a_move_with_a_command_of_its_own_runs_that(trial: World, ada: Person) -> None:
    thing = await made(ada)
    asked = []

    async def open_it(ctx: Any, entity_id: UUID, reason: str | None) -> None:
        asked.append((entity_id, reason))

    THING.moves["open"] = open_it
    try:
        await ada.post("/thing-status", change(thing, "open", "why"))
    finally:
        del THING.moves["open"]
    assert asked == [(thing, "why")]
    assert (await ada.get(f"/things/{thing}"))["state"] == "draft"


@pytest.mark.covers("STA-014", "STA-015")
async def test_deadlines_pass_once_and_are_told(trial: World, ada: Person) -> None:
    thing, other = await made(ada), await made(ada)
    for each in (thing, other):
        await ada.post("/thing-status", change(each, "open"))
    trial.clock.move(timedelta(hours=3))
    try:
        async with trial.unit(ada.tenant, "trial") as ctx:
            assert await status.flag_overdue(ctx) == []
        trial.clock.move(timedelta(hours=1, minutes=1))
        await ada.post("/thing-status", change(other, "paid"))
        async with trial.unit(ada.tenant, "trial") as ctx:
            assert await status.flag_overdue(ctx) == [thing]
            assert await status.flag_overdue(ctx) == []
    finally:
        trial.clock._at = None
    async with trial.unit(ada.tenant, "trial") as ctx:
        current = await status.current(ctx, "thing", thing)
        assert current is not None
        assert current.overdue
        told = await ctx.connection.fetch("SELECT subject FROM kernel.event WHERE name = 'status.overdue'")
        assert [row["subject"] for row in told] == [str(thing)]
        await status.move(ctx, THING, thing, "pay")
        current = await status.current(ctx, "thing", thing)
        assert current is not None
        assert (current.status, current.overdue, current.deadline) == ("paid", False, None)


@pytest.mark.covers("STA-010", "STA-011", "STA-012", "STA-013")
async def test_holds_by_aspect(trial: World, ada: Person) -> None:
    thing = await made(ada)
    await ada.post("/thing-status", change(thing, "open"))
    until = datetime(2026, 6, 1, tzinfo=UTC)
    async with trial.unit(ada.tenant, "trial") as ctx:
        hold = await holds.place(
            ctx,
            "thing",
            thing,
            "pay",
            "credit",
            reason_details="over the limit",
            estimated_resume_date=until.date(),
            escalate_at=until,
            notify_customer=True,
        )
        await holds.place(ctx, "thing", thing, "bill", "address")
        with pytest.raises(Conflict, match="on hold already"):
            await holds.place(ctx, "thing", thing, "pay", "again")
        assert [
            (h.aspect, h.reason_category, h.reason_details, h.estimated_resume_date)
            for h in await holds.held(ctx, "thing", thing)
        ] == [("pay", "credit", "over the limit", until.date()), ("bill", "address", "", None)]
    problem = await ada.refused("POST", "/thing-status", change(thing, "paid"), status=409)
    assert (problem["aspect"], problem["reason"], problem["hold"]) == ("pay", "credit", str(hold))
    assert (await ada.get(f"/things/{thing}"))["state"] == "open"
    await ada.post("/thing-status", change(await opened(ada), "paid"))  # others are not held
    trial.clock.set(until + timedelta(minutes=1))
    try:
        async with trial.unit(ada.tenant, "trial") as ctx:
            assert await holds.escalate(ctx) == [hold]
            assert await holds.escalate(ctx) == []
    finally:
        trial.clock._at = None
    async with trial.unit(ada.tenant, "trial") as ctx:
        assert await holds.release(ctx, "thing", thing, "pay", reason="paid by bank") == 1
        with pytest.raises(Conflict):
            await holds.release(ctx, "thing", thing, "pay")
        await status.move(ctx, THING, thing, "pay")
        await holds.place(ctx, "thing", thing, "pay", "again")
        assert await holds.release(ctx, "thing", thing) == 2
        names = await ctx.value("SELECT array_agg(name ORDER BY seq) FROM kernel.event WHERE name LIKE 'hold.%'")
    assert names == ["hold.placed", "hold.placed", "hold.escalated"]
    async with trial.unit(ada.tenant, "trial") as ctx:
        kept = await ctx.connection.fetchrow(
            "SELECT release_reason, notify_customer FROM kernel.hold WHERE id = $1", hold
        )
        assert tuple(kept) == ("paid by bank", True)


async def opened(ada: Person) -> UUID:
    thing = await made(ada)
    await ada.post("/thing-status", change(thing, "open"))
    return thing


async def test_two_at_once_move_it_once(trial: World, ada: Person) -> None:
    thing = await made(ada)
    async with trial.unit(ada.tenant, "trial") as ctx:
        step = rules.THING.step("draft", "open")
        async with trial.unit(ada.tenant, "trial") as other:
            await status.follow(other, rules.THING, thing, step, "draft")
        with pytest.raises(Conflict, match="somebody else"):
            await status.follow(ctx, rules.THING, thing, step, "draft")
    with pytest.raises(NotFound):
        async with trial.unit((await trial.tenant()).tenant, "trial") as stranger:
            await status.move(stranger, THING, thing, "open")
