"""Who is here and who is there: the one place that knows where a module runs."""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import msgspec
import structlog

from entrepot.kernel.facade import Far, Near, WiringError
from entrepot.pure.errors import Conflict
from entrepot.pure.facade import Facade

if TYPE_CHECKING:
    from entrepot.kernel.ctx import Ctx
    from entrepot.kernel.module import Catalogue

F = TypeVar("F", bound=Facade)
Send = Callable[[bytes, dict[str, str]], Awaitable[bytes]]

logger = structlog.get_logger("entrepot.topology")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service: the modules in it, where it listens, and its database."""

    modules: list[str]
    port: int
    host: str = "127.0.0.1"
    database: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A topology file: services by name; a module that none names lives in `rest`."""

    service: dict[str, Service]


def read_plan(file: Path) -> Plan:
    return msgspec.convert(tomllib.loads(file.read_text()), Plan)


class Topology:
    """Finds a facade near, else far. Modules far away are reached through `send`, by the name of their service."""

    def __init__(self, catalogue: Catalogue, *, far: dict[str, Send] | None = None) -> None:
        self.catalogue = catalogue
        self.far = far or {}

    def of(self, ctx: Ctx, facade: type[F]) -> F:
        made = self.catalogue.offers.get(facade)
        if made is not None:
            return cast(F, Near(ctx, made))
        send = self.far.get(facade.facade_name)
        if send is None:
            raise WiringError(f"nobody offers {facade.__name__}, here or elsewhere")
        return cast(F, Far(ctx, facade, send))

    async def undo(self, ctx: Ctx, facade: type[Facade], operation: str, reference: UUID) -> None:
        """Give a hold back. It expires by itself where this cannot be told, so a failure here is only logged."""
        try:
            await getattr(self.of(ctx, facade), operation)(reference)
        except Exception as error:
            logger.warning("undo.failed", facade=facade.facade_name, operation=operation, error=repr(error))


def sender(client: Any, url: str, *, timeout: float, door: str = "facade") -> Send:
    """Calls to one door (`facade` or `events`) of a service by HTTP.

    A neighbour that cannot be reached is a Conflict the caller can read, not a 5xx."""
    import httpx2

    async def send(body: bytes, headers: dict[str, str]) -> bytes:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout):
                response = await client.post(f"{url}/internal/{door}", content=body, headers=headers)
        except (TimeoutError, OSError, httpx2.HTTPError) as error:
            logger.warning("neighbour.unreachable", url=url, door=door, error=repr(error))
            raise Conflict("a part of the system cannot be reached; nothing was done", retry=True) from error
        took = round((time.perf_counter() - started) * 1000, 1)
        logger.info("neighbour.called", url=url, door=door, status=response.status_code, ms=took)
        if response.status_code != 200:
            raise Conflict("a part of the system failed; nothing was done", retry=True)
        return bytes(response.content)

    return send
