"""What happens to tenants, people and keys."""

from uuid import UUID

from entrepot.pure.events import Event, event


@event("tenant.created", about="tenant_id")
class TenantCreated(Event, frozen=True):
    """A tenant exists, with its first business entity and somebody who will administer it."""

    tenant_id: UUID
    slug: str
    name: str


@event("tenant.suspended", about="tenant_id")
class TenantSuspended(Event, frozen=True):
    """Nobody of this tenant gets in until it is active again."""

    tenant_id: UUID
    reason: str


@event("tenant.activated", about="tenant_id")
class TenantActivated(Event, frozen=True):
    """A suspended tenant is active again."""

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
    """Somebody can be given a password and log in."""

    user_id: UUID
    email: str
    name: str


@event("user.changed", about="user_id")
class UserChanged(Event, frozen=True):
    """Some fields of a user changed; `fields` names them, not their values."""

    user_id: UUID
    fields: list[str]


@event("user.logged_in", about="user_id")
class UserLoggedIn(Event, frozen=True):
    """Somebody proved who they are and got a session; `kind` is access, browser or till."""

    user_id: UUID
    kind: str


@event("api_key.created", about="key_id")
class ApiKeyCreated(Event, frozen=True):
    """A program got a key with these permissions."""

    key_id: UUID
    name: str
    scopes: list[str]


@event("api_key.revoked", about="key_id")
class ApiKeyRevoked(Event, frozen=True):
    """A key ended."""

    key_id: UUID
