"""accounting: the few entries that wait to be posted are found at once among the many that are."""

from entrepot.kernel.schema import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run(INDEX)


INDEX = """
CREATE INDEX journal_entry_draft_idx ON accounting.journal_entry (tenant_id, date) WHERE status = 'draft'
"""
