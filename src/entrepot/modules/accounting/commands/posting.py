"""Posting to the ledger: many entries at once with a fixed number of statements."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from entrepot.kernel import numbers, status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.accounting import rules
from entrepot.modules.accounting.commands import balances
from entrepot.modules.accounting.events import EntryPosted, EntryVoided
from entrepot.modules.accounting.queries.books import EntryHead, get_entry
from entrepot.modules.accounting.rules import Draft, DraftLine, EntryKind
from entrepot.modules.accounting.tables import JournalEntry, JournalLine
from entrepot.modules.identity.contract import Identity
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.groups import grouped
from entrepot.pure.ids import new_id


@command(needs="journal.post")
async def create_entry(
    ctx: Ctx,
    date: date,
    description: str,
    lines: list[DraftLine],
    kind: EntryKind = EntryKind.manual,
    reference: str = "",
) -> UUID:
    """A balanced entry as a draft; posting it is a step of its own."""
    total = rules.must_balance(lines)
    if not description.strip():
        raise Invalid.field("description", "this field is required")
    _accounts(await _look(ctx, [], lines), lines)
    entity = await ctx.of(Identity).entity(ctx.entity_id)
    entry_id = await ctx.add(
        JournalEntry,
        entity_id=ctx.entity_id,
        date=date,
        kind=kind.value,
        status="draft",
        description=description,
        reference_type=reference,
        currency=entity.currency,
        total=total,
        draft_lines=lines,
    )
    await status.begin(ctx, rules.ENTRY, [entry_id])
    return entry_id


@command(needs="journal.post")
async def post_entry(ctx: Ctx, entry_id: UUID, reason: str | None = None) -> None:
    """Post a draft: it gets its number and can no longer be changed. Refuses a date in a closed period."""
    head = await ctx.hold(view(EntryHead, JournalEntry).where(JournalEntry.id == entry_id))
    step = rules.ENTRY.step(head.status, "post")
    shown = await get_entry(ctx, entry_id)
    lines = [
        DraftLine(account=line.account, debit=line.debit, credit=line.credit, description=line.description)
        for line in shown.lines
    ]
    await status.follow(ctx, rules.ENTRY, entry_id, step, head.status, reason=reason)
    draft = Draft(
        entity_id=head.entity_id,
        date=head.date,
        kind=head.kind,
        description=head.description,
        currency=head.currency,
        lines=lines,
        reference_type=head.reference_type,
        reference_id=head.reference_id,
    )
    books, numbered = await ctx.side_by_side(_look(ctx, [draft], lines), _take_numbers(ctx, [draft]))
    await _post(ctx, [(entry_id, draft)], books, numbered, drafted=True)


@command(needs="journal.post")
async def void_entry(ctx: Ctx, entry_id: UUID, reason: str, date: date | None = None) -> None:
    """Undo a posted entry by its reversal, on the day given or today. The entry itself stays as it was."""
    head = await ctx.hold(view(EntryHead, JournalEntry).where(JournalEntry.id == entry_id))
    step = rules.ENTRY.step(head.status, "void")
    shown = await get_entry(ctx, entry_id)
    await status.follow(ctx, rules.ENTRY, entry_id, step, head.status, reason=reason)
    reversal_id = new_id()
    draft = Draft(
        entity_id=head.entity_id,
        date=date or ctx.now.date(),
        kind=head.kind,
        description=f"{head.number} ↩ {head.description}"[:500],
        currency=head.currency,
        lines=[
            DraftLine(account=line.account, debit=line.credit, credit=line.debit, description=line.description)
            for line in shown.lines
        ],
        reference_type=head.reference_type,
        reference_id=head.reference_id,
    )
    books, numbered = await ctx.side_by_side(_look(ctx, [draft], draft.lines), _take_numbers(ctx, [draft]))
    await _post(ctx, [(reversal_id, draft)], books, numbered, reverses=entry_id)
    await ctx.change(JournalEntry, entry_id, status="voided", voided_by_id=reversal_id, void_reason=reason)
    ctx.emit(EntryVoided(entry_id=entry_id, reversal_id=reversal_id, reason=reason))


async def post_many(ctx: Ctx, drafts: Sequence[Draft]) -> int:
    """Post entries that events caused; what was posted before (by its source key) is left out. Returns how many."""
    drafts = [draft for draft in drafts if draft.lines]
    if not drafts:
        return 0
    lines = [line for draft in drafts for line in draft.lines]
    if ctx.at_once:
        # What this very unit told was never posted before, and the rest is known as a rule: nothing to ask side by side.
        posted, books, numbered = set[str](), await _look(ctx, drafts, lines), await _take_numbers(ctx, drafts)
    else:
        # As a rule none was posted before, so their numbers are taken with the same statement that asks.
        posted, books, numbered = await ctx.side_by_side(
            _posted(ctx, drafts), _look(ctx, drafts, lines), _take_numbers(ctx, drafts)
        )
    fresh = [draft for draft in drafts if draft.source_key not in posted]
    if len(fresh) < len(drafts):
        await _give_back(ctx, drafts, fresh)
    # In one order for everybody; as a rule there is one.
    for _, these in sorted(grouped(fresh, attrgetter("entity_id")).items()):
        identified = [(new_id(), draft) for draft in these]
        await _post(ctx, identified, books, numbered)
        await status.begin(ctx, rules.ENTRY, [entry_id for entry_id, _ in identified], "posted", move="post")
    return len(fresh)


Series = tuple[UUID, int]  # business entity and year
Month = tuple[UUID, date]  # business entity and first day


async def _take_numbers(ctx: Ctx, drafts: Sequence[Draft]) -> dict[Series, list[str]]:
    """A number for each of these entries, by series."""
    taken: dict[Series, list[str]] = {}
    for (entity_id, year), these in sorted(_by_series(drafts).items()):
        taken[entity_id, year] = await numbers.take_many(
            ctx, "journal_entry", len(these), on=these[0].date, entity_id=entity_id, guess=ctx.at_once
        )
    return taken


async def _give_back(ctx: Ctx, drafts: Sequence[Draft], fresh: Sequence[Draft]) -> None:
    needed = _by_series(fresh)
    for series, these in _by_series(drafts).items():
        surplus = len(these) - len(needed.get(series, ()))
        if surplus:
            await numbers.give_back(ctx, "journal_entry", surplus, on=these[0].date, entity_id=series[0])


def _by_series(drafts: Sequence[Draft]) -> dict[Series, list[Draft]]:
    return grouped(drafts, lambda draft: (draft.entity_id, draft.date.year))


class Account(NamedTuple):
    """What posting must know of an account: whether it takes postings, and its state."""

    id: UUID
    detail: bool
    state: str


class Books(NamedTuple):
    """What posting must know of the books: the accounts by code, and the state of the periods."""

    accounts: dict[str, Account]
    periods: dict[Month, str]

    def open(self, codes: Sequence[str], months: Sequence[Month]) -> bool:
        """Whether all of these can be posted to."""
        accounts = [self.accounts.get(code) for code in codes]
        return all(account and account.detail and account.state == "active" for account in accounts) and all(
            self.periods.get(month) == "open" for month in months
        )


async def _look(ctx: Ctx, drafts: Sequence[Draft], lines: Sequence[DraftLine]) -> Books:
    """The accounts and periods of these entries, remembered where all of them can be posted to. The database looks again."""
    codes = sorted({line.account for line in lines})
    months = sorted(_months(drafts))
    return await ctx.recall(
        ("books", tuple(codes), tuple(months)),
        lambda: _books(ctx, codes, months),
        good=lambda found: found.open(codes, months),
    )


async def _books(ctx: Ctx, codes: Sequence[str], months: Sequence[Month]) -> Books:
    books = Books({}, {})
    for code, id, detail, state, year, month in await ctx.ask(
        _BOOKS,
        codes,
        [entity for entity, _ in months],
        [month.year for _, month in months],
        [month.month for _, month in months],
        tables=("accounting.account", "accounting.period"),
    ):
        if code is None:
            books.periods[id, date(year, month, 1)] = state
        else:
            books.accounts[code] = Account(id, detail, state)
    return books


async def _posted(ctx: Ctx, drafts: Sequence[Draft]) -> set[str]:
    """The source keys of those that were posted before."""
    keys = [draft.source_key for draft in drafts if draft.source_key]
    return {key for (key,) in await ctx.ask(_POSTED, keys, tables=("accounting.journal_entry",))}


class Posting(NamedTuple):
    """An entry on its way into the journal."""

    id: UUID
    number: str
    total: Decimal
    draft: Draft


async def _post(
    ctx: Ctx,
    entries: Sequence[tuple[UUID, Draft]],
    books: Books,
    numbers_of: dict[Series, list[str]],
    *,
    drafted: bool = False,
    reverses: UUID | None = None,
) -> None:
    """Write entries of one business entity, lines and balances. Refuses with Invalid what does not balance; the database
    itself checks balance and period once more."""
    entity_id, drafts = entries[0][1].entity_id, [draft for _, draft in entries]
    left = {year: iter(taken) for (entity, year), taken in numbers_of.items() if entity == entity_id}
    these = [Posting(id, next(left[draft.date.year]), rules.must_balance(draft.lines), draft) for id, draft in entries]
    accounts = _accounts(books, [line for draft in drafts for line in draft.lines])
    await _open_periods(ctx, books, _months(drafts))
    if drafted:
        for one in these:
            await ctx.change(
                JournalEntry,
                one.id,
                status="posted",
                number=one.number,
                posted_at=ctx.now,
                posted_by=ctx.actor.id,
            )
    else:
        await ctx.add_later(
            JournalEntry,
            [
                {
                    "id": one.id,
                    "number": one.number,
                    "date": one.draft.date,
                    "kind": one.draft.kind,
                    "description": one.draft.description,
                    "reference_type": one.draft.reference_type,
                    "reference_id": one.draft.reference_id,
                    "source_key": one.draft.source_key,
                    "currency": one.draft.currency,
                    "total": one.total,
                }
                for one in these
            ],
            alike={
                "entity_id": entity_id,
                "status": "posted",
                "posted_at": ctx.now,
                "posted_by": ctx.actor.id,
                "reverses_id": reverses,
            },
        )
    lines = [row for one in these for row in _line_rows(one, accounts)]
    await ctx.add_later(JournalLine, lines, alike={"entity_id": entity_id})
    await balances.keep(ctx, drafts, accounts)
    for one in these:
        ctx.emit(
            EntryPosted(
                entry_id=one.id,
                number=one.number,
                entity_id=entity_id,
                date=one.draft.date,
                kind=one.draft.kind,
                total=one.total,
                currency=one.draft.currency,
                reference_type=one.draft.reference_type,
                reference_id=one.draft.reference_id,
            ),
            entity_id=entity_id,
            about=one.draft.reference_id,
        )


def _line_rows(one: Posting, accounts: dict[str, UUID]) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "entry_id": one.id,
            "position": at,
            "account_id": accounts[line.account],
            "date": one.draft.date,
            "debit": line.debit,
            "credit": line.credit,
            "description": line.description,
            "party_id": line.party_id,
        }
        for at, line in enumerate(one.draft.lines, start=1)
    ]


def _accounts(books: Books, lines: Sequence[DraftLine]) -> dict[str, UUID]:
    """The accounts by code; refuses what does not exist, is a header or is not active."""
    for at, line in enumerate(lines):
        account = books.accounts.get(line.account)
        if account is None:
            raise Invalid.field(f"lines[{at}].account", "there is no account {account}", account=line.account)
        if not account.detail:
            raise Invalid.field(
                f"lines[{at}].account", "{account} is a header and takes no postings", account=line.account
            )
        if account.state != "active":
            raise Conflict("account {account} is {status}", account=line.account, status=account.state)
    return {code: account.id for code, account in books.accounts.items()}


async def _open_periods(ctx: Ctx, books: Books, months: set[tuple[UUID, date]]) -> None:
    """Periods are there when they are needed; a closed one refuses with Conflict."""
    missing = []
    for entity, first in sorted(months):
        state = books.periods.get((entity, first))
        if state is None:
            missing.append((entity, first))
        elif state != "open":
            raise Conflict("the period {period} is closed", period=f"{first:%Y-%m}")
    if missing:
        await ctx.run(
            _OPEN_PERIOD,
            [new_id() for _ in missing],
            [entity for entity, _ in missing],
            [first.year for _, first in missing],
            [first.month for _, first in missing],
            [first for _, first in missing],
            [first.replace(day=monthrange(first.year, first.month)[1]) for _, first in missing],
        )


def _months(drafts: Sequence[Draft]) -> set[Month]:
    """The months of these entries, of which most share a day."""
    days = {(draft.entity_id, draft.date) for draft in drafts}
    return {(entity, day.replace(day=1)) for entity, day in days}


# Key by key, not `= ANY`: as long as the planner knows of only a few entries it would read all there are.
_POSTED = """
SELECT e.source_key FROM unnest($1::text[]) AS asked,
LATERAL (SELECT source_key FROM accounting.journal_entry WHERE source_key = asked LIMIT 1) e
"""
_BOOKS = """
SELECT code, id, detail, status, NULL::bigint AS year, NULL::bigint AS month
FROM accounting.account WHERE code = ANY($1)
UNION ALL
SELECT NULL, p.entity_id, NULL, p.state, p.year, p.month FROM accounting.period p
JOIN unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS u(entity_id, year, month)
  ON p.entity_id = u.entity_id AND p.year = u.year AND p.month = u.month
"""
_OPEN_PERIOD = """
WITH made AS (
    INSERT INTO accounting.period (id, entity_id, year, month, starts_on, ends_on)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::date[], $6::date[])
    ON CONFLICT DO NOTHING RETURNING id, created_at
)
INSERT INTO kernel.status_history (entity_type, entity_id, to_status, at)
SELECT 'period', id, 'open', created_at FROM made
"""
