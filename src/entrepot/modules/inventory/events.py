"""What happens to stock."""

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.pure.events import Event, event
from entrepot.pure.money import Money
from entrepot.pure.quantities import Quantity


class Moved(msgspec.Struct, frozen=True):
    """One SKU of a movement, with what it cost."""

    sku: str
    quantity: Quantity
    value: Money


@event("stock.consumed", about="reference", aliases=("StockConsumed", "StockConfirmed"))
class StockConsumed(Event, frozen=True):
    """Goods left for good."""

    movement_id: UUID
    at: datetime
    reference: UUID
    warehouse_id: UUID
    entity_id: UUID
    lines: list[Moved]


@event("stock.returned", about="reference")
class StockReturned(Event, frozen=True):
    """Goods that had left came back."""

    movement_id: UUID
    at: datetime
    reference: UUID
    warehouse_id: UUID
    entity_id: UUID
    lines: list[Moved]


@event("stock.received", about="reference", aliases=("GoodsReceivedInInventory",))
class StockReceived(Event, frozen=True):
    """Goods came in at what they cost."""

    movement_id: UUID
    at: datetime
    reference: UUID
    warehouse_id: UUID
    entity_id: UUID
    lines: list[Moved]


@event("stock.adjusted", about="reference", aliases=("StockAdjusted",))
class StockAdjusted(Event, frozen=True):
    """Somebody corrected the level, with a reason."""

    movement_id: UUID
    at: datetime
    reference: UUID
    warehouse_id: UUID
    entity_id: UUID
    lines: list[Moved]
    reason: str


@event("stock.counted", about="reference")
class StockCounted(Event, frozen=True):
    """A physical count was entered."""

    reference: UUID
    warehouse_id: UUID
    sku: str
    expected: Quantity
    counted: Quantity


@event("stock.transferred", about="reference", aliases=("StockTransferred",))
class StockTransferred(Event, frozen=True):
    """Goods went from one warehouse to another."""

    reference: UUID
    from_warehouse_id: UUID
    to_warehouse_id: UUID
    lines: list[Moved]


@event("stock.reserved", about="reference", aliases=("StockReserved",))
class StockReserved(Event, frozen=True):
    """Goods are held for somebody for a while."""

    reference: UUID
    warehouse_id: UUID
    lines: list[Moved]


@event("stock.released", about="reference", aliases=("StockReleased",))
class StockReleased(Event, frozen=True):
    """A hold on goods ended without their being taken."""

    reference: UUID
    warehouse_id: UUID


@event("stock.depleted", about="sku", aliases=("StockDepleted",))
class StockDepleted(Event, frozen=True):
    """Nothing is left in a warehouse."""

    warehouse_id: UUID
    sku: str
    previous_quantity: Quantity
    current_quantity: Quantity
    depleted_by: UUID


@event("stock.low", about="sku", aliases=("StockLowAlert",))
class StockLow(Event, frozen=True):
    """The level fell to or below its threshold."""

    warehouse_id: UUID
    sku: str
    quantity: Quantity
    low_at: Quantity


@event("stock.oversold", about="sku")
class StockOversold(Event, frozen=True):
    """A sale that had happened took more than there was; a person must resolve it."""

    warehouse_id: UUID
    sku: str
    reference: UUID
    missing: Quantity
