"""orders: the audit trail keeps a new order as it is; its rank is left out where the trail is read."""

from entrepot.kernel.schema import audit_by

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    audit_by("orders.sales_order", "id", entity="order")
