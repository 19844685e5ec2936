"""What changes in how a tenant arranged things."""

from typing import Any
from uuid import UUID

from entrepot.pure.events import Event, event


@event("setting.changed", about="key")
class SettingChanged(Event, frozen=True):
    key: str
    level: str
    owner_id: UUID
    value: Any


@event("field.added", about="object", aliases=("FieldAdded", "SchemaChanged"))
class FieldAdded(Event, frozen=True):
    object: str
    name: str
    kind: str


@event("object.created", about="code", aliases=("ObjectCreated",))
class ObjectCreated(Event, frozen=True):
    code: str


@event("layout.updated", about="object", aliases=("LayoutUpdated",))
class LayoutUpdated(Event, frozen=True):
    object: str
    page: str


@event("number_series.defined", about="document_type")
class NumberSeriesDefined(Event, frozen=True):
    document_type: str
    entity_id: UUID
    pattern: str
    year: int
