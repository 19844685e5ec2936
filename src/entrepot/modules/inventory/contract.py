"""What others may ask and tell about stock."""

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask, tell
from entrepot.pure.money import Money
from entrepot.pure.quantities import PositiveQuantity, Quantity


class Want(msgspec.Struct, frozen=True):
    """So many of a SKU."""

    sku: str
    quantity: PositiveQuantity


class Available(msgspec.Struct, frozen=True):
    """What can be had now: on hand and not held for somebody else."""

    sku: str
    available: Quantity
    on_hand: Quantity
    reserved: Quantity


class Cost(msgspec.Struct, frozen=True):
    """What goods that left had cost."""

    sku: str
    quantity: Quantity
    value: Money


class Take(msgspec.Struct, frozen=True):
    """Goods that leave for one reference. `forced` takes them even when they are not there (a sale that has
    happened already), which opens a shortage for a person to resolve. `at` is when they left, now unless given.
    `first` says that nothing can have left for it before: its own row is made in the same transaction."""

    reference: UUID
    wants: list[Want]
    forced: bool = False
    at: datetime | None = None
    first: bool = False


class Taken(msgspec.Struct, frozen=True):
    """The outcome for one reference: what the goods cost, or what was missing."""

    reference: UUID
    costs: list[Cost]
    missing: list[Available] = []


class Inventory(Facade, name="inventory"):
    @ask
    async def available(self, warehouse_id: UUID, skus: list[str]) -> list[Available]:
        """What can be had in a warehouse; a SKU it never saw has zero."""
        raise AssertionError

    @ask
    async def default_warehouse(self, entity_id: UUID) -> UUID:
        """The warehouse a business entity sells from unless told otherwise."""
        raise AssertionError

    @tell()
    async def hold(self, warehouse_id: UUID, skus: list[str]) -> None:
        """Lock what is there of these for a taking that follows in the same unit, which then need not wait to do so. Told
        from another service it holds nothing beyond its answer."""
        raise AssertionError

    @tell(undo="put_back")
    async def deduct(self, reference: UUID, warehouse_id: UUID, wants: list[Want]) -> list[Cost]:
        """Take goods out for good, all or nothing; telling twice takes once. Refuses with Conflict(available=...)."""
        raise AssertionError

    @tell()
    async def deduct_many(self, batch: UUID, warehouse_id: UUID, takes: list[Take]) -> list[Taken]:
        """Several takes at once, in this order, each all or nothing: who comes too late learns what is missing."""
        raise AssertionError

    @tell()
    async def put_back(self, reference: UUID) -> None:
        """Bring back what a reference took; nothing happens when it took nothing or brought it back already."""
        raise AssertionError

    @tell()
    async def receive(self, reference: UUID, warehouse_id: UUID, goods: list[Cost], at: datetime | None = None) -> None:
        """Take goods in at what they cost, at a moment (now unless given); telling twice takes in once."""
        raise AssertionError
