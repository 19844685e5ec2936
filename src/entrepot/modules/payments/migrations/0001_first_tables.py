"""payments: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("payments.payment")
    secure("payments.payment_confirmation", append_only=True)


TABLES = """
CREATE TABLE payments.payment (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    entity_id UUID NOT NULL,
    reference_type TEXT NOT NULL,
    reference_id UUID NOT NULL,
    method TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    tendered NUMERIC NOT NULL,
    currency TEXT NOT NULL,
    state TEXT DEFAULT 'confirmed' NOT NULL,
    transaction_id TEXT,
    failed_reason TEXT,
    terminal_id TEXT,
    provisional BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT payment_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX payment_created_at_idx ON payments.payment (tenant_id, created_at DESC);
CREATE INDEX payment_reference_id_idx ON payments.payment (tenant_id, reference_id);
CREATE TABLE payments.payment_confirmation (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    reference UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT payment_confirmation_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX payment_confirmation_reference_key ON payments.payment_confirmation (tenant_id, reference);
"""
