"""kernel: saved views of lists and notes on anything."""

from entrepot.kernel.schema import run, secure

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(VIEWS)
    run(NOTES)
    secure("kernel.saved_view", audited=False)
    secure("kernel.note", audited=False, append_only=True)


# The view without a name holds the columns somebody chose; it is applied whenever an address names none.
VIEWS = """
CREATE TABLE kernel.saved_view (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    page text NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    opens boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, owner_id, page, name)
);
"""

NOTES = """
CREATE TABLE kernel.note (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    id uuid NOT NULL,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    body text NOT NULL,
    at timestamptz NOT NULL,
    author uuid NOT NULL,
    author_name text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX note_entity_idx ON kernel.note (tenant_id, entity_id, at);
"""
