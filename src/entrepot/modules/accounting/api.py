"""Routes of accounting."""

from entrepot.kernel.routes import get, listing, patch, post
from entrepot.modules.accounting import queries
from entrepot.modules.accounting.commands import charting, posting
from entrepot.modules.accounting.tables import Account, JournalEntry

routes = [
    listing("/accounting/accounts", queries.ACCOUNTS),
    post("/accounting/accounts", charting.create_account, then=queries.get_account, created=True),
    get("/accounting/accounts/{account_id}", queries.get_account),
    patch("/accounting/accounts/{account_id}", charting.change_account, then=queries.get_account, table=Account),
    get("/accounting/accounts/{account_id}/ledger", queries.get_ledger),
    listing("/accounting/journal-entries", queries.ENTRIES),
    post("/accounting/journal-entries", posting.create_entry, then=queries.get_entry, created=True),
    get("/accounting/journal-entries/{entry_id}", queries.get_entry),
    post("/accounting/journal-entries/{entry_id}/post", posting.post_entry, then=queries.get_entry, table=JournalEntry),
    post("/accounting/journal-entries/{entry_id}/void", posting.void_entry, then=queries.get_entry, table=JournalEntry),
    listing("/accounting/periods", queries.PERIODS),
    post("/accounting/periods", charting.create_period, then=queries.get_period, created=True),
    get("/accounting/periods/{period_id}", queries.get_period),
    post("/accounting/periods/{period_id}/close", charting.close_period, then=queries.get_period),
    post("/accounting/periods/{period_id}/open", charting.open_period, then=queries.get_period),
    get("/accounting/reports/trial-balance", queries.trial_balance),
]
