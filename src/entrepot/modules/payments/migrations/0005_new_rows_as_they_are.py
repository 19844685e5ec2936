"""payments: the audit trail keeps a new payment as it is; its rank is left out where the trail is read."""

from entrepot.kernel.schema import audit_by

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    audit_by("payments.payment", "reference_id")
