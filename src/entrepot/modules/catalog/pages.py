"""Pages of catalog: products and their variants."""

from entrepot.kernel.ui.declare import DashboardPage, DetailPage, FormPage, ListPage, LongText, Options, Section, Tile
from entrepot.modules.catalog import commands, queries

TAXES = Options(("standard", "reduced", "zero", "exempt"))
UNITS = Options(("piece", "box", "pallet", "kg", "m", "hour"))

pages = [
    ListPage(
        queries.PRODUCTS,
        icon="package",
        menu="Catalog",
        order=10,
        columns=["sku", "name", "kind", "price", "currency", "state"],
        filters=["state", "kind", "tax_category", "category_id"],
        name="sku",
        hint="name",
        offers=["variant_id"],
        by="product_id",
        bulk=[
            FormPage(
                commands.archive_product,
                title="Archive",
                confirm="Archive these products? They are no longer sold, and can be restored.",
            )
        ],
        empty="Add what you sell. It appears in orders, stock and prices at once.",
        new=FormPage(
            commands.create_product,
            title="New product",
            fields=[
                "name", "sku", "price", "wholesale_price", "cost", "kind", "unit", "tax_category", "category_id",
                "barcode", "description",
            ],
            widgets={"tax_category": TAXES, "unit": UNITS, "description": LongText()},
        ),
        open=DetailPage(
            queries.get_product,
            title="Product",
            by="product_id",
            entity="product",
            sections=[Section("Product", ["name", "kind", "unit", "tax_category", "category_id", "description"])],
            actions=[
                FormPage(
                    commands.change_product,
                    title="Change product",
                    fields=["name", "description", "tax_category", "category_id"],
                    widgets={"tax_category": TAXES, "description": LongText()},
                ),
                FormPage(commands.add_variant, title="Add variant", icon="plus", path="variant"),
            ],
        ),
    ),
    DashboardPage(
        order=40,
        tiles=[
            Tile(
                "Active products",
                queries.PRODUCTS,
                {"state": "active"},
                icon="package",
                empty="Add what you sell, one by one or from a file.",
            )
        ],
    ),
]  # fmt: skip
