"""What accounts stand at: the ledger of one of them, and the trial balance."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.accounting.queries.books import AccountShown, get_account
from entrepot.modules.accounting.rules import LEDGER_LINES, ZERO, moved_until
from entrepot.pure.errors import Invalid
from entrepot.pure.money import Money


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
