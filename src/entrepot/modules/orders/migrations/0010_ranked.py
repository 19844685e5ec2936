"""orders: a list by amount, state or channel begins at once wherever it is opened, newest first where orders are alike."""

from entrepot.kernel.schema import audit_by, run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run(SCHEMA)
    audit_by("orders.sales_order", "id", entity="order", masked=("total_rank",))


# Keys are made anew as well: while PostgreSQL knows of hardly any row every index looks as good, and it takes the newest.
SCHEMA = """
ALTER TABLE orders.sales_order DROP CONSTRAINT sales_order_pkey;
DROP INDEX orders.sales_order_total_id_idx;
DROP INDEX orders.sales_order_state_placed_at_idx;
DROP INDEX orders.sales_order_channel_state_idx;
ALTER TABLE orders.sales_order
    ADD COLUMN total_rank DOUBLE PRECISION NOT NULL GENERATED ALWAYS AS (total::double precision) STORED;
CREATE INDEX sales_order_total_rank_placed_at_id_idx ON orders.sales_order (tenant_id, total_rank, placed_at DESC, id DESC);
CREATE INDEX sales_order_state_placed_at_id_idx ON orders.sales_order (tenant_id, state, placed_at DESC, id DESC);
CREATE INDEX sales_order_channel_placed_at_id_idx ON orders.sales_order (tenant_id, channel, placed_at DESC, id DESC);
ALTER TABLE orders.sales_order ADD CONSTRAINT sales_order_pkey PRIMARY KEY (tenant_id, id)
"""
