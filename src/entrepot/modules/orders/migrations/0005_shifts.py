"""orders: shifts at the till, the cash moved in them, and which Z-report has counted an order."""

from entrepot.kernel.schema import run, secure

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run(TABLES)
    secure("orders.till_shift", entity="shift", masked=("tally", "denominations"))
    secure("orders.till_cash", entity="cash_movement", append_only=True)
    secure("orders.till_counted", append_only=True)


TABLES = """
CREATE TABLE orders.till_shift (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    entity_id UUID NOT NULL,
    warehouse_id UUID NOT NULL,
    store_id TEXT,
    terminal_id TEXT NOT NULL,
    cashier_id TEXT,
    state TEXT DEFAULT 'open' NOT NULL,
    currency TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    opening_float NUMERIC NOT NULL,
    brought NUMERIC NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by TEXT,
    number TEXT,
    expected NUMERIC,
    counted NUMERIC,
    difference NUMERIC,
    closing_float NUMERIC,
    denominations JSONB DEFAULT '[]'::jsonb NOT NULL,
    tally JSONB,
    note TEXT DEFAULT '' NOT NULL,
    CONSTRAINT till_shift_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX till_shift_open_key ON orders.till_shift (tenant_id, entity_id, terminal_id) WHERE state = 'open';
CREATE UNIQUE INDEX till_shift_entity_id_number_key ON orders.till_shift (tenant_id, entity_id, number)
    WHERE number IS NOT NULL;
CREATE INDEX till_shift_entity_id_terminal_id_opened_at_idx
    ON orders.till_shift (tenant_id, entity_id, terminal_id, opened_at DESC);
CREATE INDEX till_shift_opened_at_id_idx ON orders.till_shift (tenant_id, opened_at DESC, id DESC);
CREATE TABLE orders.till_cash (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    shift_id UUID NOT NULL,
    kind TEXT NOT NULL,
    purpose TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    reason TEXT NOT NULL,
    cashier_id TEXT,
    created_by UUID,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT till_cash_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX till_cash_shift_id_idx ON orders.till_cash (tenant_id, shift_id);
CREATE TABLE orders.till_counted (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    shift_id UUID NOT NULL,
    late BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT till_counted_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX till_counted_shift_id_idx ON orders.till_counted (tenant_id, shift_id);
"""
