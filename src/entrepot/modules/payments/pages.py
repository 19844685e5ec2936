"""Pages of payments."""

from entrepot.kernel.ui.declare import DashboardPage, DetailPage, ListPage, Tile
from entrepot.modules.payments import queries

pages = [
    ListPage(
        queries.PAYMENTS,
        icon="credit-card",
        menu="Money",
        order=10,
        columns=["method", "amount", "currency", "state", "reference_type", "created_at"],
        filters=["method", "state", "created_at"],
        name="method",
        empty="Money that comes in or goes back appears here.",
        open=DetailPage(queries.get_payment, title="Payment", name="method"),
    ),
    DashboardPage(
        order=35,
        tiles=[
            Tile(
                "Failed payments",
                queries.PAYMENTS,
                {"state__in": "failed,voided"},
                icon="credit-card",
                tone="danger",
                empty="Every payment went through.",
            )
        ],
    ),
]
