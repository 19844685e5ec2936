"""Routes of orders."""

from entrepot.kernel.routes import get, listing, post, put
from entrepot.modules.orders.commands import cashiers, receipts, returning, selling, shifts, syncing
from entrepot.modules.orders.queries import orders as queries
from entrepot.modules.orders.queries import shifts as shift_queries
from entrepot.modules.orders.queries import till

routes = [
    listing("/orders", queries.ORDERS),
    listing("/orders/pos", queries.POS_ORDERS),
    listing("/sold-lines", queries.SOLD),
    # A receipt is set and stored while the transaction waits, so who wants one holds up nobody else.
    post(
        "/orders/pos",
        selling.sell,
        created=True,
        together=selling.sell_together,
        apart=lambda sale: sale.receipt,
        once=lambda body: syncing.names_of([body]),
    ),
    get("/pos/catalogue", queries.get_pos_catalogue),
    post("/orders/pos/sync", syncing.sync_sales, once=syncing.names_of),
    get("/orders/pos/{order_id}", queries.get_pos_order),
    post("/orders/pos/{order_id}/return", returning.return_sale, created=True),
    post("/orders/pos/{order_id}/receipt", receipts.print_receipt),
    post("/orders/pos/{order_id}/receipt/mail", receipts.mail_receipt),
    get("/orders/{order_id}", queries.get_order),
    get("/pos/sales", till.find_sales),
    get("/pos/sales/{order_id}", till.get_till_sale),
    get("/pos/cashiers", till.list_cashiers),
    put("/pos/cashier", cashiers.change_cashier),
    listing("/pos/shifts", shift_queries.SHIFTS),
    post("/pos/shifts", shifts.open_shift, created=True),
    get("/pos/shifts/open", shift_queries.get_open_shift),
    get("/pos/shifts/{shift_id}", shift_queries.get_shift),
    post("/pos/shifts/{shift_id}/cash", shifts.move_cash, created=True),
    post("/pos/shifts/{shift_id}/close", shifts.close_shift),
    get("/reports/sales", queries.sales_report),
]
