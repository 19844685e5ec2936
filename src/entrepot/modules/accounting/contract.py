"""What others may ask of the books."""

from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask
from entrepot.pure.money import Money


class PostedEntry(msgspec.Struct, frozen=True):
    """A journal entry of a document, in short."""

    id: UUID
    number: str
    date: str
    description: str
    total: Money
    currency: str


class Accounting(Facade, name="accounting"):
    @ask
    async def entries_of(self, reference_id: UUID) -> list[PostedEntry]:
        """The posted entries that a document caused, oldest first."""
        raise AssertionError
