"""Products and variants; the variant's SKU is the key of stock."""

from entrepot.kernel.db import (
    Extensible,
    decimal,
    decimal_or_none,
    index,
    moment_or_none,
    text,
    text_or_none,
    unique,
    uuid,
    uuid_or_none,
)
from entrepot.kernel.records import Recorded


class Category(Recorded, table="category", schema="catalog"):
    """A node of the category tree."""

    name = text()
    parent_id = uuid_or_none()
    constraints = (unique("name", "parent_id"),)


class Product(Extensible, table="product", schema="catalog"):
    """What is sold, in one or several variants."""

    name = text()
    description = text(server_default="")
    kind = text(server_default="stocked")
    tax_category = text(server_default="standard")
    unit = text(server_default="piece")
    category_id = uuid_or_none()
    state = text(server_default="active")
    archived_at = moment_or_none()
    constraints = (index("name"), index("category_id"))


class Variant(Extensible, table="variant", schema="catalog"):
    """One thing with a SKU, a barcode and a price."""

    product_id = uuid()
    sku = text()
    name = text()
    barcode = text_or_none()
    price = decimal()
    wholesale_price = decimal_or_none()
    cost = decimal_or_none()
    currency = text()
    state = text(server_default="active")
    constraints = (unique("sku"), unique("barcode", where="barcode IS NOT NULL"), index("product_id"))
