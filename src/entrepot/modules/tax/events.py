"""What changes in taxes."""

from datetime import date
from uuid import UUID

from entrepot.pure.events import Event, event
from entrepot.pure.money import Rate


@event("tax_rate.changed", about="rate_id")
class TaxRateChanged(Event, frozen=True):
    """A rate will hold from a day on."""

    rate_id: UUID
    country: str
    category: str
    rate: Rate
    valid_from: date
