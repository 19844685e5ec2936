"""What others may ask about products."""

from enum import StrEnum
from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask, tell
from entrepot.pure.money import Money, NonNegativeMoney


class ProductKind(StrEnum):
    """Stocked goods are counted; services and digital goods are not."""

    stocked = "stocked"
    service = "service"
    digital = "digital"


class VariantCard(msgspec.Struct, frozen=True):
    """A variant with what selling it needs."""

    variant_id: UUID
    product_id: UUID
    sku: str
    name: str
    price: Money
    wholesale_price: Money | None
    currency: str
    tax_category: str
    kind: ProductKind
    unit: str
    active: bool


class ShelfCard(msgspec.Struct, frozen=True):
    """A variant that is sold now, as somebody at a till looks for it."""

    variant_id: UUID
    sku: str
    name: str
    barcode: str | None
    category: str
    price: Money
    tax_category: str
    kind: ProductKind
    unit: str


class Wanted(msgspec.Struct, frozen=True):
    """A product that must exist, as an import needs it."""

    sku: str
    name: str
    price: NonNegativeMoney
    tax_category: str = "standard"
    kind: ProductKind = ProductKind.stocked
    cost: NonNegativeMoney | None = None


class Catalog(Facade, name="catalog"):
    @ask
    async def variants(self, skus: list[str], ids: list[UUID]) -> list[VariantCard]:
        """The variants with these SKUs or ids; what is not there is simply missing from the answer."""
        raise AssertionError

    @ask
    async def shelf(self) -> list[ShelfCard]:
        """Every variant that is sold now, by name."""
        raise AssertionError

    @tell()
    async def ensure(self, batch: UUID, products: list[Wanted]) -> list[str]:
        """Create the products whose SKU is not there yet; returns the SKUs that were created."""
        raise AssertionError
