"""What happens to tenants, people and keys."""

from uuid import UUID

from entrepot.pure.events import Event, event


@event("tenant.created", about="tenant_id")
class TenantCreated(Event, frozen=True):
    tenant_id: UUID
    slug: str
    name: str


@event("tenant.suspended", about="tenant_id")
class TenantSuspended(Event, frozen=True):
    tenant_id: UUID
    reason: str


@event("tenant.activated", about="tenant_id")
class TenantActivated(Event, frozen=True):
    tenant_id: UUID


@event("entity.created", about="entity_id")
class EntityCreated(Event, frozen=True):
    """A business entity exists: its chart, periods and numbers can be set up."""

    entity_id: UUID
    code: str
    name: str
    country: str
    currency: str


@event("user.created", about="user_id")
class UserCreated(Event, frozen=True):
    user_id: UUID
    email: str
    name: str


@event("user.changed", about="user_id")
class UserChanged(Event, frozen=True):
    user_id: UUID
    fields: list[str]


@event("user.logged_in", about="user_id")
class UserLoggedIn(Event, frozen=True):
    user_id: UUID
    kind: str


@event("api_key.created", about="key_id")
class ApiKeyCreated(Event, frozen=True):
    key_id: UUID
    name: str
    scopes: list[str]


@event("api_key.revoked", about="key_id")
class ApiKeyRevoked(Event, frozen=True):
    key_id: UUID
