"""Who is asking, and how often they may. The kernel asks the `Access` port; the module that knows users offers it."""

from __future__ import annotations

import time
from collections import OrderedDict
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from entrepot.kernel.ctx import Actor
from entrepot.pure.errors import TooMany
from entrepot.pure.facade import Facade, ask, tell
from entrepot.pure.said import Said

logger = structlog.get_logger("entrepot.access")
MOST_UNREAD = 99


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
    expires_at: datetime | None = None

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


class Opened(msgspec.Struct, frozen=True):
    """A session of a browser: the credential for its cookie, and how many seconds it lasts."""

    credential: str
    lasts: int


class Factor(msgspec.Struct, frozen=True):
    """A second factor: whether the actor has one, and a fresh secret for who wants one, with its address for a QR."""

    held: bool
    secret: str
    uri: str


class PasskeyShown(msgspec.Struct, frozen=True):
    """A passkey of the actor."""

    id: UUID
    name: str
    created_at: datetime
    used_at: datetime | None


class LogIn(Facade, name="log_in"):
    """How a browser gets in and out. Asked in no tenant: the credential that comes back names it."""

    @tell()
    async def open_browser(self, email: str, password: str, tenant: str | None, code: str | None) -> Opened:
        """A session for this address and password; refuses with Unauthenticated, TooMany, or Invalid(field=code)
        where a second factor is missing."""
        raise AssertionError

    @tell()
    async def close(self, credential: str) -> None:
        """End the session of this credential."""
        raise AssertionError

    @tell()
    async def forgot(self, email: str, tenant: str | None) -> None:
        """Mail a link for a new password to who has this address; says nothing about whether anybody does."""
        raise AssertionError

    @tell()
    async def reset(self, token: str, password: str) -> None:
        """Set a new password with the token of that mail; refuses with Invalid what is no longer good."""
        raise AssertionError

    @ask
    async def factor(self) -> Factor:
        """The second factor of the actor, and a secret to set one up with."""
        raise AssertionError

    @tell()
    async def set_factor(self, secret: str, code: str) -> None:
        """Ask for a code at every log-in from now on; refuses with Invalid(field=code) a wrong one."""
        raise AssertionError

    @tell()
    async def drop_factor(self, code: str) -> None:
        """Stop asking for a code; takes one last code."""
        raise AssertionError

    @tell()
    async def choose_pin(self, pin: str | None) -> None:
        """The actor's PIN for the till, or none any more; refuses with Invalid(field=pin) one that is easy to guess."""
        raise AssertionError

    @ask
    async def passkeys(self) -> list[PasskeyShown]:
        """The passkeys of the actor."""
        raise AssertionError

    @ask
    async def passkey_offer(self, site: str) -> str:
        """What a browser needs to make a passkey for the actor at this host name (WebAuthn, JSON)."""
        raise AssertionError

    @tell()
    async def add_passkey(self, site: str, origin: str, challenge: str, answer: str, name: str) -> None:
        """Keep the public half of a passkey; refuses with Invalid an answer that does not prove it."""
        raise AssertionError

    @tell()
    async def drop_passkey(self, passkey_id: UUID) -> None:
        """Forget a passkey of the actor."""
        raise AssertionError

    @ask
    async def passkey_door(self, site: str) -> str:
        """What a browser needs to ask for a passkey (WebAuthn, JSON)."""
        raise AssertionError

    @tell()
    async def open_by_passkey(self, site: str, origin: str, challenge: str, answer: str) -> Opened:
        """A session for the owner of the passkey that answered; refuses with Unauthenticated."""
        raise AssertionError


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a user should know, with the page it is about; `count` says how often it happened."""

    id: UUID
    said: Said
    at: datetime
    path: str
    unread: bool
    count: int = 1


class Notices(Facade, name="notices"):
    """What the bell of the pages shows; offered by the module that keeps notifications, where there is one."""

    @ask
    async def latest(self, limit: int) -> list[Notice]:
        """The newest notices of the actor."""
        raise AssertionError

    @ask
    async def unread(self) -> int:
        """How many the actor has not read; nobody counts beyond `MOST_UNREAD`."""
        raise AssertionError

    @tell()
    async def mark_read(self, notice_id: UUID) -> None:
        """The actor has seen this one."""
        raise AssertionError

    @tell()
    async def mark_all_read(self) -> None:
        """The actor has seen everything there is now."""
        raise AssertionError


class Throttle:
    """So many a minute, smoothly (generic cell rate algorithm): a burst may use the whole minute's share at once.

    `take` counts in this process alone; `count` in what the processes share, where there is something."""

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

    async def count(self, key: str) -> None:
        """Count one among all processes; refuses with TooMany(retry_after=seconds)."""
        self.take(key)

    async def close(self) -> None:
        """Give back what was opened to count together; here that is nothing."""


class SharedThrottle(Throttle):
    """The same, counted in Redis for every process. When Redis cannot be reached each process counts for itself:
    a limit that is too generous for a while is better than an outage."""

    def __init__(self, per_minute: int, redis_url: str, name: str) -> None:
        super().__init__(per_minute)
        from redis.asyncio import Redis

        self.name = name
        self._redis = Redis.from_url(redis_url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._script = self._redis.register_script(_SHARED)
        self._rest_until = 0.0

    async def count(self, key: str) -> None:
        if not self.interval:
            return
        if time.monotonic() < self._rest_until:
            self.take(key)
            return
        from redis.exceptions import RedisError

        try:
            wait = int(await self._script(keys=[f"entrepot:{self.name}:{key}"], args=[self.interval]))
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("throttle.alone", error=repr(error))
            self._rest_until = time.monotonic() + 1.0
            self.take(key)
            return
        if wait:
            raise TooMany("too many requests; try again in {retry_after} seconds", retry_after=wait)

    async def close(self) -> None:
        await self._redis.aclose()


def throttle(per_minute: int, redis_url: str, name: str) -> Throttle:
    """A throttle shared through Redis where the configuration names one."""
    return SharedThrottle(per_minute, redis_url, name) if redis_url else Throttle(per_minute)


# The generic cell rate algorithm once more, by the clock of Redis. The time is kept as whole microseconds, because
# Redis turns the numbers of a script into integers.
_SHARED = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval = math.ceil(tonumber(ARGV[1]) * 1000000)
local free_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + interval
local wait = free_at - now - 60000000
if wait > 0 then return math.max(1, math.ceil(wait / 1000000)) end
redis.call('SET', KEYS[1], string.format('%.0f', free_at), 'PX', math.ceil((free_at - now) / 1000) + 1000)
return 0
"""
