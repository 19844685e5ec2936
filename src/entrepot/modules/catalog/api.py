"""Routes of catalog."""

from entrepot.kernel.routes import get, listing, patch, post
from entrepot.modules.catalog import commands, queries
from entrepot.modules.catalog.tables import Product, Variant

routes = [
    listing("/products", queries.PRODUCTS),
    post("/products", commands.create_product, then=queries.get_product, created=True),
    get("/products/by-sku/{sku}", queries.get_product_by_sku),
    get("/products/{product_id}", queries.get_product),
    patch("/products/{product_id}", commands.change_product, then=queries.get_product, table=Product),
    post("/products/{product_id}/variants", commands.add_variant, then=queries.get_product, created=True),
    patch(
        "/products/{product_id}/variants/{variant_id}", commands.change_price, then=queries.get_product, table=Variant
    ),
    post("/products/{product_id}/archive", commands.archive_product, then=queries.get_product),
    post("/products/{product_id}/restore", commands.restore_product, then=queries.get_product),
]
