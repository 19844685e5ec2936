"""What others may ask of the books."""

from datetime import date
from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask
from entrepot.pure.money import Money


class BookedLine(msgspec.Struct, frozen=True):
    """A line of a posted journal entry, beside what is known of the entry."""

    entry_id: UUID
    number: str
    date: date
    account: str
    name: str
    debit: Money
    credit: Money
    currency: str


class Accounting(Facade, name="accounting"):
    @ask
    async def booked(self, reference_id: UUID) -> list[BookedLine]:
        """What a document moved in the books: the lines of its posted entries, oldest first."""
        raise AssertionError
