"""Catalog in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Stateful
from entrepot.kernel.records import Record
from entrepot.modules.catalog import api, commands, events, pages, queries, rules, tables
from entrepot.modules.catalog.contract import Catalog

module = Module(
    name="catalog",
    tier=4,
    title="Products",
    permissions={
        "products.view": "See products",
        "products.edit": "Create and change products",
        "products.price": "Change prices",
    },
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
    records=[Record(tables.Category, needs="products", path="/categories")],
    offers=[offer(Catalog, queries.variants, queries.shelf, commands.ensure)],
    machines=[
        Stateful(
            rules.PRODUCT,
            tables.Product,
            label="name",
            moves={"archive": commands.archive_product, "restore": commands.restore_product},
        )
    ],
)
