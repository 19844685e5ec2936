"""catalog: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("catalog.category")
    secure("catalog.product")
    secure("catalog.variant")


TABLES = """
CREATE TABLE catalog.category (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    name TEXT NOT NULL,
    parent_id UUID,
    CONSTRAINT category_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX category_name_parent_id_key ON catalog.category (tenant_id, name, parent_id);
CREATE TABLE catalog.product (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    kind TEXT DEFAULT 'stocked' NOT NULL,
    tax_category TEXT DEFAULT 'standard' NOT NULL,
    unit TEXT DEFAULT 'piece' NOT NULL,
    category_id UUID,
    state TEXT DEFAULT 'active' NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT product_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX product_category_id_idx ON catalog.product (tenant_id, category_id);
CREATE INDEX product_name_idx ON catalog.product (tenant_id, name);
CREATE TABLE catalog.variant (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    product_id UUID NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    barcode TEXT,
    price NUMERIC NOT NULL,
    wholesale_price NUMERIC,
    cost NUMERIC,
    currency TEXT NOT NULL,
    state TEXT DEFAULT 'active' NOT NULL,
    CONSTRAINT variant_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX variant_barcode_key ON catalog.variant (tenant_id, barcode) WHERE barcode IS NOT NULL;
CREATE INDEX variant_product_id_idx ON catalog.variant (tenant_id, product_id);
CREATE UNIQUE INDEX variant_sku_key ON catalog.variant (tenant_id, sku);
"""
