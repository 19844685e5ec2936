"""orders: a line is found by its order and its place in it."""

from entrepot.kernel.schema import keyed_by

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    keyed_by("orders.order_line", "order_line_order_id_position_key")
