"""What happens to products."""

from uuid import UUID

from entrepot.pure.events import Event, event
from entrepot.pure.money import Money


@event("product.created", about="product_id", aliases=("ProductCreated",))
class ProductCreated(Event, frozen=True):
    """There is a new product, with the SKUs of its first variants."""

    product_id: UUID
    name: str
    kind: str
    skus: list[str]


@event("product.updated", about="product_id", aliases=("ProductUpdated",))
class ProductUpdated(Event, frozen=True):
    """These fields of a product changed."""

    product_id: UUID
    fields: list[str]


@event("product.archived", about="product_id", aliases=("ProductDeleted",))
class ProductArchived(Event, frozen=True):
    """The product is no longer sold; what was sold keeps its name and price."""

    product_id: UUID
    skus: list[str]


@event("variant.created", about="product_id")
class VariantCreated(Event, frozen=True):
    """A product has another variant."""

    product_id: UUID
    variant_id: UUID
    sku: str
    kind: str


@event("price.changed", about="variant_id", aliases=("ProductPriceChanged",))
class PriceChanged(Event, frozen=True):
    """A variant costs something else from now on."""

    variant_id: UUID
    sku: str
    old: Money
    new: Money
    currency: str
