"""Accounting in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Report, Series, Setting, Stateful
from entrepot.modules.accounting import api, commands, events, pages, queries, reactions, rules, tables
from entrepot.modules.accounting.commands import charting, posting
from entrepot.modules.accounting.contract import Accounting
from entrepot.modules.accounting.queries import balances, books, proving

module = Module(
    name="accounting",
    tier=4,
    title="Accounting",
    permissions={
        "accounts.view": "See the chart of accounts and periods",
        "accounts.edit": "Create and change accounts",
        "journal.view": "See journal entries and ledgers",
        "journal.post": "Create, post and void journal entries",
        "periods.edit": "Open and close periods",
        "reports.financial": "See financial reports",
    },
    tables=tables,
    obstacles={"journal_entry": books.unpostable, "business_entity": books.unbookable},
    events=events,
    commands=commands,
    queries=queries,
    reactions=reactions,
    routes=api.routes,
    pages=pages.pages,
    offers=[offer(Accounting, books.booked)],
    machines=[
        Stateful(
            rules.ENTRY,
            tables.JournalEntry,
            column="status",
            label="number",
            moves={"post": posting.post_entry, "void": posting.void_entry},
        ),
        Stateful(rules.PERIOD, tables.Period, moves={"close": charting.close_period, "open": charting.open_period}),
    ],
    settings=[
        Setting(
            "accounting.parts", dict[str, str], {}, "Accounts by the part they play", "billing", ("tenant", "entity")
        )
    ],
    series=[Series("journal_entry", "JE-{year}-{number}", 6)],
    checks=[proving.balances_equal_recount],
    reports=[Report("trial-balance", "Trial balance", "reports.financial", balances.trial_balance)],
)
