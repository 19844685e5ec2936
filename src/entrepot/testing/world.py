"""Worlds to test in: all modules in one process, or as services on databases of their own, from the same text."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx2
import pytest

from entrepot import assembly
from entrepot.kernel import config as configuration
from entrepot.kernel import postgres
from entrepot.kernel.carriers import direct
from entrepot.kernel.config import Config
from entrepot.kernel.ctx import SYSTEM, Actor, Caller, Ctx
from entrepot.kernel.database import Database, Databases
from entrepot.kernel.house import House
from entrepot.kernel.http import BASE, Web
from entrepot.kernel.log import CHANGED
from entrepot.kernel.module import Catalogue, Module
from entrepot.kernel.topology import Send, sender
from entrepot.kernel.units import unit
from entrepot.pure.encoding import encode
from entrepot.pure.ids import new_id
from entrepot.testing.clock import Clock

PASSWORD = "a sentence nobody guesses"  # noqa: S105 - of users that exist for a test

SERVICES: dict[str, list[str]] = {
    "orders": ["orders"],
    "stock": ["inventory"],
    "money": ["payments", "accounting", "tax"],
    "master": ["catalog", "parties"],
    "base": ["identity", "platform", "documents", "notifications", "audit"],
}
"""The services of the test topology: fewer than in production, but every seam between tiers is crossed."""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL of our own for the session (one per worker); `ENTREPOT_TEST_DATABASE_URL` uses another."""
    given = os.environ.get("ENTREPOT_TEST_DATABASE_URL")
    if given:
        yield given
        return
    home = Path(tempfile.mkdtemp(prefix="entrepot-test-"))
    home.chmod(0o755)
    held = postgres.ensure(home, settings={"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})
    try:
        yield held.server.url
    finally:
        held.stop()
        shutil.rmtree(home, ignore_errors=True)


class Person:
    """Somebody who talks to the API of a world."""

    def __init__(self, world: World, tenant: UUID, headers: dict[str, str]) -> None:
        self.world = world
        self.tenant = tenant
        self.headers = headers

    async def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        content = options.pop("content", None)
        if json is not None:
            content = encode(json)
            headers.setdefault("content-type", "application/json")
        return await self.world.client.request(method, BASE + path, content=content, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        """The data of a GET that must succeed."""
        return self._data(await self.call("GET", path, **options), 200)

    async def post(self, path: str, json: Any = None, *, status: int | None = None, **options: Any) -> Any:
        """The data of a POST that must succeed (with 200 or 201)."""
        return self._data(await self.call("POST", path, json if json is not None else {}, **options), status)

    async def put(self, path: str, json: Any, **options: Any) -> Any:
        return self._data(await self.call("PUT", path, json, **options), 200)

    async def patch(self, path: str, json: Any, **options: Any) -> Any:
        return self._data(await self.call("PATCH", path, json, **options), 200)

    async def refused(self, method: str, path: str, json: Any = None, *, status: int, **options: Any) -> Any:
        """The problem of a call that must be refused with this status."""
        response = await self.call(method, path, json, **options)
        assert response.status_code == status, (response.status_code, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        return response.json()

    @staticmethod
    def _data(response: httpx2.Response, status: int | None) -> Any:
        wanted = (status,) if status else (200, 201)
        assert response.status_code in wanted, (response.status_code, response.text)
        return response.json()["data"]


class World:
    """Houses that together hold every module, and a client that reaches them like a gateway would."""

    def __init__(self, houses: dict[str, tuple[House, Web]], clock: Clock, server: str = "") -> None:
        self.houses = houses
        self.server = server
        self.clock = clock
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self._gateway, raise_app_exceptions=False),
            base_url="http://entrepot.test",
        )
        self.services = len(houses) > 1

    def house_of(self, module: str) -> House:
        for house, _ in self.houses.values():
            if module in house.catalogue.modules:
                return house
        raise LookupError(module)

    def owner(self, module: str = "identity") -> str:
        """The URL of the owner of a module's database, for looking at it and changing it past every policy."""
        name = urlsplit(self.house_of(module).databases.main.url).path.lstrip("/")
        return assembly.with_database(self.server, name)

    def another(self, module: str = "identity", **options: Any) -> House:
        """One more house like that of a module, on the same databases, as a second process would be; not started."""
        house = self.house_of(module)
        modules, elsewhere = list(house.catalogue.modules.values()), list(house.catalogue.elsewhere.values())
        main = house.databases.main
        placed = {tenant: Database(d.url, name=d.name, size=d.size) for tenant, d in house.databases.placed.items()}
        return House(
            house.config,
            Catalogue(modules, elsewhere=elsewhere),
            Databases(Database(main.url, name=main.name, size=main.size), placed),
            **{"name": house.name, "far": house.topology.far, "clock": self.clock, "works": False, **options},
        )

    def unit(self, tenant: UUID, module: str, actor: Actor = SYSTEM, **options: Any) -> Any:
        """A unit in the house of a module, to look into its tables."""
        return unit(self.house_of(module), tenant, actor, **options)

    async def settle(self) -> int:
        """Let every event be handled and every due job run, everywhere, until nothing moves. Returns how many."""
        total = 0
        while True:
            moved = 0
            for house, _ in self.houses.values():
                moved += await house.relay.drain()
                moved += await house.jobs.drain()
            total += moved
            if not moved:
                return total

    async def heard(self) -> None:
        """Wait until every house has been told of all changes so far to what it remembers; the database tells in the
        order of commits, so whatever came before this mark is known with it."""
        for house, _ in self.houses.values():
            mark = new_id()
            house.memory.note(mark, "mark", seconds=60.0)
            async with house.databases.main.connection() as connection:
                await connection.execute("SELECT pg_notify($1, $2)", CHANGED, str(mark))
            async with asyncio.timeout(30):
                while house.memory.noted(mark, "mark"):  # noqa: ASYNC110 - a memory tells nobody what it forgot
                    await asyncio.sleep(0.001)

    async def tenant(
        self, slug: str | None = None, *, permissions: list[str] | None = None, tenant_id: UUID | None = None
    ) -> Person:
        """A new tenant with somebody who may do everything (or what `permissions` say), of which everybody has heard."""
        from entrepot.modules.identity.commands import people, sessions, tenancy

        house = self.house_of("identity")
        slug = slug or f"t{new_id().hex[-12:]}"
        tenant = await tenancy.create_tenant(house, slug, slug.title(), tenant_id=tenant_id)
        async with unit(house, tenant) as ctx:
            ctx.entity_id = await ctx.value("SELECT id FROM identity.business_entity")
            user = await people.create_user(ctx, f"admin@{slug}.test", "Ada Admin", None, ["admin"])
        token = await sessions.open_session(house, Caller(), tenant, user, "access", timedelta(days=30))
        await self.settle()
        await self.heard()
        person = Person(self, tenant, {"authorization": f"Bearer {token.access_token}"})
        return person if permissions is None else await self.colleague(person, permissions)

    async def colleague(self, person: Person, permissions: list[str]) -> Person:
        """Somebody of the same tenant with these permissions only."""
        key = await person.post("/api-keys", {"name": "colleague", "scopes": permissions})
        return Person(self, person.tenant, {"authorization": f"Bearer {key['key']}"})

    async def _gateway(self, scope: Any, receive: Any, send: Any) -> None:
        """What nginx does in production: the house that has the route answers."""
        for _, web in self.houses.values():
            if web.tree.find(scope["path"]) is not None:
                await web(scope, receive, send)
                return
        await next(iter(self.houses.values()))[1](scope, receive, send)

    async def close(self) -> None:
        await self.client.aclose()
        for house, _ in self.houses.values():
            await house.stop()


def test_config(home: Path, **settings: Any) -> Config:
    """Configuration of a world: no limits that a test would meet by accident."""
    return configuration.load(
        {},
        home=str(home),
        **{"secret": "test" * 10, "address_limit": 0, "tenant_limit": 0, "pool": 12, **settings},
    )


test_config.__test__ = False  # type: ignore[attr-defined]


async def one_process(
    server: str,
    home: Path,
    *,
    works: bool = False,
    modules: list[str] | None = None,
    extra: Sequence[Module] = (),
    sql: Sequence[str] = (),
    **settings: Any,
) -> World:
    """Every module in one house on one database; `extra` modules of a test bring their tables as `sql`."""
    clock = Clock()
    config = test_config(home, **settings)
    names = modules or assembly.module_names()
    database = f"w_{new_id().hex[-16:]}"
    url = await clone(config, server, database, names, sql)
    house = House(
        config,
        Catalogue([*assembly.load_modules(names), *extra]),
        Databases(Database(url, size=config.pool)),
        clock=clock,
        works=works,
    )
    web = assembly.web_of(house)
    await house.start()
    return World({"entrepot": (house, web)}, clock, server)


async def as_services(server: str, home: Path, *, works: bool = False, **settings: Any) -> World:
    """The modules spread over services, each with a database of its own, calling each other by signed requests."""
    clock = Clock()
    config = test_config(home, **{"far_timeout": 20.0, **settings})
    existing = set(assembly.module_names())
    plan = {name: [m for m in modules if m in existing] for name, modules in SERVICES.items()}
    placed = {module for modules in plan.values() for module in modules}
    plan["rest"] = sorted(existing - placed)
    plan = {name: modules for name, modules in plan.items() if modules}
    all_modules = {m.name: m for m in assembly.load_modules()}
    houses: dict[str, tuple[House, Web]] = {}
    doors: dict[str, Send] = {}
    letterboxes: dict[str, Send] = {}
    for name, modules in plan.items():
        elsewhere = [m for m in all_modules if m not in modules]
        far = {
            made.facade.facade_name: _door(doors, other)
            for other, theirs in plan.items()
            if other != name
            for m in theirs
            for made in all_modules[m].offers
        }
        url = await clone(config, server, f"s_{name}_{new_id().hex[-12:]}", modules)
        house = House(
            config,
            Catalogue([all_modules[m] for m in modules], elsewhere=[all_modules[m] for m in elsewhere]),
            Databases(Database(url, size=config.pool)),
            name=name,
            far=far,
            clock=clock,
            works=works,
        )
        web = assembly.web_of(house)
        houses[name] = (house, web)
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(web), base_url=f"http://{name}")
        doors[name] = sender(client, f"http://{name}", timeout=config.far_timeout)
        letterboxes[name] = sender(client, f"http://{name}", timeout=config.far_timeout, door="events")
    for name, (house, _) in houses.items():
        direct.attach(house, {other: letterboxes[other] for other in houses if other != name})
    for house, _ in houses.values():
        await house.start()
    return World(houses, clock, server)


def _door(doors: dict[str, Send], name: str) -> Send:
    async def send(body: bytes, headers: dict[str, str]) -> bytes:
        return await doors[name](body, headers)

    return send


_TEMPLATES: dict[tuple[str, ...], str] = {}
_TEMPLATE_LOCK = asyncio.Lock()


async def clone(config: Config, server: str, database: str, modules: list[str], sql: Sequence[str] = ()) -> str:
    """A migrated database, copied from a template that is migrated once per session and set of modules; `sql` is
    run in it by its owner. Returns the URL of the application role."""
    key = (server, *sorted(modules))
    async with _TEMPLATE_LOCK:
        template = _TEMPLATES.get(key)
        if template is None:
            template = f"template_{new_id().hex[-16:]}"
            await assembly.prepare_database(config, server, template, modules)
            _TEMPLATES[key] = template
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY wal_log')
        finally:
            await connection.close()
    if sql:
        owner = await asyncpg.connect(assembly.with_database(server, database))
        try:
            await owner.execute(";\n".join(sql))
        finally:
            await owner.close()
    return await assembly.prepare_database(config, server, database, modules)


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture(scope="session")
async def house_world(server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One process for the whole session; a test is a tenant of its own in it."""
    async with running(await one_process(server, tmp_path_factory.mktemp("home"))) as world:
        yield world


@pytest.fixture(params=["one process", "services"])
async def world(
    request: pytest.FixtureRequest, server: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A journey runs in both topologies: in one process, and as services on separate databases."""
    home = tmp_path_factory.mktemp("home")
    made = await (one_process(server, home) if request.param == "one process" else as_services(server, home))
    async with running(made) as world:
        yield world


@pytest.fixture
async def tenant(house_world: World) -> Person:
    """A fresh tenant of the session's world, and its administrator."""
    return await house_world.tenant()


@pytest.fixture
async def ctx(house_world: World, tenant: Person) -> AsyncIterator[Ctx]:
    """A unit of a fresh tenant that is rolled back in the end."""

    class _Undo(Exception):
        pass

    try:
        async with house_world.unit(tenant.tenant, "identity") as made:
            made.entity_id = await made.value("SELECT id FROM identity.business_entity")
            yield made
            raise _Undo
    except _Undo:
        pass
