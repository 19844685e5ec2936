"""orders: a sale at the till knows its shift."""

from entrepot.kernel.schema import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(SHIFT)


SHIFT = """
ALTER TABLE orders.sales_order ADD COLUMN shift_id UUID;
CREATE INDEX sales_order_shift_id_created_at_idx ON orders.sales_order (tenant_id, shift_id, created_at)
    WHERE shift_id IS NOT NULL;
"""
