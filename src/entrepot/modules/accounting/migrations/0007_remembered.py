"""accounting: what is remembered of accounts and periods is asked again when it changes."""

from entrepot.kernel.schema import remembered

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    remembered("accounting.account", "accounting.period", inserts=False)
