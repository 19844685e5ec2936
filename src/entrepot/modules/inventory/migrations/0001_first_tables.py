"""inventory: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("inventory.warehouse")
    secure("inventory.stock_level", audited=False)
    secure("inventory.stock_ledger", entity="stock_move", append_only=True)
    secure("inventory.stock_reservation", audited=False)
    secure("inventory.stock_shortage")
    secure("inventory.stock_count")
    secure("inventory.stock_confirmation", append_only=True)


TABLES = """
CREATE TABLE inventory.warehouse (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    entity_id UUID NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    standard BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT warehouse_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX warehouse_code_key ON inventory.warehouse (tenant_id, code);
CREATE TABLE inventory.stock_level (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    warehouse_id UUID NOT NULL,
    sku TEXT NOT NULL,
    on_hand NUMERIC DEFAULT '0' NOT NULL,
    reserved NUMERIC DEFAULT '0' NOT NULL,
    value NUMERIC DEFAULT '0' NOT NULL,
    unit_cost NUMERIC DEFAULT '0' NOT NULL,
    low_at NUMERIC,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT stock_level_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT stock_level_reserved_check CHECK (reserved >= 0)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX stock_level_warehouse_id_sku_key ON inventory.stock_level (tenant_id, warehouse_id, sku);
CREATE TABLE inventory.stock_ledger (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    warehouse_id UUID NOT NULL,
    sku TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    unit_cost NUMERIC NOT NULL,
    value NUMERIC NOT NULL,
    kind TEXT NOT NULL,
    reference UUID NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    actor UUID,
    provisional BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT stock_ledger_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX stock_ledger_at_idx ON inventory.stock_ledger (tenant_id, at) WHERE provisional;
CREATE INDEX stock_ledger_reference_idx ON inventory.stock_ledger (tenant_id, reference);
CREATE INDEX stock_ledger_warehouse_id_sku_id_idx ON inventory.stock_ledger (tenant_id, warehouse_id, sku, id);
CREATE TABLE inventory.stock_reservation (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    reference UUID NOT NULL,
    warehouse_id UUID NOT NULL,
    sku TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    state TEXT DEFAULT 'held' NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT stock_reservation_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX stock_reservation_expires_at_idx ON inventory.stock_reservation (tenant_id, expires_at) WHERE state = 'held';
CREATE UNIQUE INDEX stock_reservation_reference_warehouse_id_sku_key ON inventory.stock_reservation (tenant_id, reference, warehouse_id, sku);
CREATE TABLE inventory.stock_shortage (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    warehouse_id UUID NOT NULL,
    sku TEXT NOT NULL,
    reference UUID NOT NULL,
    missing NUMERIC NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    resolution TEXT,
    CONSTRAINT stock_shortage_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX stock_shortage_sku_idx ON inventory.stock_shortage (tenant_id, sku) WHERE resolved_at IS NULL;
CREATE TABLE inventory.stock_count (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    warehouse_id UUID NOT NULL,
    sku TEXT NOT NULL,
    expected NUMERIC NOT NULL,
    counted NUMERIC NOT NULL,
    CONSTRAINT stock_count_pkey PRIMARY KEY (tenant_id, id)
);
CREATE TABLE inventory.stock_confirmation (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    reference UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT stock_confirmation_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX stock_confirmation_reference_key ON inventory.stock_confirmation (tenant_id, reference);
"""
