"""Routes of accounting."""

from entrepot.kernel.routes import get, listing, patch, post
from entrepot.modules.accounting.commands import charting, posting
from entrepot.modules.accounting.queries import balances, books
from entrepot.modules.accounting.tables import Account, JournalEntry

routes = [
    listing("/accounting/accounts", books.ACCOUNTS),
    post("/accounting/accounts", charting.create_account, then=books.get_account, created=True),
    get("/accounting/accounts/{account_id}", books.get_account),
    patch("/accounting/accounts/{account_id}", charting.change_account, then=books.get_account, table=Account),
    get("/accounting/accounts/{account_id}/ledger", balances.get_ledger),
    listing("/accounting/journal-entries", books.ENTRIES),
    post("/accounting/journal-entries", posting.create_entry, then=books.get_entry, created=True),
    get("/accounting/journal-entries/{entry_id}", books.get_entry),
    post("/accounting/journal-entries/{entry_id}/post", posting.post_entry, then=books.get_entry, table=JournalEntry),
    post("/accounting/journal-entries/{entry_id}/void", posting.void_entry, then=books.get_entry, table=JournalEntry),
    listing("/accounting/periods", books.PERIODS),
    post("/accounting/periods", charting.create_period, then=books.get_period, created=True),
    get("/accounting/periods/{period_id}", books.get_period),
    post("/accounting/periods/{period_id}/close", charting.close_period, then=books.get_period),
    post("/accounting/periods/{period_id}/open", charting.open_period, then=books.get_period),
    get("/accounting/reports/trial-balance", balances.trial_balance),
]
