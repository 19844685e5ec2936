"""What the database itself refuses, whoever writes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from uuid import UUID

import asyncpg
import pytest

from entrepot.modules.accounting.commands import posting
from entrepot.modules.accounting.rules import Draft, sides
from entrepot.pure.ids import new_id
from tests.journeys.shop import product, sale

ENTRY = """
INSERT INTO accounting.journal_entry (id, number, entity_id, date, kind, status, description, currency, total)
VALUES ($1, $2, $3, $4, 'manual', 'posted', 'raw', 'EUR', 10)
"""


async def posted(shop, day="2026-03-10", amount="10.00"):
    entry = await shop.post(
        "/accounting/journal-entries",
        {
            "date": day,
            "description": "rent",
            "lines": [{"account": "6000", "debit": amount}, {"account": "1000", "credit": amount}],
        },
        status=201,
    )
    return await shop.post(f"/accounting/journal-entries/{entry['id']}/post")


async def raw(shop, sql, *arguments):
    """As the application role, in the tenant."""
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        return await ctx.connection.execute(sql, *arguments)


async def counts(shop):
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        return await ctx.value(
            "SELECT ARRAY[(SELECT count(*) FROM accounting.journal_entry), (SELECT count(*) FROM accounting.journal_line)]"
        )


@pytest.mark.covers("ACC-048", "ACC-051")
async def test_an_unbalanced_entry_is_refused_by_command_and_by_the_database(house_world):
    shop = await house_world.tenant()
    problem = await shop.refused(
        "POST",
        "/accounting/journal-entries",
        {
            "date": "2026-03-10",
            "description": "wrong",
            "lines": [{"account": "6000", "debit": "10.00"}, {"account": "1000", "credit": "9.99"}],
        },
        status=422,
    )
    assert problem["fields"][0]["problem"] == "debits of 10.00 do not equal credits of 9.99"
    good = await posted(shop)
    before = await counts(shop)
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        accounts = {r["code"]: r["id"] for r in await ctx.connection.fetch("SELECT code, id FROM accounting.account")}
        entity = await ctx.value("SELECT entity_id FROM accounting.journal_entry LIMIT 1")
        day = await ctx.value("SELECT date FROM accounting.journal_entry LIMIT 1")
    for lines, message in (
        ([(accounts["6000"], 10, 0), (accounts["1000"], 0, 9)], "does not balance"),
        ([(accounts["6000"], 10, 0)], "does not balance"),
    ):
        entry_id = new_id()
        with pytest.raises(asyncpg.PostgresError, match=message):
            async with shop.world.unit(shop.tenant, "accounting") as ctx:
                await ctx.connection.execute(ENTRY, entry_id, f"RAW-{entry_id}", entity, day)
                await ctx.connection.execute(
                    "INSERT INTO accounting.journal_line "
                    "(id, entry_id, position, entity_id, account_id, date, debit, credit) "
                    "SELECT gen_random_uuid(), $1, u.at, $2, u.account, $3, u.debit, u.credit "
                    "FROM unnest($4::uuid[], $5::numeric[], $6::numeric[]) WITH ORDINALITY AS u(account, debit, credit, at)",
                    entry_id,
                    entity,
                    day,
                    [a for a, _, _ in lines],
                    [d for _, d, _ in lines],
                    [c for _, _, c in lines],
                )
    with pytest.raises(Exception, match="needs its lines"):
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            entry_id = new_id()
            await ctx.connection.execute(ENTRY, entry_id, f"RAW-{entry_id}", entity, day)
    for first, refused in (
        (1, asyncpg.UniqueViolationError),  # numbers that the entry has
        (3, asyncpg.PostgresError),  # numbers that go on behind them
        (0, asyncpg.PostgresError),
    ):
        with pytest.raises(refused, match=r"journal_line_pkey|a posted entry cannot be changed"):
            async with shop.world.unit(shop.tenant, "accounting") as ctx:
                await ctx.connection.execute(
                    "INSERT INTO accounting.journal_line "
                    "(id, entry_id, position, entity_id, account_id, date, debit, credit) "
                    "SELECT gen_random_uuid(), $1, u.at + $5 - 1, $2, u.account, $3, u.debit, u.credit "
                    "FROM unnest($4::uuid[], ARRAY[5, 0]::numeric[], ARRAY[0, 5]::numeric[]) "
                    "WITH ORDINALITY AS u(account, debit, credit, at)",
                    good["id"],
                    entity,
                    day,
                    [accounts["6000"], accounts["1000"]],
                    first,
                )
    assert await counts(shop) == before


@pytest.mark.covers("ACC-049", "ACC-050", "ACC-023", "ACC-036", "ACC-008")
async def test_what_is_posted_is_never_changed_only_reversed(house_world):
    shop = await house_world.tenant()
    entry = await posted(shop)
    for sql, kind in (
        ("UPDATE accounting.journal_line SET debit = 11 WHERE debit = 10", asyncpg.InsufficientPrivilegeError),
        ("DELETE FROM accounting.journal_line", asyncpg.InsufficientPrivilegeError),
        ("UPDATE accounting.journal_entry SET total = 11", asyncpg.PostgresError),
        ("UPDATE accounting.journal_entry SET date = date - 1", asyncpg.PostgresError),
        ("DELETE FROM accounting.journal_entry", asyncpg.PostgresError),
        ("UPDATE accounting.journal_entry SET status = 'draft'", asyncpg.PostgresError),
        ("TRUNCATE accounting.journal_line", asyncpg.InsufficientPrivilegeError),
        ("ALTER TABLE accounting.journal_line DISABLE TRIGGER check_lines", asyncpg.InsufficientPrivilegeError),
        ("UPDATE inventory.stock_ledger SET quantity = 0", asyncpg.InsufficientPrivilegeError),
        ("DELETE FROM kernel.event", asyncpg.InsufficientPrivilegeError),
        ("UPDATE kernel.audit_trail SET new = NULL", asyncpg.InsufficientPrivilegeError),
    ):
        with pytest.raises(kind):
            await raw(shop, sql)
    problem = await shop.refused("POST", f"/accounting/journal-entries/{entry['id']}/post", {}, status=409)
    assert problem["allowed"] == ["void"]
    voided = await shop.post(
        f"/accounting/journal-entries/{entry['id']}/void", {"reason": "twice", "date": "2026-03-11"}
    )
    assert (voided["status"], voided["void_reason"]) == ("voided", "twice")
    assert await shop.get("/accounting/reports/trial-balance") == []
    reversal = await shop.get(f"/accounting/journal-entries/{voided['voided_by_id']}")
    assert [(line["account"], line["debit"], line["credit"]) for line in reversal["lines"]] == [
        ("6000", "0", "10.00"),
        ("1000", "10.00", "0"),
    ]
    assert reversal["reverses_id"] == entry["id"]
    await shop.refused("POST", f"/accounting/journal-entries/{entry['id']}/void", {"reason": "again"}, status=409)


@pytest.mark.covers("ACC-001", "ACC-018", "ACC-034")
async def test_nothing_enters_a_closed_period(house_world):
    shop = await house_world.tenant()
    await posted(shop)
    period = (await shop.get("/accounting/periods"))[0]
    assert (period["year"], period["month"], period["state"]) == (2026, 3, "open")
    closed = await shop.post(f"/accounting/periods/{period['id']}/close")
    assert closed["state"] == "closed"
    before = await counts(shop)
    draft = await shop.post(
        "/accounting/journal-entries",
        {
            "date": "2026-03-31",
            "description": "late",
            "lines": [{"account": "6000", "debit": "1.00"}, {"account": "1000", "credit": "1.00"}],
        },
        status=201,
    )
    problem = await shop.refused("POST", f"/accounting/journal-entries/{draft['id']}/post", {}, status=409)
    assert problem["detail"] == "the period 2026-03 is closed"
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        accounts = {r["code"]: r["id"] for r in await ctx.connection.fetch("SELECT code, id FROM accounting.account")}
        known = await ctx.connection.fetchrow(
            "SELECT entity_id, date FROM accounting.journal_entry WHERE status = 'posted'"
        )
    with pytest.raises(asyncpg.PostgresError, match="is closed"):
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            entry_id = new_id()
            await ctx.connection.execute(ENTRY, entry_id, "RAW-1", known["entity_id"], known["date"])
            await ctx.connection.execute(
                "INSERT INTO accounting.journal_line "
                "(id, entry_id, position, entity_id, account_id, date, debit, credit) "
                "SELECT gen_random_uuid(), $1, u.at, $2, u.account, $3, u.debit, u.credit "
                "FROM unnest($4::uuid[], ARRAY[5, 0]::numeric[], ARRAY[0, 5]::numeric[]) "
                "WITH ORDINALITY AS u(account, debit, credit, at)",
                entry_id,
                known["entity_id"],
                known["date"],
                [accounts["6000"], accounts["1000"]],
            )
    after = await counts(shop)
    assert after == [before[0] + 1, before[1]], "only the draft was added"
    opened = await shop.post(f"/accounting/periods/{period['id']}/open")
    assert opened["state"] == "open"
    await shop.post(f"/accounting/journal-entries/{draft['id']}/post")


@pytest.mark.covers("ACC-024", "ACC-026")
async def test_an_account_shows_its_ledger_with_running_balance(house_world):
    shop = await house_world.tenant()
    for day, amount in (("2026-03-10", "10.00"), ("2026-03-20", "5.50"), ("2026-04-02", "1.25")):
        await posted(shop, day, amount)
    account = (await shop.get("/accounting/accounts?code=6000"))[0]
    ledger = await shop.get(f"/accounting/accounts/{account['id']}/ledger?from=2026-03-15&to=2026-04-30")
    assert (ledger["opening"], ledger["debit"], ledger["credit"], ledger["closing"]) == ("10.00", "6.75", "0", "16.75")
    assert [(line["date"], line["debit"], line["balance"]) for line in ledger["lines"]] == [
        ("2026-03-20", "5.50", "15.50"),
        ("2026-04-02", "1.25", "16.75"),
    ]
    problem = await shop.refused(
        "GET", f"/accounting/accounts/{account['id']}/ledger?from=2026-05-01&to=2026-04-30", status=422
    )
    assert problem["field"] == "from"
    march = await shop.get("/accounting/reports/trial-balance?as_of=2026-03-31")
    assert {row["code"]: (row["debit"], row["credit"]) for row in march} == {
        "1000": ("0", "15.50"),
        "6000": ("15.50", "0"),
    }


@pytest.mark.covers(
    "ACC-002", "ACC-003", "ACC-004", "ACC-005", "ACC-021", "ACC-037", "ACC-040", "ACC-041", "ACC-043", "ACC-044",
    "ACC-045", "ACC-046", "ACC-047",
)  # fmt: skip
async def test_the_chart_keeps_its_shape(house_world):
    shop = await house_world.tenant()
    header = (await shop.get("/accounting/accounts?code=6"))[0]
    detail = (await shop.get("/accounting/accounts?code=6000"))[0]
    made = await shop.post(
        "/accounting/accounts",
        {"code": "6200", "name": "Travel", "type": "expense", "parent_id": header["id"]},
        status=201,
    )
    assert (made["normal_balance"], made["detail"], made["status"]) == ("debit", True, "active")
    await shop.refused("POST", "/accounting/accounts", {"code": "6200", "name": "T", "type": "expense"}, status=409)
    for parent, message in (
        (detail["id"], "a detail account has no children"),
        (made["id"][:-4] + "0000", "there is no such account"),
    ):
        problem = await shop.refused(
            "POST",
            "/accounting/accounts",
            {"code": "6300", "name": "T", "type": "expense", "parent_id": parent},
            status=422,
        )
        assert problem["fields"] == [{"field": "parent_id", "problem": message}]
    problem = await shop.refused("PATCH", f"/accounting/accounts/{header['id']}", {"status": "inactive"}, status=409)
    assert problem["detail"] == "an active account stands under this header"
    assert (await shop.patch(f"/accounting/accounts/{made['id']}", {"status": "inactive"}))["status"] == "inactive"
    line = [{"account": "6200", "debit": "1"}, {"account": "1000", "credit": "1"}]
    body = {"date": "2026-03-01", "description": "x", "lines": line}
    problem = await shop.refused("POST", "/accounting/journal-entries", body, status=409)
    assert problem["detail"] == "account 6200 is inactive"
    problem = await shop.refused("POST", "/accounting/journal-entries", {**body, "lines": line[:1]}, status=422)
    assert problem["fields"][0]["problem"] == "an entry has at least two lines"
    on_header = [{"account": "6", "debit": "1"}, {"account": "1000", "credit": "1"}]
    problem = await shop.refused("POST", "/accounting/journal-entries", {**body, "lines": on_header}, status=422)
    assert problem["fields"][0]["problem"] == "6 is a header and takes no postings"


async def test_sales_of_two_companies_in_one_batch_reach_each_its_own_accounts(house_world):
    shop = await house_world.tenant()
    await product(shop, stock="10", cost="1.00")
    other = await shop.post("/business-entities", {"code": "TWO", "name": "Two"}, status=201)
    await house_world.settle()
    there = {"x-business-entity": "TWO"}
    stock = {"sku": "COFFEE", "quantity": "10", "reason": "opening", "unit_cost": "2.00"}
    await shop.post("/inventory/adjust", stock, headers=there)
    await house_world.settle()
    own = {"value": {"revenue": "4900", "cogs": "5100"}, "level": "entity", "owner_id": other["id"]}
    await shop.put("/settings/accounting.parts", own)
    first = await shop.post("/orders/pos", sale(("COFFEE", "2")), status=201)
    await shop.post("/orders/pos", sale(("COFFEE", "3")), status=201, headers=there)
    await house_world.settle()
    found = {}
    for entity in (first["entity_id"], other["id"]):
        rows = await shop.get(f"/accounting/reports/trial-balance?entity={entity}")
        found[entity] = {row["code"]: (row["debit"], row["credit"]) for row in rows}
    assert found == {
        first["entity_id"]: {
            "1020": ("5.00", "0"),
            "1300": ("8.00", "0"),
            "2200": ("0", "0.87"),
            "4000": ("0", "4.13"),
            "5000": ("2.00", "0"),
            "5100": ("0", "10.00"),
        },
        other["id"]: {
            "1020": ("7.50", "0"),
            "1300": ("14.00", "0"),
            "2200": ("0", "1.30"),
            "4900": ("0", "6.20"),
            "5100": ("0", "14.00"),
        },
    }


def drafted(entity, key, day, amount="1.00"):
    return Draft(
        entity_id=entity,
        date=date.fromisoformat(day),
        kind="system",
        description=key,
        currency="EUR",
        lines=sides([("6000", Decimal(amount)), ("1000", -Decimal(amount))]),
        reference_type="",
        reference_id=None,
        source_key=key,
    )


async def test_entries_of_two_entities_are_posted_with_one_call_and_numbered_apart(house_world):
    shop = await house_world.tenant()
    other = UUID((await shop.post("/business-entities", {"code": "SHOP2", "name": "Second"}))["id"])
    await house_world.settle()
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        entity = await ctx.value("SELECT id FROM identity.business_entity WHERE id <> $1", other)
        batch = [
            drafted(entity, "a", "2026-01-01"),
            drafted(other, "b", "2026-01-01", "3.00"),
            drafted(entity, "c", "2026-02-01", "5.00"),
            drafted(other, "d", "2026-01-02", "7.00"),
        ]
        assert await posting.post_many(ctx, batch) == 4
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        entries = await ctx.connection.fetch(
            "SELECT e.description, e.entity_id, e.number, array_agg(l.entity_id) AS lines FROM accounting.journal_entry e "
            "JOIN accounting.journal_line l ON l.entry_id = e.id GROUP BY 1, 2, 3 ORDER BY 1"
        )
        moved = await ctx.connection.fetch(
            "SELECT b.entity_id, b.month, b.debit FROM accounting.account_balance b "
            "JOIN accounting.account a ON a.id = b.account_id WHERE a.code = '6000'"
        )
    assert [tuple(entry) for entry in entries] == [
        ("a", entity, "JE-2026-000001", [entity, entity]),
        ("b", other, "JE-2026-000001", [other, other]),
        ("c", entity, "JE-2026-000002", [entity, entity]),
        ("d", other, "JE-2026-000002", [other, other]),
    ]
    assert {tuple(row) for row in moved} == {
        (entity, 1, Decimal("1.00")),
        (entity, 2, Decimal("5.00")),
        (other, 1, Decimal("10.00")),
    }


async def test_what_was_posted_before_costs_no_number(house_world):
    """Some of a batch are known, in two years, and one is worth nothing: the numbers of the others have no gap."""
    shop = await house_world.tenant()
    async with shop.world.unit(shop.tenant, "identity") as ctx:
        entity = await ctx.value("SELECT id FROM identity.business_entity")
    draft = partial(drafted, entity)
    batches = (
        [draft("a", "2025-12-31"), draft("b", "2026-01-01"), draft("nothing", "2026-01-01", "0.00")],
        [draft("b", "2026-01-01"), draft("c", "2026-02-01"), draft("a", "2025-12-31"), draft("d", "2025-12-31")],
        [draft("c", "2026-02-01"), draft("d", "2025-12-31")],
        [draft("e", "2026-01-01"), draft("f", "2025-12-31")],
    )
    made = []
    for batch in batches:
        async with shop.world.unit(shop.tenant, "accounting") as ctx:
            made.append(await posting.post_many(ctx, batch))
    assert made == [2, 2, 0, 2]
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        rows = await ctx.connection.fetch("SELECT description, number FROM accounting.journal_entry ORDER BY 1")
    assert {row["description"]: row["number"] for row in rows} == {
        "a": "JE-2025-000001",
        "b": "JE-2026-000001",
        "c": "JE-2026-000002",
        "d": "JE-2025-000002",
        "e": "JE-2026-000003",
        "f": "JE-2025-000003",
    }


async def test_what_was_posted_before_is_found_by_its_key_while_the_planner_knows_of_no_entry(house_world):
    """A plan made while the ledger was empty reads no more of it when it is long."""
    shop = await house_world.tenant()
    async with shop.world.unit(shop.tenant, "accounting") as ctx:
        await ctx.run("SET LOCAL plan_cache_mode = force_generic_plan")
        # Nor of a table of one page, which a vacuum may have told it of after other tests.
        await ctx.run("SET LOCAL enable_seqscan = off")
        await ctx.run(f"PREPARE known AS {posting._POSTED}")
        rows = await ctx.connection.fetch("EXPLAIN EXECUTE known('{a,b}')")
        plan = "\n".join(row[0] for row in rows)
        await ctx.run("DEALLOCATE known")
    assert "using journal_entry_source_key_key" in plan
    assert "(source_key = asked.asked)" in plan.split("Index Cond: ")[1]
