"""orders: the lines of an order stay as they were placed."""

from entrepot.kernel.schema import now_append_only

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # A return is an order of its own. Five rows of trail for each sale said what the lines themselves say.
    now_append_only("orders.order_line", caused_by="order_id")
