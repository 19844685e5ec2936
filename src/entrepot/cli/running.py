"""Opening a house from the command line: PostgreSQL found or started, the house built, everything closed in the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from rich.console import Console

from entrepot import assembly
from entrepot.kernel import config as configuration
from entrepot.kernel import postgres
from entrepot.kernel.access import Access
from entrepot.kernel.config import Config, ConfigError
from entrepot.kernel.ctx import NIL, SYSTEM
from entrepot.kernel.facade import WiringError
from entrepot.kernel.house import House
from entrepot.kernel.postgres import PostgresError
from entrepot.kernel.topology import read_plan
from entrepot.kernel.units import unit
from entrepot.pure.errors import Invalid, Refusal

T = TypeVar("T")
err = Console(stderr=True)
out = Console()

FAILED, REFUSED, INTERRUPTED = 1, 2, 130


def settings(**overrides: Any) -> Config:
    """The configuration of this command."""
    return configuration.with_secret(configuration.load(**overrides))


def of_service(config: Config, port: int | None) -> Config:
    """The configuration of one service: its port is the topology's unless the command line says otherwise."""
    if not config.topology:
        return config
    plan = read_plan(Path(config.topology))
    if config.service not in plan.service:
        raise ConfigError(
            f"{config.topology} has no service {config.service!r}; it has {', '.join(sorted(plan.service))}"
        )
    return config if port is not None else msgspec.structs.replace(config, port=plan.service[config.service].port)


def bootstrap(config: Config, *, share: bool = True) -> postgres.Postgres:
    """PostgreSQL for this home: the one given, the one running, or one of our own."""
    config.folder.mkdir(parents=True, exist_ok=True)
    return postgres.ensure(
        config.folder,
        url=config.database_url or None,
        binaries=Path(config.postgres_binaries) if config.postgres_binaries else None,
        share=share,
    )


@asynccontextmanager
async def opened(config: Config, url: str, *, works: bool = False) -> AsyncIterator[House]:
    """A house for one command: it answers no requests and, unless asked, works off no events."""
    house = await assembly.build_house(config, url, works=works)
    await house.start()
    settle_down(for_long=False)
    try:
        yield house
    finally:
        await house.stop()


def run(command: Callable[[House], Awaitable[T]], config: Config | None = None) -> T:
    """Run a command in a house; what goes wrong is one sentence and an exit code."""
    config = config or settings()
    with bootstrap(config) as server:

        async def inside() -> T:
            async with opened(config, server.server.url) as house:
                return await command(house)

        return execute(inside())


def execute(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; Ctrl-C interrupts it cleanly."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(coroutine)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop of libuv, where there is one for this system."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


def settle_down(*, for_long: bool = True) -> None:
    """What was made at the start stays for good: the garbage collector need not look through it again and again, while
    requests wait. What requests make is mostly gone without it, so it looks more rarely. A process that stays for long
    throws away first what nobody needs of its start."""
    if for_long:
        gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def guarded(function: Callable[..., T]) -> Callable[..., T]:
    """Turn refusals and interruptions of a command into messages and exit codes."""
    from functools import wraps

    @wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> T:
        try:
            return function(*arguments, **named)
        except KeyboardInterrupt:
            err.print("interrupted; what was finished stays, start again to go on", style="yellow")
            sys.exit(INTERRUPTED)
        except Refusal as refusal:
            err.print(str(refusal), style="red")
            for wrong in _fields(refusal):
                err.print(f"  {wrong['field']}: {wrong['problem']}")
            sys.exit(REFUSED)
        except (ConfigError, PostgresError, WiringError, FileNotFoundError, PermissionError) as error:
            err.print(str(error), style="red")
            sys.exit(FAILED)

    return wrapped


def _fields(refusal: Refusal) -> list[dict[str, str]]:
    return refusal.problems() if isinstance(refusal, Invalid) else []


async def tenant_of(house: House, name: str | None) -> UUID:
    """The tenant with this slug or id; the only one, or the demo, when none is named."""
    async with unit(house, NIL, SYSTEM, read_only=True) as ctx:
        access = ctx.of(Access)
        if name is not None:
            return (await access.tenant(name)).id
        tenants = await access.tenants()
        if len(tenants) == 1:
            return tenants[0]
        return (await access.tenant("demo")).id


async def entity_of(house: House, tenant: UUID, code: str | None) -> UUID:
    """The business entity with this code, or the tenant's default."""
    from entrepot.modules.identity.queries import default_entity, entity_by_code

    async with unit(house, tenant, SYSTEM, read_only=True) as ctx:
        return await (entity_by_code(ctx, code) if code else default_entity(ctx))
