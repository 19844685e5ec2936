"""The web: one ASGI application made of the catalogue's routes. With `endpoint.py`, all that knows HTTP."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from entrepot.kernel import facade
from entrepot.kernel.access import Access, Principal, throttle
from entrepot.kernel.ctx import NIL, SYSTEM
from entrepot.kernel.endpoint import Endpoint, invalid
from entrepot.kernel.exchange import (
    AGAIN,
    BASE,
    GONE,
    JSON,
    PROBLEM,
    RETRIES,
    SESSION_COOKIE,
    STATUS,
    Exchange,
    Headers,
    Present,
    Receive,
    Scope,
    Send,
    entity_of,
    problem,
    same_origin,
    tenant_of,
)
from entrepot.kernel.logs import about
from entrepot.kernel.paths import Tree
from entrepot.kernel.units import unit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Denied, NotFound, Refusal, Unauthenticated

if TYPE_CHECKING:
    from entrepot.kernel.house import House

__all__ = [
    "AGAIN",
    "BASE",
    "JSON",
    "PROBLEM",
    "RETRIES",
    "SESSION_COOKIE",
    "STATUS",
    "Exchange",
    "Headers",
    "Web",
    "encode",
    "entity_of",
    "internal_facade",
    "invalid",
    "problem",
    "same_origin",
]

logger = structlog.get_logger("entrepot.http")


class Web:
    """The application of one house: API, internal calls, pages, health."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.prefix = house.config.path_prefix.rstrip("/")
        self.tree = Tree()
        for route in house.catalogue.routes:
            self.tree.add(route.method, BASE + route.path, Endpoint(self, route).__call__)
        self.mounts: dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]] = {}
        self.by_address = throttle(house.config.address_limit, house.config.redis_url, "address")
        self.by_tenant = throttle(house.config.tenant_limit, house.config.redis_url, "tenant")
        self.origins = set(house.config.origins())
        self.present: Present | None = None
        self.trusted = {a.strip() for a in house.config.trusted_proxies.split(",") if a.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if self.prefix and path.startswith(self.prefix):
            path = path[len(self.prefix) :] or "/"
        exchange = Exchange(self, scope, receive, send, path)
        started = time.perf_counter()
        with about(request_id=exchange.request_id, correlation=exchange.caller.correlation):
            try:
                await self._answer(exchange)
            except Refusal as refusal:
                await exchange.refuse(refusal)
            except Exception as error:
                # The driver calls an argument it cannot encode an InterfaceError too; that is our mistake.
                if isinstance(error, GONE) and not isinstance(error, ValueError):
                    logger.error("http.unavailable", path=path, error=repr(error))
                    await exchange.unavailable()
                else:
                    logger.exception("http.failed", path=path)
                    await exchange.failed()
            finally:
                logger.info(
                    "http.request",
                    method=exchange.method,
                    path=path[:500],
                    status=exchange.status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                    address=exchange.address,
                    tenant=str(exchange.principal.tenant_id) if exchange.principal else None,
                )

    async def _answer(self, exchange: Exchange) -> None:
        if (
            exchange.method == "OPTIONS"
            and exchange.header("origin")
            and exchange.header("access-control-request-method")
        ):
            await exchange.send(204, [], b"")
            return
        found = self.tree.find(exchange.path)
        if found is None:
            for start, mounted in self.mounts.items():
                if exchange.path.startswith(start):
                    await self.by_address.count(exchange.address)
                    await mounted(exchange.scope, exchange.receive, exchange.send_raw)
                    return
            await self.by_address.count(exchange.address)
            raise NotFound("there is no {path} here", path=exchange.path[:200])
        methods, values = found
        method = "GET" if exchange.method == "HEAD" and "GET" in methods else exchange.method
        endpoint = methods.get(method)
        if endpoint is None:
            await exchange.not_allowed(sorted({*methods, "HEAD"} if "GET" in methods else methods))
            return
        exchange.values = values
        await endpoint(exchange)

    async def principal(self, exchange: Exchange, credential: str) -> Principal:
        """Whose credential this is, remembered until something changes that decides about it; refuses with
        Unauthenticated what is not valid or has expired."""
        tenant_id = tenant_of(credential)

        async def ask() -> Principal:
            async with unit(self.house, tenant_id, SYSTEM, caller=exchange.caller, read_only=True) as ctx:
                return await ctx.of(Access).authenticate(credential)

        known = await self.house.memory.recall(tenant_id, ("credential", credential), ask)
        if known.expires_at is not None and known.expires_at <= self.house.clock():
            raise Unauthenticated("this credential is not valid or has expired")
        return known

    async def agree(self, exchange: Exchange, principal: Principal) -> None:
        """The tenant named by header or host must be the credential's own, and active."""
        named = exchange.header("x-tenant-id") or self._subdomain(exchange)
        if named and named not in (str(principal.tenant_id), principal.tenant_slug):
            async with unit(self.house, NIL, SYSTEM, caller=exchange.caller, read_only=True) as ctx:
                await ctx.of(Access).tenant(named)
            raise Denied("this credential belongs to another tenant")
        if not principal.tenant_active:
            raise Denied("this tenant is suspended")

    def _subdomain(self, exchange: Exchange) -> str:
        base = self.house.config.base_domain
        host = exchange.header("host").split(":")[0].lower()
        return host[: -len(base) - 1] if base and host.endswith("." + base) else ""


async def internal_facade(exchange: Exchange) -> None:
    """The door for other services of this house."""
    body = await exchange.body()
    facade.verify(
        exchange.house.config.secret,
        body,
        exchange.header("x-entrepot-time"),
        exchange.header("x-entrepot-signature"),
    )
    await exchange.send(200, [(b"content-type", JSON)], await facade.answer(exchange.house, body))


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
