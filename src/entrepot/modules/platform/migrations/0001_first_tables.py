"""platform: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("platform.setting")
    secure("platform.field_definition")
    secure("platform.object_definition")
    secure("platform.custom_row")
    secure("platform.layout")


TABLES = """
CREATE TABLE platform.setting (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    key TEXT NOT NULL,
    level TEXT NOT NULL,
    owner_id UUID NOT NULL,
    value JSONB NOT NULL,
    CONSTRAINT setting_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX setting_key_level_owner_id_key ON platform.setting (tenant_id, key, level, owner_id);
CREATE TABLE platform.field_definition (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    label JSONB DEFAULT '{}'::jsonb NOT NULL,
    required BOOLEAN DEFAULT false NOT NULL,
    choices JSONB DEFAULT '[]'::jsonb NOT NULL,
    listed BOOLEAN DEFAULT true NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT field_definition_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX field_definition_object_name_key ON platform.field_definition (tenant_id, object, name);
CREATE TABLE platform.object_definition (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    code TEXT NOT NULL,
    label JSONB DEFAULT '{}'::jsonb NOT NULL,
    plural JSONB DEFAULT '{}'::jsonb NOT NULL,
    icon TEXT DEFAULT 'box' NOT NULL,
    statuses JSONB DEFAULT '[]'::jsonb NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT object_definition_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX object_definition_code_key ON platform.object_definition (tenant_id, code);
CREATE TABLE platform.custom_row (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT DEFAULT '' NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT custom_row_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX custom_row_object_name_idx ON platform.custom_row (tenant_id, object, name);
CREATE TABLE platform.layout (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    object TEXT NOT NULL,
    page TEXT NOT NULL,
    owner_id UUID NOT NULL,
    content JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT layout_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX layout_object_page_owner_id_key ON platform.layout (tenant_id, object, page, owner_id);
"""
