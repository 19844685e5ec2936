"""What happens to payments."""

from uuid import UUID

from entrepot.pure.events import Event, event
from entrepot.pure.money import Money


@event("payment.processed", about="reference_id", aliases=("PaymentProcessed", "PaymentReceived"))
class PaymentProcessed(Event, frozen=True):
    """Money came in."""

    payment_id: UUID
    reference_type: str
    reference_id: UUID
    method: str
    amount: Money
    currency: str


@event("payment.voided", about="reference_id")
class PaymentVoided(Event, frozen=True):
    """A payment turned out not to have been one."""

    payment_id: UUID
    reference_type: str
    reference_id: UUID
    method: str
    amount: Money
    currency: str
