"""Routes of inventory."""

from entrepot.kernel.routes import get, listing, post
from entrepot.modules.inventory import queries
from entrepot.modules.inventory.commands import reserving, stocking, taking

routes = [
    listing("/warehouses", queries.WAREHOUSES),
    post("/warehouses", stocking.create_warehouse, then=queries.get_warehouse, created=True),
    get("/warehouses/{warehouse_id}", queries.get_warehouse),
    get("/warehouses/{warehouse_id}/stock", queries.get_warehouse_stock),
    listing("/stock-levels", queries.LEVELS),
    listing("/stock-moves", queries.MOVES),
    listing("/stock-shortages", queries.SHORTAGES),
    post("/stock-shortages/{shortage_id}/resolve", stocking.resolve_shortage),
    post("/inventory/check-availability", queries.check_availability),
    post("/inventory/deduct", taking.take_stock),
    post("/inventory/reserve", reserving.reserve_stock),
    post("/inventory/release", reserving.release_stock),
    post("/inventory/adjust", stocking.adjust_stock),
    post("/inventory/count", stocking.count_stock),
    post("/inventory/transfer", stocking.transfer_stock),
    post("/inventory/threshold", stocking.set_low_threshold),
    get("/inventory/{sku}", queries.get_stock),
]
