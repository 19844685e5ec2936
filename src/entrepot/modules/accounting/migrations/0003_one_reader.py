"""accounting: the trail of an entry names what caused it; one reader of events posts what five posted."""

from entrepot.kernel.schema import audit_by, run

revision = "0003"
down_revision = "0002"

FIVE = (
    "('"
    + "', '".join(
        f"accounting.post_{what}" for what in ("sales", "cost_of_goods", "goods_back", "receipts", "adjustments")
    )
    + "')"
)


def upgrade() -> None:
    audit_by("accounting.journal_entry", "reference_id")
    run(ONE_READER)


# It begins at the beginning: what the five posted is known by its source key, and what one of them had put aside is
# posted now or put aside again.
ONE_READER = f"""
INSERT INTO kernel.subscription (name) SELECT 'accounting.keep_books' FROM kernel.subscription WHERE name IN {FIVE} LIMIT 1;
DELETE FROM kernel.parked WHERE subscription IN {FIVE};
DELETE FROM kernel.subscription WHERE name IN {FIVE};
"""  # noqa: S608
