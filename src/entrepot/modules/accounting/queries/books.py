"""Accounts, periods, entries, and what is in the way of posting."""

from __future__ import annotations

from datetime import date, datetime
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
from entrepot.modules.accounting.rules import PARTS, AccountType, EntryStatus, PeriodState
from entrepot.modules.accounting.tables import Account, JournalEntry, JournalLine, Period
from entrepot.modules.identity.contract import Identity
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
