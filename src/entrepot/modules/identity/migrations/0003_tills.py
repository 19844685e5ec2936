"""identity: a session may allow less than its user may do."""

from entrepot.kernel.schema import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run("ALTER TABLE identity.session ADD COLUMN scopes TEXT[] NOT NULL DEFAULT '{}'")
