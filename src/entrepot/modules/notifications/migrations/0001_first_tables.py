"""notifications: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("notifications.notice", audited=False)
    secure("notifications.notice_cause", audited=False, append_only=True)
    secure("notifications.reading", audited=False)


TABLES = """
CREATE TABLE notifications.notice (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    cause TEXT NOT NULL,
    kind TEXT NOT NULL,
    said JSONB NOT NULL,
    path TEXT NOT NULL,
    user_id UUID,
    permission TEXT DEFAULT '' NOT NULL,
    count BIGINT DEFAULT '1' NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT notice_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX notice_at_id_idx ON notifications.notice (tenant_id, at DESC, id DESC) WHERE archived_at IS NULL;
CREATE UNIQUE INDEX notice_cause_key ON notifications.notice (tenant_id, cause) WHERE archived_at IS NULL;
CREATE TABLE notifications.notice_cause (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    event_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT notice_cause_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX notice_cause_event_id_key ON notifications.notice_cause (tenant_id, event_id);
CREATE TABLE notifications.reading (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    notice_id UUID NOT NULL,
    user_id UUID NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT reading_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX reading_notice_id_user_id_key ON notifications.reading (tenant_id, notice_id, user_id);
"""
