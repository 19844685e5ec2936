"""Puts a house together: configuration, modules, topology, databases. The only place that imports manifests."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit
from uuid import UUID

import asyncpg

import entrepot.modules
from entrepot.kernel import logs, migrate
from entrepot.kernel.carriers import direct
from entrepot.kernel.config import Config
from entrepot.kernel.ctx import utc_now
from entrepot.kernel.database import Database, Databases
from entrepot.kernel.house import House
from entrepot.kernel.module import Catalogue, Module
from entrepot.kernel.topology import Plan, Send, read_plan, sender

if TYPE_CHECKING:
    from entrepot.kernel.http import Web

CARRY_TIMEOUT = 15.0  # seconds; a batch of events is in no hurry, and a repeat costs more than waiting


def module_names() -> list[str]:
    """The folders under `modules`, by name."""
    return sorted(info.name for info in pkgutil.iter_modules(entrepot.modules.__path__))


def load_modules(names: Iterable[str] | None = None) -> list[Module]:
    """The manifests of these modules, or of all."""
    return [
        importlib.import_module(f"entrepot.modules.{name}.manifest").module
        for name in (module_names() if names is None else names)
    ]


def with_database(url: str, name: str, *, login: str | None = None, password: str | None = None) -> str:
    """The same server, another database (and login)."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if login is not None:
        host = netloc.rsplit("@", 1)[-1] if "@" in netloc else ("" if netloc == "postgres" else netloc)
        secret = f":{quote(password, safe='')}" if password else ""
        netloc = f"{login}{secret}@{host}"
    return urlunsplit((parts.scheme, netloc, f"/{name}", parts.query, ""))


async def prepare_database(
    config: Config,
    bootstrap_url: str,
    name: str,
    modules: Sequence[str],
    *,
    told: Callable[[str], None] = lambda _: None,
) -> str:
    """Make and migrate a database; returns the URL of the application role in it."""
    login = f"{name}_login"
    # Over a socket that only we can reach there is nothing to prove; on a server of somebody else's there is.
    local = "host" in dict(parse_qsl(urlsplit(bootstrap_url).query)) and not urlsplit(bootstrap_url).password
    password = None if local else config.secret[:32]
    await migrate.prepare(bootstrap_url, name, login=login, password=password)
    owner = with_database(bootstrap_url, name)
    await migrate.upgrade(owner, modules, told=told)
    return with_database(bootstrap_url, name, login=login, password=password)


async def placements(url: str, bootstrap_url: str, config: Config) -> dict[UUID, Database]:
    """Tenants that have a database of their own, by the directory."""
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT to_regclass('identity.tenant')"):
            return {}
        async with connection.transaction():
            await connection.execute("SET LOCAL ROLE entrepot_system")
            rows = await connection.fetch("SELECT id, database FROM identity.tenant WHERE database IS NOT NULL")
    finally:
        await connection.close()
    placed = {}
    for row in rows:
        own = await prepare_database(config, bootstrap_url, row["database"], module_names())
        placed[row["id"]] = Database(own, name=row["database"], size=config.pool)
    return placed


async def place_tenant(house: House, bootstrap_url: str, tenant_id: UUID, name: str) -> None:
    """Give a tenant that is about to be created a database of its own."""
    url = await prepare_database(house.config, bootstrap_url, name, module_names())
    database = Database(url, name=name, size=house.config.pool)
    await database.open()
    house.databases.placed[tenant_id] = database
    await house.relay.take_up(database)
    if house.works:
        house.jobs.take_up(database)


async def build(
    config: Config,
    bootstrap_url: str,
    *,
    clock: Callable[[], datetime] = utc_now,
    works: bool = True,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[House, Web]:
    """One process with every module, or the one service of the topology that the configuration names."""
    house = await build_house(config, bootstrap_url, clock=clock, works=works, told=told)
    return house, web_of(house)


async def build_house(
    config: Config,
    bootstrap_url: str,
    *,
    clock: Callable[[], datetime] = utc_now,
    works: bool = True,
    told: Callable[[str], None] = lambda _: None,
) -> House:
    """What `build` builds, for who answers no requests."""
    logs.configure(config)
    everything = module_names()
    far: dict[str, Send] = {}
    here, database = everything, config.database_name
    plan: Plan | None = read_plan(Path(config.topology)) if config.topology else None
    if plan is not None:
        mine = plan.service[config.service]
        here, database = (
            [name for name in everything if name in mine.modules],
            mine.database or config.database_name,
        )
    modules = load_modules(here)
    elsewhere = load_modules([name for name in everything if name not in here])
    if plan is not None:
        far = far_senders(plan, elsewhere, timeout=config.far_timeout)
    url = await prepare_database(config, bootstrap_url, database, here, told=told)
    placed = await placements(url, bootstrap_url, config) if "identity" in here else {}
    databases = Databases(Database(url, size=config.pool), placed)
    house = House(
        config,
        Catalogue(modules, elsewhere=elsewhere),
        databases,
        name=config.service or "entrepot",
        far=far,
        clock=clock,
        works=works,
    )
    if plan is not None:
        carry(house, plan, config)
    return house


def carry(house: House, plan: Plan, config: Config) -> None:
    """Let events travel between this service and the others: by the broker where there is one, else directly."""
    if config.broker_url:
        from entrepot.kernel.carriers import rabbit

        rabbit.attach(house, {name: sorted(heard(service.modules)) for name, service in plan.service.items()})
        return
    import httpx2

    client = httpx2.AsyncClient(timeout=CARRY_TIMEOUT)
    others = {name: service for name, service in plan.service.items() if name != config.service}
    direct.attach(
        house,
        {
            name: sender(client, service.url, timeout=CARRY_TIMEOUT, door="events")
            for name, service in others.items()
            if heard(service.modules)
        },
    )


def heard(modules: Sequence[str]) -> set[str]:
    """The names of the events that these modules react to."""
    everything = Catalogue(load_modules(modules), elsewhere=load_modules(set(module_names()) - set(modules)))
    return {name for reaction in everything.reactions for name in reaction.events}


def web_of(house: House) -> Web:
    """The web application of a house, with everything that is mounted beside the API. A command that answers no requests
    does not load what draws pages."""
    from entrepot.kernel import pages
    from entrepot.kernel.http import Web

    web = Web(house)
    house.closing += [web.by_address.close, web.by_tenant.close]
    pages.mount(web)
    return web


def far_senders(plan: Plan, elsewhere: Sequence[Module], *, timeout: float) -> dict[str, Send]:
    """How to reach every facade that is offered in another service."""
    import httpx2

    client = httpx2.AsyncClient(timeout=timeout)
    far: dict[str, Send] = {}
    for module in elsewhere:
        place = next((service for service in plan.service.values() if module.name in service.modules), None)
        if place is not None:
            far.update({made.facade.facade_name: sender(client, place.url, timeout=timeout) for made in module.offers})
    return far
