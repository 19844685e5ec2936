"""What others may ask and tell about documents."""

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask, tell
from entrepot.pure.money import Money, Rate
from entrepot.pure.quantities import Quantity


class DocumentCard(msgspec.Struct, frozen=True):
    """A document with a link that works for 24 hours without logging in."""

    id: UUID
    name: str
    mime_type: str
    size: int
    category: str
    url: str


class Content(msgspec.Struct, frozen=True):
    """The bytes of a document."""

    name: str
    mime_type: str
    data: bytes


class ReceiptLine(msgspec.Struct, frozen=True):
    name: str
    quantity: Quantity
    unit_price: Money
    discount: Money
    amount: Money


class ReceiptTax(msgspec.Struct, frozen=True):
    rate: Rate
    net: Money
    tax: Money


class ReceiptData(msgspec.Struct, frozen=True):
    """Everything that is printed on a receipt; one for goods that came back names the sale it `takes_back`."""

    seller: str
    address: str
    vat_number: str
    number: str
    placed_at: datetime
    timezone: str
    currency: str
    locale: str
    cashier: str
    terminal: str
    lines: list[ReceiptLine]
    taxes: list[ReceiptTax]
    subtotal: Money
    tax_total: Money
    total: Money
    payments: list[tuple[str, Money]]
    change: Money
    takes_back: str = ""


class Documents(Facade, name="documents"):
    @ask
    async def card(self, document_id: UUID) -> DocumentCard:
        """A document with a fresh link; NotFound for another tenant's."""
        raise AssertionError

    @ask
    async def content(self, document_id: UUID) -> Content:
        """The bytes of a document; NotFound for another tenant's."""
        raise AssertionError

    @ask
    async def of_entity(self, entity_ref: UUID) -> list[DocumentCard]:
        """Every document attached to something, newest first."""
        raise AssertionError

    @tell()
    async def receipt(self, entity_ref: UUID, data: ReceiptData) -> DocumentCard:
        """Make the receipt of a sale as PDF; asking twice gives the one that was made."""
        raise AssertionError
