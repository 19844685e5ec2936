"""inventory: what others remember of it is asked again when it changes."""

from entrepot.kernel.schema import remembered

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    remembered("inventory.warehouse")
