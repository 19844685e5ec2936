"""Orders in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Report, Series, Setting, Stateful
from entrepot.modules.orders import api, commands, events, pages, queries, tables
from entrepot.modules.orders.commands import importing, receipts
from entrepot.modules.orders.contract import Orders
from entrepot.modules.orders.queries import orders as order_queries
from entrepot.modules.orders.rules import selling as rules

module = Module(
    name="orders",
    tier=6,
    title="Orders",
    permissions={
        "orders.view": "See orders",
        "orders.edit": "Create and change orders",
        "orders.pay": "Take payments for orders",
        "orders.cancel": "Cancel orders",
        "orders.refund": "Take goods back and refund",
        "orders.price": "Give prices and discounts by hand",
        "pos.sell": "Sell at the till",
        "pos.shift": "Open and close shifts at the till",
        "pos.cash": "Pay cash into and out of the till",
        "pos.report": "See shifts and Z-reports",
    },
    tables=tables,
    obstacles={"order": order_queries.unpaid},
    events=events,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
    offers=[offer(Orders, order_queries.cards)],
    machines=[Stateful(rules.ORDER, tables.Order, label="number")],
    settings=[
        Setting(
            "orders.pos_prices_include_tax",
            bool,
            True,
            "Prices at the till include tax",
            "billing",
            ("tenant", "entity"),
        ),
        Setting(
            "orders.till_needs_shift",
            bool,
            False,
            "The till sells in an open shift only",
            "billing",
            ("tenant", "entity"),
        ),
    ],
    series=[Series("order", "ORD-{year}-{number}", 4, gapless=False), Series("z_report", "Z-{year}-{number}", 4)],
    jobs=[receipts.send_receipt],
    importers={"orders": importing.import_orders},
    reports=[Report("sales", "Sales", "orders.view", order_queries.sales_report)],
)
