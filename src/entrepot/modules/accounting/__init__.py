"""The books: chart of accounts, periods, journal, ledger, statements."""
