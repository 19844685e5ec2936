"""payments: the trail of a payment names who made what it pays."""

from entrepot.kernel.schema import audit_by

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    audit_by("payments.payment", "reference_id")
