"""Pages of accounting: accounts and their ledgers, journal entries, periods, the trial balance."""

from entrepot.kernel.ui.declare import (
    DashboardPage,
    DetailPage,
    FormPage,
    Lines,
    ListPage,
    Lookup,
    OneLine,
    ReportPage,
    Section,
    Tile,
)
from entrepot.modules.accounting.commands import charting, posting
from entrepot.modules.accounting.queries import balances, books

ACCOUNT = Lookup(books.ACCOUNTS, value="code", text="code", hint="name", where={"detail": "true"})

pages = [
    ListPage(
        books.ENTRIES,
        icon="book",
        menu="Money",
        order=20,
        columns=["number", "date", "description", "kind", "total", "currency", "status"],
        filters=["status", "kind", "date"],
        name="description",
        hint="number",
        empty="What you sell, buy and pay posts itself here. The rest you enter by hand.",
        new=FormPage(
            posting.create_entry,
            title="New journal entry",
            fields=["date", "description", "kind", "reference", "lines"],
            widgets={
                "description": OneLine(),
                "lines": Lines(
                    columns=["account", "description", "debit", "credit"], widgets={"account": ACCOUNT}, least=2
                ),
            },
            totals=books.total_lines,
        ),
        bulk=[
            FormPage(
                posting.post_entry, title="Post", confirm="Post these entries? Posted entries can no longer be changed."
            )
        ],
        open=DetailPage(
            books.get_entry,
            title="Journal entry",
            name="description",
            entity="journal_entry",
            sections=[
                Section("Entry", ["number", "date", "description", "kind", "total", "currency"]),
                Section("Where it comes from", ["reference_type", "reference_id", "posted_at", "void_reason"]),
            ],
        ),
    ),
    ListPage(
        books.ACCOUNTS,
        icon="list-check",
        menu="Money",
        order=30,
        columns=["code", "name", "type", "normal_balance", "detail", "status"],
        filters=["type", "status", "detail"],
        hint="code",
        offers=["account_id", "parent_id"],
        new=FormPage(charting.create_account, title="New account"),
        open=DetailPage(
            books.get_account,
            title="Account",
            sections=[Section("Account", ["code", "name", "type", "normal_balance", "parent_id", "detail", "status"])],
            actions=[FormPage(charting.change_account, title="Change account", fields=["name", "status"])],
        ),
    ),
    ReportPage(
        balances.get_ledger,
        path="/accounting/accounts/{account_id}/ledger",
        title="Ledger",
        icon="book",
        columns=["date", "number", "description", "debit", "credit", "balance"],
        drill="/accounting/journal-entries/{entry_id}",
        empty="No lines between these days.",
    ),
    ListPage(
        books.PERIODS,
        icon="calendar",
        menu="Money",
        order=40,
        columns=["year", "month", "starts_on", "ends_on", "state", "closed_at"],
        filters=["year", "state"],
        name="month",
        searched=False,
        intro="In a closed period nothing can be posted.",
        new=FormPage(charting.create_period, title="New period"),
        open=DetailPage(books.get_period, title="Period", name="starts_on", entity="period"),
    ),
    ReportPage(
        balances.trial_balance,
        path="/reports/trial-balance",
        title="Trial balance",
        icon="scale",
        menu="Reports",
        order=20,
        columns=["code", "name", "debit", "credit"],
        drill="/accounting/accounts?q={code}",
        empty="Nothing is posted yet.",
    ),
    DashboardPage(
        order=20,
        tiles=[
            Tile(
                "Entries to post",
                books.ENTRIES,
                {"status": "draft"},
                icon="book",
                tone="info",
                empty="Every entry is posted.",
            )
        ],
    ),
]
