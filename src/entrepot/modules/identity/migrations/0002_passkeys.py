"""identity: passkeys."""

from entrepot.kernel.schema import run, secure

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(TABLES)
    secure("identity.passkey", masked=("public_key",), system=True)


TABLES = """
CREATE TABLE identity.passkey (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    name TEXT NOT NULL,
    credential TEXT NOT NULL,
    public_key TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT passkey_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX passkey_credential_key ON identity.passkey (tenant_id, credential);
CREATE INDEX passkey_user_id_idx ON identity.passkey (tenant_id, user_id);
"""
