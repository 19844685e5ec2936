"""What SQL reckons for many rows at once is what the rules say plainly of one."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.modules.accounting.commands import posting
from entrepot.modules.accounting.queries.balances import get_ledger, trial_balance
from entrepot.modules.accounting.queries.proving import balances_equal_recount
from entrepot.modules.accounting.rules import DraftLine, moved_until, must_balance
from entrepot.modules.inventory import rules
from entrepot.modules.inventory.commands import returning, stocking, taking
from entrepot.modules.inventory.contract import Cost, Take, Want
from entrepot.modules.inventory.queries import levels_equal_ledger
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.ids import new_id
from tests.journeys.shop import product
from tests.journeys.test_books import drafted, posted
from tests.journeys.test_lines import DAY, enter

MANY = settings(max_examples=80, deadline=None)
CENTS = st.integers(0, 400).map(lambda cents: Decimal(cents) / 100)
QUANTITIES = st.integers(1, 9).map(Decimal) | st.integers(1, 9_999).map(lambda milli: Decimal(milli) / 1000)
MOVES = st.lists(
    st.tuples(st.just("receive"), QUANTITIES, CENTS)
    | st.tuples(st.just("adjust"), QUANTITIES | QUANTITIES.map(lambda quantity: -quantity), st.none() | CENTS)
    | st.tuples(st.just("count"), QUANTITIES, st.none())
    | st.tuples(st.sampled_from(["take", "oversell"]), QUANTITIES, st.none())
    | st.tuples(st.just("put back"), st.none(), st.none()),
    max_size=12,
)
ENTRIES = st.tuples(
    st.sampled_from(["2026-03-10", "2026-03-31", "2026-04-01", "2027-03-10"]),
    st.integers(1, 500).map(lambda cents: str(Decimal(cents) / 100)),
)
DAYS = st.integers(0, 460).map(lambda days: date(2026, 2, 1) + timedelta(days=days))


@pytest.fixture(scope="module")
async def books(house_world):
    return await house_world.tenant()


@pytest.fixture(scope="module")
async def shop(house_world):
    """Who sells coffee, and whose books are open on the day of the entries."""
    shop = await house_world.tenant()
    await product(shop, stock="")
    await posted(shop, str(DAY))
    return shop


class Plain:
    """One level of goods, and what takings took of it."""

    def __init__(self):
        self.level = rules.Level("COFFEE", *[Decimal(0)] * 4)
        self.taken = []

    def move(self, kind, quantity, worth):
        """What the rules make of a move; a refusal changes nothing."""
        level = self.level
        if kind == "receive":
            level.enter(quantity, worth)
        elif kind == "count":
            self.correct(quantity - level.on_hand, level.unit_cost)
        elif kind == "adjust":
            if quantity < 0 and level.available < -quantity:
                raise Conflict("there is not enough stock")
            self.correct(quantity, level.unit_cost if worth is None else worth)
        elif kind == "put back":
            if self.taken:
                level.enter(*self.taken.pop())
        else:
            if kind == "take" and level.available < quantity:
                raise Conflict("there is not enough stock")
            self.taken.append((quantity, level.issue(quantity)))

    def correct(self, quantity, worth):
        if quantity > 0:
            self.level.enter(quantity, rules.cents(quantity * worth))
        elif quantity < 0:
            self.level.issue(-quantity)


async def do(ctx, warehouse, references, kind, quantity, worth):
    """The same move by its command."""
    if kind == "receive":
        await stocking.receive(ctx, new_id(), warehouse, [Cost("COFFEE", quantity, worth)])
    elif kind == "count":
        await stocking.count_stock(ctx, "COFFEE", quantity, warehouse)
    elif kind == "adjust":
        await stocking.adjust_stock(ctx, "COFFEE", quantity, "because", warehouse, worth)
    elif kind == "put back":
        await returning.put_back(ctx, references.pop() if references else new_id())
    else:
        reference = new_id()
        take = Take(reference, [Want("COFFEE", quantity)], forced=kind == "oversell")
        taken = (await taking.deduct_many(ctx, reference, warehouse, [take]))[0]
        if taken.missing:
            raise taking.not_enough(taken.missing, take.wants)
        references.append(reference)


@pytest.mark.covers("INV-044")
@MANY
@given(moves=MOVES)
async def test_a_level_is_what_its_moves_make_of_it(shop, moves):
    plain, references = Plain(), []
    async with shop.world.unit(shop.tenant, "inventory") as ctx:
        ctx.entity_id = await ctx.value("SELECT id FROM identity.business_entity")
        warehouse = await stocking.open_warehouse(ctx, str(new_id()), "A place")
    for move in moves:
        refused = []
        try:
            plain.move(*move)
        except Conflict as conflict:
            refused.append(str(conflict))
        try:
            async with shop.world.unit(shop.tenant, "inventory") as ctx:
                await do(ctx, warehouse, references, *move)
        except Conflict as conflict:
            refused.append(str(conflict))
        assert refused in ([], ["there is not enough stock"] * 2)
        async with shop.world.unit(shop.tenant, "inventory") as ctx:
            row = await ctx.connection.fetchrow(
                "SELECT on_hand, value, unit_cost FROM inventory.stock_level WHERE warehouse_id = $1", warehouse
            )
            kept = tuple(row) if row else (0, 0, 0)
            assert kept == (plain.level.on_hand, plain.level.value, plain.level.unit_cost)
            assert await levels_equal_ledger(ctx) == []
            for quantity, value, unit_cost in await ctx.connection.fetch(
                "SELECT quantity, value, unit_cost FROM inventory.stock_ledger WHERE warehouse_id = $1", warehouse
            ):
                assert unit_cost == rules.each(value, quantity)


@pytest.mark.covers("ACC-048")
@MANY
@given(lines=st.lists(st.tuples(*[st.integers(0, 2).map(Decimal)] * 2), min_size=1, max_size=4))
async def test_the_database_takes_the_entries_that_the_rule_takes(shop, lines):
    try:
        must_balance([DraftLine(account="6000", debit=debit, credit=credit) for debit, credit in lines])
        good = True
    except Invalid:
        good = False
    try:
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            entity = await ctx.value("SELECT id FROM identity.business_entity")
            await enter(ctx, entity, [(entity, DAY, *both) for both in lines])
        taken = True
    except (asyncpg.PostgresError, Conflict):
        taken = False
    assert taken == good


@pytest.mark.covers("ACC-032")
@MANY
@given(batches=st.lists(st.lists(ENTRIES, max_size=4), max_size=3))
async def test_kept_balances_are_what_the_entries_move(books, batches):
    drafts = []
    async with books.world.unit(books.tenant, "accounting") as ctx:
        before = await kept(ctx)
        entity = await ctx.value("SELECT id FROM identity.business_entity")
        for entries in batches:
            batch = [drafted(entity, str(new_id()), *entry) for entry in entries]
            assert await posting.post_many(ctx, batch) == len(batch)
            drafts += batch
    for draft in drafts:
        for line in draft.lines:
            month = before[line.account, draft.date.year, draft.date.month]
            month[0] += line.debit
            month[1] += line.credit
    async with books.world.unit(books.tenant, "accounting") as ctx:
        assert await kept(ctx) == before
        assert await balances_equal_recount(ctx) == []


@given(posted=st.dictionaries(DAYS, CENTS, max_size=40), day=DAYS | st.sampled_from([None, date.min, date.max]))
def test_months_and_the_lines_of_one_are_all_that_was_posted_until_a_day(posted, day):
    year, month, since, until, sign = moved_until(day)
    months = sum(amount for on, amount in posted.items() if (on.year, on.month) < (year, month))
    lines = [amount for on, amount in posted.items() if since <= on <= until]
    assert months + sign * sum(lines) == sum(amount for on, amount in posted.items() if day is not None and on <= day)
    assert (until - since).days < 15  # never more than the shorter part of a month


@pytest.mark.covers("ACC-024", "ACC-026")
@MANY
@given(entries=st.lists(ENTRIES, max_size=4), first=DAYS, last=DAYS)
async def test_books_of_a_day_are_what_was_posted_until_then(books, entries, first, last):
    first, last = sorted((first, last))
    async with books.world.unit(books.tenant, "accounting") as ctx:
        entity = await ctx.value("SELECT id FROM identity.business_entity")
        await posting.post_many(ctx, [drafted(entity, str(new_id()), *entry) for entry in entries])
    async with books.world.unit(books.tenant, "accounting") as ctx:
        ledger = await get_ledger(
            ctx, await ctx.value("SELECT id FROM accounting.account WHERE code = '6000'"), first, last
        )
        balances = {row.code: row.debit - row.credit for row in await trial_balance(ctx, last)}
        assert {row.code: row.debit - row.credit for row in await trial_balance(ctx, last, entity)} == balances
        recounted = dict(await ctx.connection.fetch(RECOUNT, last))
        (before, debit, credit) = await ctx.connection.fetchrow(RECOUNT_LEDGER, first, last)
    assert balances == {code: balance for code, balance in recounted.items() if balance}
    assert (ledger.opening, ledger.debit, ledger.credit) == (before, debit, credit)
    assert ledger.closing == ledger.opening + ledger.debit - ledger.credit == balances.get("6000", 0)
    assert ledger.all_lines
    assert [sum(line.debit for line in ledger.lines), sum(line.credit for line in ledger.lines)] == [debit, credit]
    assert not ledger.lines or ledger.lines[-1].balance == ledger.closing


RECOUNT = """
SELECT a.code, sum(l.debit) - sum(l.credit) FROM accounting.journal_line l JOIN accounting.account a ON a.id = l.account_id
WHERE l.date <= $1 GROUP BY a.code
"""
RECOUNT_LEDGER = """
SELECT coalesce(sum(l.debit - l.credit) FILTER (WHERE l.date < $1), 0), coalesce(sum(l.debit) FILTER (WHERE l.date >= $1), 0),
       coalesce(sum(l.credit) FILTER (WHERE l.date >= $1), 0)
FROM accounting.journal_line l JOIN accounting.account a ON a.id = l.account_id WHERE a.code = '6000' AND l.date <= $2
"""


async def kept(ctx):
    """Debit and credit by account, year and month, as kept."""
    rows = await ctx.connection.fetch(
        "SELECT a.code, b.year, b.month, b.debit, b.credit FROM accounting.account_balance b "
        "JOIN accounting.account a ON a.id = b.account_id"
    )
    return defaultdict(lambda: [0, 0], {(code, year, month): both for code, year, month, *both in rows})
