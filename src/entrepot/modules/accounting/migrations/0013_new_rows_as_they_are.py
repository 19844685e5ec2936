"""accounting: the audit trail keeps a new entry as it is; its rank is left out where the trail is read."""

from entrepot.kernel.schema import audit_by

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    audit_by("accounting.journal_entry", "reference_id")
