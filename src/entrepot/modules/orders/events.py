"""What happens to orders."""

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.pure.events import Event, event
from entrepot.pure.money import Money
from entrepot.pure.quantities import Quantity
from entrepot.pure.taxes import TaxTotal


class Sold(msgspec.Struct, frozen=True):
    """A line that was sold."""

    sku: str
    name: str
    quantity: Quantity
    net: Money
    tax: Money
    gross: Money
    stocked: bool


class Settled(msgspec.Struct, frozen=True):
    """A payment of an order."""

    method: str
    amount: Money


@event("order.completed", about="order_id", aliases=("OrderCompleted",))
class OrderCompleted(Event, frozen=True):
    """Everything is delivered and nothing is owed; at the till that is at once."""

    order_id: UUID
    number: str
    entity_id: UUID
    channel: str
    kind: str
    warehouse_id: UUID
    customer_id: UUID | None
    placed_at: datetime
    currency: str
    subtotal: Money
    tax_total: Money
    total: Money
    taxes: list[TaxTotal]
    lines: list[Sold]
    payments: list[Settled]
    original_id: UUID | None = None


class GivenBack(msgspec.Struct, frozen=True):
    """Stocked goods of one line that came back."""

    sku: str
    quantity: Quantity


@event("order.returned", about="order_id", aliases=("OrderReturned",))
class OrderReturned(Event, frozen=True):
    """A customer brought goods of a sale back to the till; `order_id` is the credit. Told beside `order.completed`, which
    carries its money."""

    order_id: UUID
    original_id: UUID
    entity_id: UUID
    warehouse_id: UUID
    at: datetime
    goods: list[GivenBack]


@event("receipt.sent", about="order_id")
class ReceiptSent(Event, frozen=True):
    """The receipt of a sale was mailed to the customer."""

    order_id: UUID
    number: str


@event("shift.opened", about="shift_id")
class ShiftOpened(Event, frozen=True):
    """A till was opened. `brought` is how much more is in the drawer than was left in it (less, when negative)."""

    shift_id: UUID
    entity_id: UUID
    terminal_id: str
    at: datetime
    opening_float: Money
    brought: Money
    currency: str


@event("shift.cash_moved", about="shift_id")
class CashMoved(Event, frozen=True):
    """Cash was paid into a till (`pay_in`) or out of it (`pay_out`): from or to the safe or bank (`transfer`), or for
    a small `expense`."""

    movement_id: UUID
    shift_id: UUID
    entity_id: UUID
    terminal_id: str
    at: datetime
    kind: str
    purpose: str
    amount: Money
    reason: str
    currency: str


@event("shift.closed", about="shift_id")
class ShiftClosed(Event, frozen=True):
    """A till was counted and closed; this is its Z-report in short. `closing_float` stays in the drawer, the rest of
    what was counted is taken away."""

    shift_id: UUID
    number: str
    entity_id: UUID
    terminal_id: str
    opened_at: datetime
    at: datetime
    sales: int
    returns: int
    total: Money
    tax: Money
    expected: Money
    counted: Money
    difference: Money
    closing_float: Money
    currency: str
