"""Pages of orders: the list, the board, one order, and sales by month."""

from entrepot.kernel.ui.declare import (
    BoardPage,
    Chart,
    DashboardPage,
    DetailPage,
    ListPage,
    Options,
    ReportPage,
    Section,
    Tile,
)
from entrepot.modules.orders import queries

pages = [
    ListPage(
        queries.ORDERS,
        icon="shopping-cart",
        menu="Sales",
        order=10,
        columns=["number", "customer_name", "channel", "total", "currency", "state", "payment_status", "placed_at"],
        filters=["state", "channel", "kind", "payment_status", "placed_at"],
        name="number",
        hint="customer_name",
        offers=["order_id"],
        empty="Orders from the till, the shop and the API appear here.",
        open=DetailPage(
            queries.get_order,
            title="Order",
            name="number",
            entity="order",
            sections=[
                Section("Order", ["number", "channel", "kind", "customer_name", "customer_email", "placed_at"]),
                Section("Amounts", ["subtotal", "discount_total", "tax_total", "total", "currency", "change"]),
                Section(
                    "Progress", ["payment_status", "fulfillment_status", "billing_status", "paid_at", "completed_at"]
                ),
            ],
            lines={
                "payments": ["method", "amount", "tendered", "currency", "state"],
                "lines": ["sku", "name", "quantity", "unit_price", "discount", "tax", "gross"],
            },
            hidden=["taxes", "metadata"],
        ),
    ),
    BoardPage(
        queries.ORDERS,
        "order",
        title="Order board",
        icon="layout-kanban",
        menu="Sales",
        order=20,
        name="number",
        fields=["customer_name", "total", "placed_at"],
        open="/orders/{id}",
        states=["draft", "pending", "confirmed", "paid", "fulfilling", "fulfilled", "completed"],
    ),
    ReportPage(
        queries.sales_report,
        path="/reports/sales",
        title="Sales by period",
        icon="chart-bar",
        menu="Reports",
        order=10,
        columns=["month", "invoices", "credit_notes", "lines", "sales", "credits", "adjustments", "net"],
        chart=Chart("bar", "month", ["net"]),
        widgets={"by": Options(["day", "month", "year"])},
        empty="The first sale puts a bar here.",
    ),
    DashboardPage(
        order=10,
        tiles=[
            Tile("Orders today", queries.ORDERS, {"placed_at__gte": "{today}"}, icon="shopping-cart"),
            Tile("Sold today", queries.ORDERS, {"placed_at__gte": "{today}"}, sum="total", icon="cash"),
            Tile("Waiting for payment", queries.ORDERS, {"state": "pending"}, icon="clock"),
        ],
    ),
]
