"""What changes in how a tenant arranged things."""

from typing import Any
from uuid import UUID

from entrepot.pure.events import Event, event


@event("setting.changed", about="key")
class SettingChanged(Event, frozen=True):
    """A setting got a value at a level, or lost it (`value` is null)."""

    key: str
    level: str
    owner_id: UUID
    value: Any


@event("field.added", about="object", aliases=("FieldAdded", "SchemaChanged"))
class FieldAdded(Event, frozen=True):
    """A kind of object has one more field of the tenant's own."""

    object: str
    name: str
    kind: str


@event("object.created", about="code", aliases=("ObjectCreated",))
class ObjectCreated(Event, frozen=True):
    """The tenant made a kind of object of its own."""

    code: str


@event("layout.updated", about="object", aliases=("LayoutUpdated",))
class LayoutUpdated(Event, frozen=True):
    """A page of a kind of object shows its fields in another way."""

    object: str
    page: str


@event("number_series.defined", about="document_type")
class NumberSeriesDefined(Event, frozen=True):
    """The numbers of a document type look different from here on."""

    document_type: str
    entity_id: UUID
    pattern: str
    year: int
