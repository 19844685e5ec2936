"""tax: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("tax.tax_rate")


TABLES = """
CREATE TABLE tax.tax_rate (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    country TEXT NOT NULL,
    category TEXT NOT NULL,
    code TEXT DEFAULT 'S' NOT NULL,
    name TEXT NOT NULL,
    rate NUMERIC NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    CONSTRAINT tax_rate_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX tax_rate_country_category_valid_from_key ON tax.tax_rate (tenant_id, country, category, valid_from);
"""
