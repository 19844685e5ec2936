"""Who is asking, and how often they may. The kernel asks the `Access` port; the module that knows users offers it."""

from __future__ import annotations

import time
from collections import OrderedDict
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Actor
from entrepot.pure.errors import TooMany
from entrepot.pure.facade import Facade, ask


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A proven identity: the tenant it belongs to and what it may do there."""

    tenant_id: UUID
    tenant_slug: str
    tenant_active: bool
    actor_id: UUID
    name: str
    kind: str
    permissions: list[str]
    locale: str
    default_entity: UUID
    entities: dict[str, UUID]
    session_id: UUID | None = None

    def actor(self) -> Actor:
        return Actor(
            id=self.actor_id,
            name=self.name,
            kind=self.kind,
            permissions=frozenset(self.permissions),
            locale=self.locale,
        )


class TenantFound(msgspec.Struct, frozen=True):
    """A tenant by its name in a host name or header."""

    id: UUID
    slug: str
    active: bool


class Access(Facade, name="access"):
    """What the kernel must know about tenants and credentials."""

    @ask
    async def authenticate(self, credential: str) -> Principal:
        """Whose credential is this? Refuses with Unauthenticated."""
        raise AssertionError

    @ask
    async def tenant(self, name: str) -> TenantFound:
        """The tenant with this id or slug; refuses with NotFound."""
        raise AssertionError

    @ask
    async def tenants(self) -> list[UUID]:
        """Every active tenant, for schedules."""
        raise AssertionError


class Throttle:
    """So many a minute, smoothly (generic cell rate algorithm): a burst may use the whole minute's share at once.

    Kept in this process. Behind several processes each lets its share through; the shared counter of the
    distributed shape replaces it."""

    def __init__(self, per_minute: int, *, remembered: int = 100_000) -> None:
        self.interval = 60.0 / per_minute if per_minute else 0.0
        self.remembered = remembered
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, cost: float = 1.0) -> None:
        """Count one; refuses with TooMany(retry_after=seconds)."""
        if not self.interval:
            return
        now = time.monotonic()
        free_at = max(self._free_at.get(key, now), now) + self.interval * cost
        if free_at - now > 60.0 + 1e-6:
            wait = max(1, int(free_at - now - 60.0 + 0.999))
            raise TooMany("too many requests; try again in {retry_after} seconds", retry_after=wait)
        self._free_at[key] = free_at
        self._free_at.move_to_end(key)
        while len(self._free_at) > self.remembered:
            self._free_at.popitem(last=False)


class PrincipalCache:
    """Remembers proven credentials for a few seconds, so that not every request asks. Forgetting is immediate here
    and at most `seconds` late in other processes."""

    def __init__(self, seconds: float = 5.0, size: int = 10_000) -> None:
        self.seconds = seconds
        self.size = size
        self._known: OrderedDict[str, tuple[float, Principal]] = OrderedDict()

    def get(self, credential: str) -> Principal | None:
        found = self._known.get(credential)
        if found is None or found[0] < time.monotonic():
            return None
        return found[1]

    def keep(self, credential: str, principal: Principal) -> None:
        self._known[credential] = (time.monotonic() + self.seconds, principal)
        if len(self._known) > self.size:
            self._known.popitem(last=False)

    def forget(self) -> None:
        self._known.clear()
