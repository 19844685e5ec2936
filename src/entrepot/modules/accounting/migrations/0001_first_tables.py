"""accounting: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("accounting.account")
    secure("accounting.period")
    secure("accounting.journal_entry")
    secure("accounting.journal_line", append_only=True)
    secure("accounting.account_balance", audited=False)


TABLES = """
CREATE TABLE accounting.account (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    normal_balance TEXT NOT NULL,
    parent_id UUID,
    detail BOOLEAN DEFAULT true NOT NULL,
    status TEXT DEFAULT 'active' NOT NULL,
    CONSTRAINT account_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX account_code_key ON accounting.account (tenant_id, code);
CREATE INDEX account_parent_id_idx ON accounting.account (tenant_id, parent_id);
CREATE TABLE accounting.period (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    entity_id UUID NOT NULL,
    year BIGINT NOT NULL,
    month BIGINT NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT period_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX period_entity_id_year_month_key ON accounting.period (tenant_id, entity_id, year, month);
CREATE TABLE accounting.journal_entry (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    number TEXT,
    entity_id UUID NOT NULL,
    date DATE NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT NOT NULL,
    reference_type TEXT DEFAULT '' NOT NULL,
    reference_id UUID,
    source_key TEXT,
    currency TEXT NOT NULL,
    total NUMERIC NOT NULL,
    draft_lines JSONB,
    posted_at TIMESTAMP WITH TIME ZONE,
    posted_by UUID,
    reverses_id UUID,
    voided_by_id UUID,
    void_reason TEXT,
    CONSTRAINT journal_entry_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX journal_entry_entity_id_date_id_idx ON accounting.journal_entry (tenant_id, entity_id, date DESC, id DESC);
CREATE UNIQUE INDEX journal_entry_entity_id_number_key ON accounting.journal_entry (tenant_id, entity_id, number) WHERE number IS NOT NULL;
CREATE INDEX journal_entry_reference_id_idx ON accounting.journal_entry (tenant_id, reference_id) WHERE reference_id IS NOT NULL;
CREATE UNIQUE INDEX journal_entry_source_key_key ON accounting.journal_entry (tenant_id, source_key) WHERE source_key IS NOT NULL;
CREATE TABLE accounting.journal_line (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    entry_id UUID NOT NULL,
    position BIGINT NOT NULL,
    id UUID NOT NULL,
    entity_id UUID NOT NULL,
    account_id UUID NOT NULL,
    date DATE NOT NULL,
    debit NUMERIC NOT NULL,
    credit NUMERIC NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    party_id UUID,
    original_amount NUMERIC,
    original_currency TEXT,
    CONSTRAINT journal_line_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX journal_line_account_id_date_id_idx ON accounting.journal_line (tenant_id, account_id, date, id);
CREATE INDEX journal_line_entry_id_idx ON accounting.journal_line (tenant_id, entry_id);
CREATE TABLE accounting.account_balance (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    entity_id UUID NOT NULL,
    account_id UUID NOT NULL,
    year BIGINT NOT NULL,
    month BIGINT NOT NULL,
    debit NUMERIC DEFAULT '0' NOT NULL,
    credit NUMERIC DEFAULT '0' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT account_balance_pkey PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX account_balance_entity_id_account_id_year_month_key ON accounting.account_balance (tenant_id, entity_id, account_id, year, month);
"""
