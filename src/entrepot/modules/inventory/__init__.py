"""Where goods are and how many: the stock ledger, levels, reservations and their value."""
