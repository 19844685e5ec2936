"""documents: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("documents.document")


TABLES = """
CREATE TABLE documents.document (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    entity_type TEXT DEFAULT '' NOT NULL,
    entity_ref UUID,
    name TEXT NOT NULL,
    file_path TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    disk TEXT DEFAULT 'local' NOT NULL,
    category TEXT DEFAULT 'other' NOT NULL,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_by UUID,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT document_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX document_category_created_at_idx ON documents.document (tenant_id, category, created_at DESC);
CREATE INDEX document_entity_ref_idx ON documents.document (tenant_id, entity_ref);
"""
