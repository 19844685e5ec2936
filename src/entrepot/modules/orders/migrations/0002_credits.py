"""orders: a credit knows what it takes back."""

from entrepot.kernel.schema import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(CREDITS)


CREDITS = """
ALTER TABLE orders.sales_order ADD COLUMN original_id UUID;
CREATE INDEX sales_order_original_id_idx ON orders.sales_order (tenant_id, original_id) WHERE original_id IS NOT NULL;
"""
