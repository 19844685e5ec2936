"""What others may ask of trials."""

from decimal import Decimal
from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask, tell


class Stock(msgspec.Struct, frozen=True):
    """How much there is, and when it was last counted."""

    name: str
    amount: Decimal


class Store(Facade, name="store"):
    @ask
    async def left(self, name: str) -> Stock:
        raise AssertionError

    @ask
    async def all_left(self, names: list[str], least: Decimal) -> list[Stock]:
        raise AssertionError

    @tell(undo="put_back")
    async def take(self, reference: UUID, name: str, amount: Decimal) -> Stock:
        raise AssertionError

    @tell()
    async def put_back(self, reference: UUID) -> None:
        raise AssertionError
