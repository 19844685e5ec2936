"""parties: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("parties.party")


TABLES = """
CREATE TABLE parties.party (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    name TEXT NOT NULL,
    type TEXT DEFAULT 'organization' NOT NULL,
    email TEXT,
    phone TEXT,
    vat_number TEXT,
    status TEXT DEFAULT 'active' NOT NULL,
    is_customer BOOLEAN DEFAULT false NOT NULL,
    is_supplier BOOLEAN DEFAULT false NOT NULL,
    segment TEXT DEFAULT '' NOT NULL,
    credit_limit NUMERIC,
    address JSONB DEFAULT '{}'::jsonb NOT NULL,
    parent_id UUID,
    CONSTRAINT party_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX party_customer_email_key ON parties.party (tenant_id, lower(email)) WHERE email IS NOT NULL AND is_customer;
CREATE INDEX party_name_idx ON parties.party (tenant_id, name);
"""
