"""What happens to documents."""

from uuid import UUID

from entrepot.pure.events import Event, event


@event("document.generated", about="document_id", aliases=("DocumentGenerated",))
class DocumentGenerated(Event, frozen=True):
    """A document was made from data: a receipt, an invoice."""

    document_id: UUID
    category: str
    entity_type: str
    entity_ref: UUID | None
    name: str


@event("document.attached", about="document_id")
class DocumentAttached(Event, frozen=True):
    """Somebody attached a file."""

    document_id: UUID
    category: str
    entity_type: str
    entity_ref: UUID | None
    name: str
