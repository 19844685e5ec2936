"""orders: the trail of a line names who made its order."""

from entrepot.kernel.schema import audit_by

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    audit_by("orders.order_line", "order_id")
