"""What happens in trials."""

from decimal import Decimal
from uuid import UUID

from entrepot.pure.events import Event, event


@event("thing.made", about="thing_id", aliases=("ThingMade",))
class ThingMade(Event, frozen=True):
    thing_id: UUID
    name: str
    amount: Decimal = Decimal(0)


@event("thing.poked", about="thing_id")
class ThingPoked(Event, frozen=True):
    thing_id: UUID
    number: int


@event("thing.batched", about="thing_id")
class ThingBatched(Event, frozen=True):
    thing_id: UUID
    number: int


@event("thing.echoed", about="thing_id")
class ThingEchoed(Event, frozen=True):
    thing_id: UUID
    number: int


@event("thing.unheard", about="thing_id")
class ThingUnheard(Event, frozen=True):
    thing_id: UUID
