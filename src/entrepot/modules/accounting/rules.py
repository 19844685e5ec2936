"""Double entry: what balances, what an account may be, and what a sale posts."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from entrepot.pure.errors import Invalid
from entrepot.pure.money import NonNegativeMoney
from entrepot.pure.states import Machine, Move

ZERO = Decimal(0)


LEDGER_LINES = 10_000


class AccountType(StrEnum):
    asset = "asset"
    liability = "liability"
    equity = "equity"
    revenue = "revenue"
    cogs = "cogs"
    expense = "expense"


class EntryStatus(StrEnum):
    draft = "draft"
    posted = "posted"
    voided = "voided"


class EntryKind(StrEnum):
    manual = "manual"
    system = "system"
    recurring = "recurring"
    adjusting = "adjusting"
    closing = "closing"


class PeriodState(StrEnum):
    open = "open"
    closed = "closed"


ENTRY: Machine[EntryStatus] = Machine(
    "journal_entry",
    EntryStatus.draft,
    [
        Move("post", (EntryStatus.draft,), EntryStatus.posted, needs="journal.post"),
        Move("void", (EntryStatus.posted,), EntryStatus.voided, needs="journal.post", asks_reason=True),
    ],
    extra_initial=(EntryStatus.posted,),
)

PERIOD: Machine[PeriodState] = Machine(
    "period",
    PeriodState.open,
    [
        Move("close", (PeriodState.open,), PeriodState.closed, needs="periods.edit"),
        Move("open", (PeriodState.closed,), PeriodState.open, needs="periods.edit"),
    ],
)

DEBIT_TYPES = (AccountType.asset, AccountType.cogs, AccountType.expense)

# (code, name, type, header): what a new tenant starts with.
STARTING: tuple[tuple[str, str, AccountType, str | None], ...] = (
    ("1", "Assets", AccountType.asset, None),
    ("1000", "Cash", AccountType.asset, "1"),
    ("1010", "Bank", AccountType.asset, "1"),
    ("1020", "Card payments in transit", AccountType.asset, "1"),
    ("1030", "Gift cards taken", AccountType.asset, "1"),
    ("1040", "Cash in safe and in transit", AccountType.asset, "1"),
    ("1200", "Accounts receivable", AccountType.asset, "1"),
    ("1300", "Inventory", AccountType.asset, "1"),
    ("1500", "Input tax", AccountType.asset, "1"),
    ("2", "Liabilities", AccountType.liability, None),
    ("2000", "Accounts payable", AccountType.liability, "2"),
    ("2100", "Goods received not invoiced", AccountType.liability, "2"),
    ("2200", "Tax payable", AccountType.liability, "2"),
    ("2300", "Customer prepayments", AccountType.liability, "2"),
    ("3", "Equity", AccountType.equity, None),
    ("3000", "Capital", AccountType.equity, "3"),
    ("3100", "Opening balance", AccountType.equity, "3"),
    ("3900", "Retained earnings", AccountType.equity, "3"),
    ("4", "Revenue", AccountType.revenue, None),
    ("4000", "Sales", AccountType.revenue, "4"),
    ("4900", "Rounding differences", AccountType.revenue, "4"),
    ("5", "Cost of goods sold", AccountType.cogs, None),
    ("5000", "Cost of goods sold", AccountType.cogs, "5"),
    ("5100", "Stock differences", AccountType.cogs, "5"),
    ("6", "Expenses", AccountType.expense, None),
    ("6000", "General expenses", AccountType.expense, "6"),
    ("6100", "Cash differences", AccountType.expense, "6"),
)

# Which account plays which part; a tenant may say otherwise in the setting `accounting.parts`.
PARTS: dict[str, str] = {
    "cash": "1000",
    "bank_transfer": "1010",
    "card": "1020",
    "gift": "1030",
    "cash_transfer": "1040",
    "receivable": "1200",
    "inventory": "1300",
    "payable": "2000",
    "received_not_invoiced": "2100",
    "tax_payable": "2200",
    "prepayment": "2300",
    "opening": "3100",
    "revenue": "4000",
    "cogs": "5000",
    "stock_difference": "5100",
    "cash_expense": "6000",
    "cash_difference": "6100",
}


class DraftLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of an entry to be: an account by code, and a debit or a credit."""

    account: str
    debit: NonNegativeMoney = ZERO
    credit: NonNegativeMoney = ZERO
    description: str = ""
    party_id: UUID | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to be posted. `source_key` names what caused it, so that it is posted once."""

    entity_id: UUID
    date: date
    kind: str
    description: str
    currency: str
    lines: list[DraftLine]
    reference_type: str = ""
    reference_id: UUID | None = None
    source_key: str | None = None


def must_balance(lines: Sequence[DraftLine]) -> Decimal:
    """The total of an entry. Debits equal credits exactly; at least two lines; each line has one side. The database holds
    everybody to the same: `check_lines`, for all entries of a statement at once."""
    if len(lines) < 2:
        raise Invalid.field("lines", "an entry has at least two lines")
    wrong: list[dict[str, Any]] = []
    for at, line in enumerate(lines):
        if (line.debit > 0) == (line.credit > 0):
            wrong.append({"field": f"lines[{at}]", "problem": "a line has either a debit or a credit above zero"})
    if wrong:
        raise Invalid("some lines are wrong", fields=wrong)
    debit = sum((line.debit for line in lines), ZERO)
    credit = sum((line.credit for line in lines), ZERO)
    if debit != credit:
        raise Invalid.field(
            "lines",
            "debits of {debit} do not equal credits of {credit}",
            debit=format(debit, "f"),
            credit=format(credit, "f"),
        )
    return debit


def sides(entries: Sequence[tuple[str, Decimal]]) -> list[DraftLine]:
    """Lines from signed amounts by account: positive is a debit. Amounts of one account and side are added up, zeros
    fall away, and a negative debit is a credit."""
    total: dict[str, Decimal] = {}
    for account, amount in entries:
        total[account] = total.get(account, ZERO) + amount
    return [
        DraftLine(account=account, debit=amount) if amount > 0 else DraftLine(account=account, credit=-amount)
        for account, amount in total.items()
        if amount
    ]


def moved(entries: Sequence[Draft]) -> dict[tuple[int, int], dict[str, tuple[Decimal, Decimal]]]:
    """What entries move: by year and month the debits and the credits of each account they touch. This is what `_KEEP` of
    `commands/balances.py` adds to the kept balances."""
    found: dict[tuple[int, int], dict[str, tuple[Decimal, Decimal]]] = {}
    for entry in entries:
        month = found.setdefault((entry.date.year, entry.date.month), {})
        for line in entry.lines:
            debit, credit = month.get(line.account, (ZERO, ZERO))
            month[line.account] = (debit + line.debit, credit + line.credit)
    return found


def normal_balance(kind: AccountType) -> str:
    return "debit" if kind in DEBIT_TYPES else "credit"


def moved_until(day: date | None) -> tuple[int, int, date, date, int]:
    """How what was posted until a day, that day included, is put together without reading all of it: the months before this
    year and month as they are kept, and the lines from one day to another, added (1) or taken away (-1). Past the middle of a
    month its end is shorter, so it is the whole month without the lines behind the day; on its last day there are none.
    No day is before all of them: nothing was posted until then."""
    if day is None:
        return 0, 1, date.max, date.min, 1
    end = day.replace(day=monthrange(day.year, day.month)[1])
    if day.day * 2 < end.day:
        return day.year, day.month, day.replace(day=1), day, 1
    since, until = (day + timedelta(days=1), end) if day < end else (end, end.replace(day=1))
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
    return year, month, since, until, -1
