"""catalog: what tills remember of products is asked again when it changes. What is not there is never remembered, so a new
product need not tell."""

from entrepot.kernel.schema import remembered

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    remembered("catalog.variant", "catalog.product", inserts=False)
