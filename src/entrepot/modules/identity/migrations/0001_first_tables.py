"""identity: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("identity.tenant", audited=False, system=True, tenant_column="id")
    secure("identity.business_entity")
    secure(
        "identity.user_account",
        entity="user",
        system=True,
        masked=("password_hash", "pin_hash", "totp_secret"),
    )
    secure("identity.role")
    secure("identity.api_key", masked=("secret_hash",))
    secure("identity.session", audited=False)
    secure("identity.login_failure", audited=False)


TABLES = """
CREATE TABLE identity.tenant (
    id UUID NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT DEFAULT 'active' NOT NULL,
    default_entity_id UUID NOT NULL,
    database TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version BIGINT DEFAULT '1' NOT NULL,
    CONSTRAINT tenant_pkey PRIMARY KEY (id),
    UNIQUE (slug)
);
CREATE TABLE identity.business_entity (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    legal_name TEXT DEFAULT '' NOT NULL,
    country TEXT DEFAULT 'NL' NOT NULL,
    currency TEXT DEFAULT 'EUR' NOT NULL,
    vat_number TEXT DEFAULT '' NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    email TEXT DEFAULT '' NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT business_entity_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX business_entity_code_key ON identity.business_entity (tenant_id, code);
CREATE TABLE identity.user_account (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT,
    pin_hash TEXT,
    totp_secret TEXT,
    roles TEXT[] DEFAULT '{}' NOT NULL,
    locale TEXT DEFAULT 'en' NOT NULL,
    entity_id UUID,
    active BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT user_account_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX user_account_email_key ON identity.user_account (tenant_id, lower(email));
CREATE TABLE identity.role (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT[] DEFAULT '{}' NOT NULL,
    CONSTRAINT role_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX role_code_key ON identity.role (tenant_id, code);
CREATE TABLE identity.api_key (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    hint TEXT NOT NULL,
    scopes TEXT[] DEFAULT '{}' NOT NULL,
    entity_id UUID,
    created_by UUID NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX api_key_secret_hash_key ON identity.api_key (tenant_id, secret_hash);
CREATE TABLE identity.session (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    kind TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    refresh_hash TEXT,
    address TEXT DEFAULT '' NOT NULL,
    agent TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    refresh_until TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT session_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX session_refresh_hash_key ON identity.session (tenant_id, refresh_hash);
CREATE UNIQUE INDEX session_secret_hash_key ON identity.session (tenant_id, secret_hash);
CREATE INDEX session_user_id_idx ON identity.session (tenant_id, user_id);
CREATE TABLE identity.login_failure (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT login_failure_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX login_failure_email_at_idx ON identity.login_failure (tenant_id, email, at DESC);
"""
