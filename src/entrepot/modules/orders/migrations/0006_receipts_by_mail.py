"""orders: receipts by mail."""

from entrepot.kernel.schema import run, secure

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run(TABLES)
    secure("orders.receipt_mail")


TABLES = """
CREATE TABLE orders.receipt_mail (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    email TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT receipt_mail_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX receipt_mail_order_id_idx ON orders.receipt_mail (tenant_id, order_id);
"""
