"""Long lists and books stay quick: a page looks at hardly more rows than it shows, the first one and one far down, and
balances of a day at a part of a month."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.lists import Listing, read_page
from entrepot.modules.accounting.queries.balances import get_ledger, trial_balance
from entrepot.modules.accounting.queries.books import ENTRIES
from entrepot.modules.inventory.queries import MOVES
from entrepot.modules.orders.queries.orders import ORDERS, SOLD
from entrepot.modules.payments.queries import PAYMENTS
from entrepot.testing.world import World
from tests.journeys.test_plans import FETCHED

MANY, PAGE = 3000, 50

# Amounts, moments, states and channels that many rows have in common.
FILL = {
    "orders.sales_order": """
INSERT INTO orders.sales_order (tenant_id, id, number, entity_id, channel, state, warehouse_id, currency, subtotal,
                                tax_total, total, placed_at)
SELECT $1, gen_random_uuid(), 'N-' || lpad((at * 7919 % $2)::text, 6, '0'), $1, (ARRAY['pos', 'retail', 'wholesale'])[1 + at % 3],
       (ARRAY['completed', 'completed', 'paid', 'cancelled'])[1 + at % 4], $1, 'EUR', 0, 0, (at % 400 - 10) * 1.05,
       '2026-03-01T08:00Z'::timestamptz + interval '1 minute' * (at * 31 % 1500)
FROM generate_series(1, $2::int) at""",
    "orders.order_line": """
INSERT INTO orders.order_line (tenant_id, order_id, position, id, sku, name, quantity, unit_price, net, tax, gross,
                               tax_code, tax_rate)
SELECT $1, id, 1, gen_random_uuid(), 'A', 'A', 1, total, total, 0, total, 'NL-STANDARD', 21
FROM orders.sales_order WHERE tenant_id = $1 AND $2 > 0""",
    "accounting.journal_entry": """
INSERT INTO accounting.journal_entry (tenant_id, id, entity_id, date, kind, status, description, currency, total)
SELECT $1, gen_random_uuid(), $1, '2026-03-01'::date + at * 31 % 300, 'manual', 'posted', 'much', 'EUR', (at % 400 + 1) * 1.05
FROM generate_series(1, $2::int) at""",
    "payments.payment": """
INSERT INTO payments.payment (tenant_id, id, created_at, entity_id, reference_type, reference_id, method, amount,
                              tendered, currency)
SELECT $1, gen_random_uuid(), '2026-03-01T08:00Z'::timestamptz + interval '1 minute' * (at * 31 % 1500), $1, 'order',
       gen_random_uuid(), 'card', (at % 400 + 1) * 1.05, 0, 'EUR'
FROM generate_series(1, $2::int) at""",
    "inventory.stock_ledger": """
INSERT INTO inventory.stock_ledger (tenant_id, id, at, warehouse_id, sku, quantity, unit_cost, value, kind, reference)
SELECT $1, gen_random_uuid(), '2026-03-01T08:00Z', $1, 'A', 1, 1, 1, 'sale', $1 FROM generate_series(1, $2::int) at""",
}

LISTS: list[tuple[Listing[Any], str, list[str]]] = [
    (ORDERS, "orders.sales_order", ["placed_at", "number", "total", "state", "channel"]),
    (ENTRIES, "accounting.journal_entry", ["date", "total"]),
    (PAYMENTS, "payments.payment", ["created_at", "amount"]),
    (MOVES, "inventory.stock_ledger", ["id"]),
]
SORTED = [(listing, table, down + name) for listing, table, names in LISTS for name in names for down in ("", "-")]


@asynccontextmanager
async def filled(world: World, tenant: UUID, *tables: str, many: int = MANY) -> AsyncIterator[None]:
    """A tenant with very many rows, known to the planner."""
    owner = await asyncpg.connect(world.owner(tables[0].partition(".")[0]))
    try:
        await owner.execute("SET session_replication_role = replica")  # no trail, no checks of what nobody posted
        for table in tables:
            await owner.execute(FILL[table], tenant, many)
            await owner.execute(f"ANALYZE {table}")
        yield
    finally:
        for table in tables:
            await owner.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant)
        await owner.close()


async def walked(ctx: Ctx, listing: Listing[Any], **query: str) -> list[Any]:
    """Every row of a list, page by page."""
    rows: list[Any] = []
    page = await read_page(ctx, listing, {"limit": "200", **query})
    while rows.extend(page.data) is None and page.next_cursor:
        page = await read_page(ctx, listing, {"limit": "200", **query, "cursor": page.next_cursor})
    return rows


async def looked_at(ctx: Ctx, listing: Listing[Any], table: str, **query: str) -> tuple[int, Any]:
    """How many rows of a table a page looks at, and the page."""
    before = await ctx.value(FETCHED, table)
    page = await read_page(ctx, listing, {"limit": str(PAGE), **query})
    return await ctx.value(FETCHED, table) - before, page


async def most_looked_at(ctx: Ctx, listing: Listing[Any], table: str, sort: str) -> int:
    """How many rows the first page and one far down look at, whichever is more."""
    first, page = await looked_at(ctx, listing, table, sort=sort)
    assert len(page.data) == PAGE
    for _ in range(7):
        page = await read_page(ctx, listing, {"limit": "200", "sort": sort, "cursor": page.next_cursor})
    far, page = await looked_at(ctx, listing, table, sort=sort, cursor=page.next_cursor)
    assert len(page.data) == PAGE
    return max(first, far)


@pytest.mark.parametrize(("listing", "table", "sort"), SORTED, ids=[f"{one.name}:{sort}" for one, _, sort in SORTED])
async def test_a_page_looks_at_hardly_more_than_it_shows(house_world, listing, table, sort):
    shop = await house_world.tenant()
    async with filled(house_world, shop.tenant, table), house_world.unit(shop.tenant, table.partition(".")[0]) as ctx:
        assert await most_looked_at(ctx, listing, table, sort) <= PAGE * 2


@pytest.mark.parametrize("sort", ["placed_at", "-placed_at"])
async def test_so_does_a_page_of_a_list_over_two_tables(house_world, sort):
    """A comparison of fields of both tables would be answered by reading everything up to the page."""
    shop = await house_world.tenant()
    tables = ("orders.sales_order", "orders.order_line")
    async with (
        filled(house_world, shop.tenant, *tables, many=MANY * 10),
        house_world.unit(shop.tenant, "orders") as ctx,
    ):
        # A quarter is not sold, and twenty orders were placed in the same minute.
        assert await most_looked_at(ctx, SOLD, "orders.sales_order", sort) <= PAGE * 3


@pytest.mark.parametrize(
    "query", [{"total__gte": "408"}, {"total": "-3.15"}, {"total__lt": "-9", "sort": "number"}], ids=str
)
async def test_an_amount_that_few_have_is_found_by_it(house_world, query):
    shop = await house_world.tenant()
    async with filled(house_world, shop.tenant, "orders.sales_order"), house_world.unit(shop.tenant, "orders") as ctx:
        looked, page = await looked_at(ctx, ORDERS, "orders.sales_order", **query)
        everything = await walked(ctx, ORDERS, sort="id")
    name, _, operator = next(iter(query)).partition("__")
    bound = Decimal(query[f"{name}__{operator}" if operator else name])
    fits = {"gte": bound.__le__, "lt": bound.__gt__, "": bound.__eq__}[operator]
    assert {row.id for row in page.data} == {row.id for row in everything if fits(row.total)}
    assert 0 < len(page.data) < PAGE
    assert looked <= len(page.data) * 2


async def test_rows_that_are_alike_stand_in_the_lists_own_order_and_down_is_up_reversed(house_world):
    shop = await house_world.tenant()
    async with filled(house_world, shop.tenant, "orders.sales_order"), house_world.unit(shop.tenant, "orders") as ctx:
        own = await walked(ctx, ORDERS)
        assert own == sorted(own, key=lambda row: (row.placed_at, row.id), reverse=True)
        for name in ("total", "state", "channel", "number", "kind", "currency"):
            up = await walked(ctx, ORDERS, sort=name)
            assert up == sorted(own, key=lambda row: getattr(row, name))
            assert await walked(ctx, ORDERS, sort=f"-{name}") == up[::-1]
        assert await walked(ctx, ORDERS, sort="placed_at") == own[::-1]
        mixed = await walked(ctx, ORDERS, sort="state,-total")
        largest = await walked(ctx, ORDERS, sort="-total")
    # Within a state the largest first; those alike in both stand as in the list itself, because the state goes up.
    expected = sorted(sorted(own, key=lambda row: -row.total), key=lambda row: row.state)
    assert mixed == expected
    assert [row.total for row in largest] == sorted((row.total for row in own), reverse=True)
    assert len(own) == MANY


async def test_amounts_are_compared_exactly_though_they_are_found_by_rank(house_world):
    """Two amounts of nineteen digits have the same rank and are two amounts."""
    shop = await house_world.tenant()
    amounts = [Decimal("123456789012345.0001"), Decimal("123456789012345.0002"), Decimal("-0.01")]
    async with filled(house_world, shop.tenant, "orders.sales_order"):
        owner = await asyncpg.connect(house_world.owner("orders"))
        await owner.execute("SET session_replication_role = replica")
        for at, amount in enumerate(amounts):
            await owner.execute(
                "UPDATE orders.sales_order SET total = $3 WHERE tenant_id = $1 AND number = $2",
                shop.tenant,
                f"N-00000{at}",
                amount,
            )
        await owner.close()
        async with house_world.unit(shop.tenant, "orders") as ctx:
            for query, found in {
                "total": amounts[:1],
                "total__gt": amounts[1:2],
                "total__gte": amounts[:2],
            }.items():
                page = await read_page(ctx, ORDERS, {query: str(amounts[0])})
                assert sorted(row.total for row in page.data) == found
            page = await read_page(ctx, ORDERS, {"total__in": f"{amounts[1]},{amounts[2]}"})
            assert sorted(row.total for row in page.data) == [amounts[2], amounts[1]]
            page = await read_page(ctx, ORDERS, {"total__ne": str(amounts[0]), "total__gte": "100000"})
            assert [row.total for row in page.data] == [amounts[1]]


# One account, an entry every tenth of a day through a year, and what is kept of it.
BOOKS = """
WITH entered AS (
    INSERT INTO accounting.journal_entry (tenant_id, id, number, entity_id, date, kind, status, description, currency, total)
    SELECT $1, gen_random_uuid(), 'L-' || at, $1, '2026-01-01'::date + at / 30, 'manual', 'posted', 'much', 'EUR', 1
    FROM generate_series(0, $3::int - 1) at RETURNING id, date
), booked AS (
    INSERT INTO accounting.journal_line (tenant_id, id, entry_id, position, entity_id, account_id, date, debit, credit)
    SELECT $1, gen_random_uuid(), id, 1, $1, $2, date, 1, 0 FROM entered RETURNING date, debit
)
INSERT INTO accounting.account_balance (tenant_id, id, entity_id, account_id, year, month, debit, credit, updated_at)
SELECT $1, gen_random_uuid(), $1, $2, extract(year FROM date), extract(month FROM date), sum(debit), 0, now()
FROM booked GROUP BY 6, 5
"""
LINES = 10_200


async def test_books_of_a_day_read_a_part_of_a_month_and_tell_of_all_that_was_posted(house_world):
    """A ledger of more lines than are shown told of those only, as if the rest had not been posted."""
    shop = await house_world.tenant()
    owner = await asyncpg.connect(house_world.owner("accounting"))
    try:
        await owner.execute("SET session_replication_role = replica")
        account = await owner.fetchval(
            "SELECT id FROM accounting.account WHERE tenant_id = $1 AND code = '6000'", shop.tenant
        )
        await owner.execute(BOOKS, shop.tenant, account, LINES)
        await owner.execute("ANALYZE accounting.journal_line, accounting.journal_entry")
        for day, posted, most in (
            (date(2026, 5, 10), 130 * 30, 10 * 30),
            (date(2026, 5, 25), 145 * 30, 6 * 30),
            (date(2026, 5, 31), 151 * 30, 0),
            (date(9999, 12, 31), LINES, 0),
        ):
            async with house_world.unit(shop.tenant, "accounting") as ctx:
                before = await ctx.value(FETCHED, "accounting.journal_line")
                assert [(row.code, row.debit, row.credit) for row in await trial_balance(ctx, day)] == [
                    ("6000", posted, 0)
                ]
                assert await ctx.value(FETCHED, "accounting.journal_line") - before <= most
        async with house_world.unit(shop.tenant, "accounting") as ctx:
            everything = await get_ledger(ctx, account)
            sales = await ctx.value("SELECT id FROM accounting.account WHERE code = '4000'")
            empty = await get_ledger(ctx, sales, date(2026, 5, 1))
            before = await ctx.value(FETCHED, "accounting.journal_line")
            december = await get_ledger(ctx, account, date(2026, 12, 1), date(2026, 12, 6))
            # The lines that are listed, and once more for what was posted until the last day.
            assert await ctx.value(FETCHED, "accounting.journal_line") - before <= 2 * 6 * 30
    finally:
        for table in ("journal_line", "journal_entry", "account_balance"):
            await owner.execute(f"DELETE FROM accounting.{table} WHERE tenant_id = $1", shop.tenant)
        await owner.close()
    assert (
        format(empty.opening, "f") == format(empty.closing, "f") == "0"
    )  # and not -0, though the account stands in credit
    assert (everything.opening, everything.debit, everything.credit, everything.closing) == (0, LINES, 0, LINES)
    assert (everything.all_lines, len(everything.lines), everything.lines[-1].balance) == (False, 10_000, 10_000)
    assert (december.opening, december.debit, december.closing) == (334 * 30, 6 * 30, 340 * 30)
    assert (december.all_lines, len(december.lines), december.lines[-1].balance) == (True, 6 * 30, 340 * 30)
