"""What others may tell about money."""

from enum import StrEnum
from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask, tell
from entrepot.pure.money import Money


class PaymentMethod(StrEnum):
    """How somebody pays."""

    cash = "cash"
    card = "card"
    bank_transfer = "bank_transfer"
    gift = "gift"
    on_account = "on_account"


class Tender(msgspec.Struct, frozen=True):
    """Money taken for one reference: the amount that counts and what was handed over. Its id is made by who tells,
    so that telling twice records once."""

    id: UUID
    reference: UUID
    reference_type: str
    method: PaymentMethod
    amount: Money
    tendered: Money
    currency: str
    terminal_id: str | None = None
    transaction_id: str | None = None


class Paid(msgspec.Struct, frozen=True):
    """A payment as others show it."""

    id: UUID
    reference: UUID
    method: str
    amount: Money
    tendered: Money
    currency: str
    state: str


class MethodTotal(msgspec.Struct, frozen=True):
    """What was paid by one method: money taken, with the change given out on top of it, and money given back; `total`
    is what was taken less what was given back."""

    method: str
    payments: int
    taken: Money
    change: Money
    given_back: Money
    total: Money


class Payments(Facade, name="payments"):
    @tell(undo="give_back")
    async def take(self, batch: UUID, tenders: list[Tender]) -> None:
        """Record money that was taken at a till; telling twice for a reference records once."""
        raise AssertionError

    @tell()
    async def give_back(self, batch: UUID) -> None:
        """Void what was recorded for a reference; nothing happens when nothing was."""
        raise AssertionError

    @ask
    async def paid(self, references: list[UUID]) -> list[Paid]:
        """Every payment of these references, oldest first."""
        raise AssertionError

    @ask
    async def totals(self, references: list[UUID]) -> list[MethodTotal]:
        """What was paid for these references together, by method; voided payments do not count."""
        raise AssertionError
