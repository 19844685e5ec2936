"""orders: a list by number or by amount begins at once, however many orders there are."""

from entrepot.kernel.schema import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run(INDEXES)


INDEXES = """
CREATE INDEX sales_order_number_id_idx ON orders.sales_order (tenant_id, number, id);
CREATE INDEX sales_order_total_id_idx ON orders.sales_order (tenant_id, total, id)
"""
