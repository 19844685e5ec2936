"""What happens to customers and suppliers."""

from uuid import UUID

from entrepot.pure.events import Event, event


@event("customer.created", about="customer_id", aliases=("CustomerCreated",))
class CustomerCreated(Event, frozen=True):
    """There is a new customer."""

    customer_id: UUID
    name: str
    email: str | None
    type: str


@event("customer.updated", about="customer_id", aliases=("CustomerUpdated",))
class CustomerUpdated(Event, frozen=True):
    """These fields of a customer changed."""

    customer_id: UUID
    fields: list[str]


@event("customer.suspended", about="customer_id", aliases=("CustomerSuspended",))
class CustomerSuspended(Event, frozen=True):
    """Nothing is sold to them until they are active again."""

    customer_id: UUID
    reason: str


@event("customer.activated", about="customer_id")
class CustomerActivated(Event, frozen=True):
    """A suspended customer may buy again."""

    customer_id: UUID
