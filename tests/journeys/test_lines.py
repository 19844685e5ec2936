"""What the database refuses of the lines of an entry, whoever writes them."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import asyncpg
import pytest

from entrepot.modules.accounting.queries.proving import balances_equal_recount
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id
from tests.journeys.test_books import ENTRY, counts, posted
from tests.journeys.test_plans import POSTED

LINES = """
INSERT INTO accounting.journal_line (id, entry_id, position, entity_id, account_id, date, debit, credit)
SELECT gen_random_uuid(), $1, u.at, u.entity, a.id, u.day, u.debit, u.credit
FROM unnest($2::uuid[], $3::date[], $4::numeric[], $5::numeric[]) WITH ORDINALITY AS u(entity, day, debit, credit, at)
JOIN accounting.account a ON a.code = CASE WHEN u.debit > 0 THEN '6000' ELSE '1000' END
"""
DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)


async def enter(ctx, entity, lines, *, status="posted"):
    """An entry of the day with these lines: business entity, day, debit, credit."""
    entry_id = new_id()
    await ctx.connection.execute(ENTRY.replace("'posted'", f"'{status}'"), entry_id, f"RAW-{entry_id}", entity, DAY)
    await ctx.connection.execute(LINES, entry_id, *(list(column) for column in zip(*lines, strict=True)))


async def entity_of(shop):
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        return await ctx.value("SELECT entity_id FROM accounting.journal_entry LIMIT 1")


@pytest.mark.covers("ACC-048")
async def test_lines_are_of_one_posted_entry_of_their_day(house_world):
    shop = await house_world.tenant()
    await posted(shop)
    entity, other, before = await entity_of(shop), new_id(), await counts(shop)
    refusals = "does not balance|cannot be changed|belongs to no posted entry"
    for lines, status, message in (
        ([(entity, NEXT, 5, 0), (entity, NEXT, 0, 5)], "posted", "belongs to no posted entry of its day"),
        ([(other, DAY, 5, 0), (other, DAY, 0, 5)], "posted", "belongs to no posted entry of its day"),
        ([(entity, DAY, 5, 0), (entity, NEXT, 0, 5)], "posted", refusals),
        ([(entity, DAY, 5, 0), (other, DAY, 0, 5)], "posted", refusals),
        ([(entity, DAY, 5, 0), (entity, DAY, 0, 5), (entity, NEXT, 5, 0), (entity, NEXT, 0, 5)], "posted", refusals),
        ([(entity, DAY, 5, 0), (entity, DAY, 0, 5)], "draft", "belongs to no posted entry of its day"),
    ):
        with pytest.raises(asyncpg.PostgresError, match=message):
            async with shop.world.unit(shop.tenant, "accounting") as ctx:
                await enter(ctx, entity, lines, status=status)
    assert await counts(shop) == before
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        await enter(ctx, entity, [(entity, DAY, 5, 0), (entity, DAY, 0, 3), (entity, DAY, 0, 2)])
    assert await counts(shop) == [before[0] + 1, before[1] + 3]


TOUCHED = """
SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relid = 'accounting.journal_entry'::regclass
"""
TOLD = "SELECT action FROM kernel.audit_trail WHERE entity_id = ANY($1::uuid[])"


async def test_only_an_entry_whose_lines_come_later_is_looked_at_again(house_world):
    """One that stands without them at the end of its statement is looked at once more at the commit; its row, its version and
    its trail stay as they are."""
    shop = await house_world.tenant()
    await posted(shop)
    entity, before = await entity_of(shop), await counts(shop)
    whole, bare = [new_id() for _ in range(3)], new_id()
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        earlier = await ctx.value(TOUCHED)
        await ctx.run(POSTED, entity, DAY, whole)
        assert await ctx.value(TOUCHED) == earlier
        await ctx.connection.execute(ENTRY, bare, f"RAW-{bare}", entity, DAY)
        assert await ctx.value(TOUCHED) == earlier + 1
        await ctx.connection.execute(LINES, bare, [entity, entity], [DAY, DAY], [5, 0], [0, 5])
        versions = "SELECT DISTINCT version FROM accounting.journal_entry WHERE id = ANY($1::uuid[])"
        assert await ctx.connection.fetch(versions, [*whole, bare]) == [(1,)]
        assert await ctx.connection.fetch(TOLD, [*whole, bare]) == [("create",)] * 4
    assert await counts(shop) == [before[0] + 4, before[1] + 8]
    draft = new_id()
    with pytest.raises(Conflict, match="a posted entry needs its lines") as refused:
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            await ctx.connection.execute(ENTRY.replace("'posted'", "'draft'"), draft, f"RAW-{draft}", entity, DAY)
            await ctx.run("UPDATE accounting.journal_entry SET status = 'posted' WHERE id = $1", draft)
    assert refused.value.facts == {"entry_id": str(draft)}
    assert await counts(shop) == [before[0] + 4, before[1] + 8]


@pytest.mark.covers("ACC-048")
async def test_lines_are_of_an_entry_and_of_accounts_that_stay(house_world):
    shop = await house_world.tenant()
    await posted(shop)
    entity, before = await entity_of(shop), await counts(shop)
    with pytest.raises(asyncpg.PostgresError, match="a line belongs to no posted entry of its day"):
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            await ctx.connection.execute(LINES, new_id(), [entity, entity], [DAY, DAY], [5, 0], [0, 5])
    with pytest.raises(asyncpg.PostgresError, match="a line belongs to no account") as refused:
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            entry_id = new_id()
            await ctx.connection.execute(ENTRY, entry_id, f"RAW-{entry_id}", entity, DAY)
            unknown = LINES.replace("a.id", "CASE WHEN u.debit > 0 THEN a.id ELSE $1 END", 1)
            await ctx.connection.execute(unknown, entry_id, [entity, entity], [DAY, DAY], [5, 0], [0, 5])
    assert refused.value.detail == f'{{"account_id": "{entry_id}"}}'
    for change in (
        "DELETE FROM accounting.account WHERE code = '6000'",
        "UPDATE accounting.account SET id = gen_random_uuid() WHERE code = '6000'",
    ):
        for connection in ("unit", "owner"):
            with pytest.raises(asyncpg.PostgresError, match="an account stays; deactivate it instead") as refused:
                if connection == "unit":
                    async with shop.world.unit(shop.tenant, "accounting") as ctx:
                        await ctx.connection.execute(change)
                else:
                    owner = await asyncpg.connect(shop.world.owner("accounting"))
                    try:
                        await owner.execute(change)
                    finally:
                        await owner.close()
            assert refused.value.detail == '{"account": "6000"}'
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.account SET id = id, name = 'Costs' WHERE code = '6000'")
    assert await counts(shop) == before


async def test_lines_that_nothing_checked_are_found(house_world):
    """A restore or a repair by hand may load rows with triggers switched off."""
    shop = await house_world.tenant()
    await posted(shop)
    astray = "UPDATE accounting.journal_line SET {} = $2 WHERE tenant_id = $1 AND position = $3 RETURNING id"
    owner = await asyncpg.connect(shop.world.owner("accounting"))
    try:
        await owner.execute("SET session_replication_role = replica")
        for column, what, position in (("account_id", "account", 1), ("entry_id", "posted entry", 2)):
            line = await owner.fetchval(astray.format(column), shop.tenant, new_id(), position)
            async with shop.world.unit(shop.tenant, "accounting") as ctx:
                assert f"line {line} has no {what}" in await balances_equal_recount(ctx)
    finally:
        await owner.close()


@pytest.mark.covers("ACC-048")
async def test_a_posting_that_waits_for_a_close_finds_the_period_closed(house_world):
    """And a close that waits for a posting comes after it."""
    shop = await house_world.tenant()
    await posted(shop)
    entity, before = await entity_of(shop), await counts(shop)
    lines = [(entity, DAY, 5, 0), (entity, DAY, 0, 5)]
    closing = asyncio.Event()

    async def post():
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            closing.set()
            await enter(ctx, entity, lines)

    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.period SET state = 'closed' WHERE month = 3")
        late = asyncio.create_task(post())
        await closing.wait()
        while not await waits(shop):
            await asyncio.sleep(0.01)
    with pytest.raises(asyncpg.PostgresError, match=r"the period \{period\} is closed"):
        await late
    assert await counts(shop) == before
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        await ctx.run("UPDATE accounting.period SET state = 'open' WHERE month = 3")

    async def close():
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            await ctx.run("UPDATE accounting.period SET state = 'closed' WHERE month = 3")

    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        await enter(ctx, entity, lines)
        closes = asyncio.create_task(close())
        while not await waits(shop):
            await asyncio.sleep(0.01)
    await closes
    assert await counts(shop) == [before[0] + 1, before[1] + 2]


async def waits(shop):
    """Whether somebody in this database waits for a row."""
    owner = await asyncpg.connect(shop.world.owner("accounting"))
    try:
        return await owner.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
    finally:
        await owner.close()
