"""Accounts, periods, entries, ledgers and the trial balance, and what is in the way of posting."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import extended, view
from entrepot.kernel.lists import Listing
from entrepot.kernel.obstacles import MOST, Obstacle
from entrepot.modules.accounting.contract import BookedLine
from entrepot.modules.accounting.rules import (
    LEDGER_LINES,
    PARTS,
    ZERO,
    AccountType,
    EntryStatus,
    PeriodState,
    moved_until,
)
from entrepot.modules.accounting.tables import Account, JournalEntry, JournalLine, Period
from entrepot.modules.identity.contract import Identity
from entrepot.pure.errors import Invalid
from entrepot.pure.money import Money
from entrepot.pure.said import says


class AccountShown(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    name: str
    type: AccountType
    normal_balance: str
    parent_id: UUID | None
    detail: bool
    status: str
    custom: dict[str, Any]
    version: int


class PeriodShown(msgspec.Struct, frozen=True):
    id: UUID
    entity_id: UUID
    year: int
    month: int
    starts_on: date
    ends_on: date
    state: PeriodState
    closed_at: datetime | None
    version: int


class EntryRow(msgspec.Struct, frozen=True):
    """A line of the journal list."""

    id: UUID
    number: str | None
    entity_id: UUID
    date: date
    kind: str
    status: EntryStatus
    description: str
    total: Money
    currency: str
    reference_type: str
    reference_id: UUID | None
    posted_at: datetime | None


class EntryLine(msgspec.Struct, frozen=True):
    account: str
    account_name: str
    account_id: UUID | None
    debit: Money
    credit: Money
    description: str


class EntryHead(msgspec.Struct, frozen=True):
    id: UUID
    number: str | None
    entity_id: UUID
    date: date
    kind: str
    status: EntryStatus
    description: str
    total: Money
    currency: str
    reference_type: str
    reference_id: UUID | None
    posted_at: datetime | None
    posted_by: UUID | None
    reverses_id: UUID | None
    voided_by_id: UUID | None
    void_reason: str | None
    version: int


class EntryShown(EntryHead, frozen=True):
    """A journal entry with its lines."""

    lines: list[EntryLine] = []


class TypedLine(msgspec.Struct, frozen=True):
    """A line as far as it is typed."""

    debit: Money = Decimal(0)
    credit: Money = Decimal(0)


class Totals(msgspec.Struct, frozen=True):
    """Both sides of an entry and their difference, which is nothing when it can be posted."""

    debit: Money
    credit: Money
    difference: Money


class LedgerLine(msgspec.Struct, frozen=True):
    """A line of an account's ledger with the balance after it."""

    date: date
    entry_id: UUID
    number: str | None
    description: str
    debit: Money
    credit: Money
    balance: Money


class LedgerShown(msgspec.Struct, frozen=True):
    """An account from one day to another: balances, and the lines between, oldest first. Balances and sums are of all that was
    posted; of more than 10,000 lines the first are listed, and `all_lines` is false."""

    account: AccountShown
    opening: Money
    debit: Money
    credit: Money
    closing: Money
    all_lines: bool
    lines: list[LedgerLine]


class TrialRow(msgspec.Struct, frozen=True):
    """An account in the trial balance: its balance on the side where it stands."""

    code: str
    name: str
    debit: Money
    credit: Money


ACCOUNTS = Listing(
    name="accounts",
    view=view(AccountShown, Account),
    needs="accounts.view",
    search=[Account.code, Account.name],
    sort="code",
    extensible=Account,
)
PERIODS = Listing(name="periods", view=view(PeriodShown, Period), needs="accounts.view", sort="-year,-month")
ENTRIES = Listing(
    name="journal_entries",
    view=view(EntryRow, JournalEntry),
    needs="journal.view",
    search=[JournalEntry.number, JournalEntry.description],
    sort="-date",
)


@command(needs="accounts.view")
async def get_account(ctx: Ctx, account_id: UUID) -> AccountShown:
    """One account."""
    return await ctx.one(view(AccountShown, Account).where(Account.id == account_id))


@command(needs="accounts.view")
async def get_period(ctx: Ctx, period_id: UUID) -> PeriodShown:
    """One period."""
    return await ctx.one(view(PeriodShown, Period).where(Period.id == period_id))


@command(needs="journal.view")
async def get_entry(ctx: Ctx, entry_id: UUID) -> EntryShown:
    """A journal entry with its lines."""
    head = await ctx.one(view(EntryHead, JournalEntry).where(JournalEntry.id == entry_id))
    if head.status == "draft":
        lines = await ctx.rows(EntryLine, _DRAFT_LINES, entry_id)
    else:
        lines = await ctx.all(
            view(EntryLine, JournalLine, account=Account.code, account_name=Account.name)
            .join(Account, Account.id == JournalLine.account_id)
            .where(JournalLine.entry_id == entry_id)
            .order_by(JournalLine.position)
        )
    return extended(EntryShown, head, lines=lines)


@command(needs="journal.post")
async def total_lines(ctx: Ctx, lines: list[TypedLine]) -> Totals:
    """Both sides of an entry that is being typed, and what is still between them."""
    debit = sum((line.debit for line in lines), Decimal("0.00"))
    credit = sum((line.credit for line in lines), Decimal("0.00"))
    return Totals(debit, credit, debit - credit)


@command(needs="journal.view")
async def get_ledger(
    ctx: Ctx, account_id: UUID, from_: date | None = None, to: date | None = None, entity: UUID | None = None
) -> LedgerShown:
    """The lines of an account between two days, with running balance; at most 10,000 lines."""
    account = await get_account(ctx, account_id)
    first, last = from_ or date.min, to or date.max
    if first > last:
        raise Invalid.field("from", "must not be after the end")
    side, other = ("debit", "credit") if account.normal_balance == "debit" else ("credit", "debit")
    days = (first - timedelta(days=1) if first > date.min else None, last)
    before, through = await ctx.connection.fetch(_UNTIL, *zip(*map(moved_until, days), strict=True), entity, account_id)
    opening = balance = before[side] - before[other]
    rows = await ctx.connection.fetch(_LEDGER, account_id, first, last, entity, LEDGER_LINES + 1)
    lines = []
    for row in rows[:LEDGER_LINES]:
        balance += row[side] - row[other]
        lines.append(
            LedgerLine(
                row["date"], row["entry_id"], row["number"], row["description"], row["debit"], row["credit"], balance
            )
        )
    if len(rows) <= LEDGER_LINES:
        # What was posted while we read is among the lines or is not, so they say where they end.
        debit, credit = sum((line.debit for line in lines), ZERO), sum((line.credit for line in lines), ZERO)
        return LedgerShown(account, opening, debit, credit, balance, True, lines)
    debit, credit = through["debit"] - before["debit"], through["credit"] - before["credit"]
    return LedgerShown(account, opening, debit, credit, through[side] - through[other], False, lines)


@command(needs="reports.financial")
async def trial_balance(ctx: Ctx, as_of: date | None = None, entity: UUID | None = None) -> list[TrialRow]:
    """Every account with a balance on a day, from the balances kept by month and lines of the shorter part of the month."""
    if as_of is None:
        return await ctx.rows(TrialRow, _TRIAL_NOW) if entity is None else await ctx.rows(TrialRow, _TRIAL_OF, entity)
    return await ctx.rows(TrialRow, _TRIAL, *moved_until(as_of), entity)


async def unpostable(ctx: Ctx, entry_id: UUID | None) -> list[Obstacle]:
    """Drafts that cannot be posted as they are: of a closed period, or on an account that takes no postings."""
    rows = await ctx.connection.fetch(_UNPOSTABLE, entry_id, MOST)
    found = []
    for row in rows:
        common: dict[str, Any] = {
            "entity": "journal_entry",
            "entity_id": row["id"],
            "name": row["description"],
            "since": row["since"],
        }
        if row["period_id"] is not None:
            found.append(
                Obstacle(
                    **common,
                    reason=says("the period {period} is closed", period=row["what"]),
                    button="Open the period",
                    path=f"/accounting/periods/{row['period_id']}",
                    needs="periods.edit",
                )
            )
        else:
            found.append(_account_in_the_way(common, row["what"], row["account_id"], row["status"]))
    return found


async def unbookable(ctx: Ctx, entity_id: UUID | None) -> list[Obstacle]:
    """Business entities whose sales cannot be booked, because an account plays a part that it cannot play."""
    entities = [one for one in await ctx.of(Identity).entities() if entity_id in (None, one.id)]
    parts = {
        one.id: {**PARTS, **await ctx.house.settings.value(ctx, "accounting.parts", entity_id=one.id)}
        for one in entities
    }
    codes = sorted({code for given in parts.values() for code in given.values()})
    rows = await ctx.connection.fetch(
        "SELECT code, id, detail, status, updated_at FROM accounting.account WHERE code = ANY($1)", codes
    )
    known = {row["code"]: row for row in rows}
    found = []
    for one in entities:
        for code in sorted(set(parts[one.id].values())):
            row = known.get(code)
            if row is None or not row["detail"] or row["status"] != "active":
                common: dict[str, Any] = {
                    "entity": "business_entity",
                    "entity_id": one.id,
                    "name": one.name,
                    "since": row["updated_at"] if row else None,
                }
                status = (row["status"] if row["detail"] else "header") if row else None
                found.append(_account_in_the_way(common, code, row["id"] if row else None, status))
    return found[:MOST]


def _account_in_the_way(common: dict[str, Any], code: str, account_id: UUID | None, status: str | None) -> Obstacle:
    if account_id is None:
        return Obstacle(
            **common,
            reason=says("there is no account {account}", account=code),
            button="New account",
            path=f"/accounting/accounts/new?code={code}",
            needs="accounts.edit",
        )
    return Obstacle(
        **common,
        reason=says("account {account} takes no postings: {status}", account=code, status=status),
        button="Change account",
        path=f"/accounting/accounts/{account_id}/change",
        needs="accounts.edit",
    )


# ── offered ──


async def booked(ctx: Ctx, reference_id: UUID) -> list[BookedLine]:
    return await ctx.rows(BookedLine, _BOOKED, reference_id)


_BOOKED = """
SELECT e.id, e.number, e.date, a.code, a.name, l.debit, l.credit, e.currency
FROM accounting.journal_entry e
JOIN accounting.journal_line l ON l.entry_id = e.id AND l.tenant_id = e.tenant_id
JOIN accounting.account a ON a.id = l.account_id AND a.tenant_id = l.tenant_id
WHERE e.reference_id = $1 AND e.status <> 'draft' ORDER BY e.posted_at, e.id, l.position
"""


_UNPOSTABLE = """
WITH draft AS (
    SELECT id, entity_id, date, description, created_at, draft_lines FROM accounting.journal_entry
    WHERE status = 'draft' AND ($1::uuid IS NULL OR id = $1) ORDER BY date LIMIT $2
)
SELECT d.id, d.description, p.updated_at AS since, p.id AS period_id, to_char(d.date, 'YYYY-MM') AS what,
       NULL::uuid AS account_id, NULL AS status
FROM draft d JOIN accounting.period p ON p.entity_id = d.entity_id AND p.year = extract(year FROM d.date)
     AND p.month = extract(month FROM d.date) AND p.state = 'closed'
UNION ALL
SELECT d.id, d.description, coalesce(a.updated_at, d.created_at), NULL, l.code, a.id,
       CASE WHEN a.detail THEN a.status ELSE 'header' END
FROM draft d CROSS JOIN LATERAL (SELECT DISTINCT x->>'account' AS code FROM jsonb_array_elements(d.draft_lines) x) l
LEFT JOIN accounting.account a ON a.code = l.code
WHERE a.id IS NULL OR NOT a.detail OR a.status <> 'active'
"""
_DRAFT_LINES = """
SELECT d->>'account', coalesce(a.name, ''), a.id, (d->>'debit')::numeric, (d->>'credit')::numeric,
       coalesce(d->>'description', '')
FROM accounting.journal_entry e CROSS JOIN LATERAL jsonb_array_elements(e.draft_lines) WITH ORDINALITY AS x(d, at)
LEFT JOIN accounting.account a ON a.code = d->>'account' WHERE e.id = $1 ORDER BY x.at
"""
# What `moved_until` says of each of some days: months as they are kept, and lines added to them or taken away.
_UNTIL = """
SELECT coalesce(sum(moved.debit), 0) AS debit, coalesce(sum(moved.credit), 0) AS credit
FROM unnest($1::int[], $2::int[], $3::date[], $4::date[], $5::int[]) WITH ORDINALITY AS asked(year, month, since, until, sign, at)
LEFT JOIN LATERAL (
    SELECT debit, credit FROM accounting.account_balance b
    WHERE b.account_id = $7 AND (b.year, b.month) < (asked.year, asked.month) AND ($6::uuid IS NULL OR b.entity_id = $6)
    UNION ALL
    SELECT asked.sign * debit, asked.sign * credit FROM accounting.journal_line l
    WHERE l.account_id = $7 AND l.date BETWEEN asked.since AND asked.until AND ($6::uuid IS NULL OR l.entity_id = $6)
) moved ON true GROUP BY asked.at ORDER BY asked.at
"""
# The lines first and then the entry of each: in a join of two lists every line there is would look for its entry.
_LEDGER = """
SELECT l.date, l.entry_id, e.number, coalesce(nullif(l.description, ''), e.description) AS description, l.debit, l.credit
FROM (
    SELECT date, id, entry_id, description, debit, credit FROM accounting.journal_line
    WHERE account_id = $1 AND date BETWEEN $2 AND $3 AND ($4::uuid IS NULL OR entity_id = $4) ORDER BY date, id LIMIT $5
) l, LATERAL (SELECT number, description FROM accounting.journal_entry WHERE id = l.entry_id LIMIT 1) e
ORDER BY l.date, l.id
"""
# The names are looked up for what was summed: in a join of two lists the sums would be made once for each account.
_BALANCED = """
SELECT a.code, a.name, greatest(s.balance, 0), greatest(-s.balance, 0) FROM (
    SELECT account_id, sum(debit) - sum(credit) AS balance FROM {moved} GROUP BY account_id
) s, LATERAL (SELECT code, name FROM accounting.account WHERE id = s.account_id LIMIT 1) a
WHERE s.balance <> 0 ORDER BY a.code
"""
# Each has its own text: one for all would be planned anew every time, because the plan for any parameters reads lines.
_TRIAL_NOW = _BALANCED.format(moved="accounting.account_balance")
_TRIAL_OF = _BALANCED.format(moved="accounting.account_balance WHERE entity_id = $1")
# Lines are found by their account and day, so they are asked for account by account.
_TRIAL = _BALANCED.format(
    moved="""(
    SELECT account_id, debit, credit FROM accounting.account_balance
    WHERE (year, month) < ($1, $2) AND ($6::uuid IS NULL OR entity_id = $6)
    UNION ALL
    SELECT account.id, $5 * l.debit, $5 * l.credit FROM accounting.account, LATERAL (
        SELECT sum(debit) AS debit, sum(credit) AS credit FROM accounting.journal_line
        WHERE account_id = account.id AND date BETWEEN $3 AND $4 AND ($6::uuid IS NULL OR entity_id = $6)
    ) l WHERE l.debit IS NOT NULL) moved"""
)
