"""A running process: catalogue, databases, topology, relay, jobs, files and the web, started and stopped together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from entrepot.kernel.config import Config
from entrepot.kernel.counters import Counters
from entrepot.kernel.ctx import utc_now
from entrepot.kernel.database import Database, Databases
from entrepot.kernel.facade import WiringError
from entrepot.kernel.fields import Fields
from entrepot.kernel.files import Files, Mailbox, open_files
from entrepot.kernel.jobs import Jobs
from entrepot.kernel.log import Log
from entrepot.kernel.memory import Memory
from entrepot.kernel.metrics import Metrics
from entrepot.kernel.module import Catalogue
from entrepot.kernel.relay import Relay
from entrepot.kernel.settings import Settings
from entrepot.kernel.topology import Send, Topology


class Carrier(Protocol):
    """Brings events of other services here, and ours to them, for as long as the house stands."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class House:
    """Everything one process has. Tests make several in one process; nothing here is global."""

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        databases: Databases,
        *,
        name: str = "entrepot",
        far: dict[str, Send] | None = None,
        clock: Callable[[], datetime] = utc_now,
        works: bool = True,
    ) -> None:
        self.config = config
        self.catalogue = catalogue
        self.databases = databases
        self.name = name
        self.clock = clock
        self.works = works
        self.metrics = Metrics()
        self.topology = Topology(catalogue, far=far)
        self.log = Log(name)
        self.settings = Settings(catalogue)
        self.fields = Fields()
        self.memory = Memory()
        self._counters: dict[str, Counters] = {}
        self.mail = Mailbox(config)
        self.relay = Relay(self, catalogue.reactions, workers=works)
        self.jobs = Jobs(self)
        self._files: Files | None = None
        self.carriers: list[Carrier] = []
        self.closing: list[Callable[[], Awaitable[None]]] = []

    @property
    def files(self) -> Files:
        if self._files is None:
            self._files = open_files(self.config)
        return self._files

    async def start(self) -> None:
        """Open the databases, register the subscriptions and, where this process works, serve events and jobs."""
        await self.databases.open()
        for carrier in self.carriers:
            await carrier.start()
        await self.relay.start()
        if self.works:
            await self.jobs.start()
        for module in self.catalogue.modules:
            self.metrics.health.labels(module).set(1)
            self.metrics.dependencies.labels(module, "database").set(1)

    async def stop(self) -> None:
        """End in order: no new work, running work finished, connections closed."""
        await self.jobs.stop()
        await self.relay.stop()
        for carrier in self.carriers:
            await carrier.stop()
        for counters in self._counters.values():
            await counters.close()
        await self.databases.close()
        for close in self.closing:
            await close()

    def counters(self, database: Database) -> Counters:
        """Who gives out the numbers of a database that may leave gaps."""
        found = self._counters.get(database.name)
        if found is None:
            found = self._counters[database.name] = Counters(database)
        return found

    def job_name(self, function: Callable[..., Awaitable[Any]]) -> str:
        """The name of a declared job; raises WiringError for a function that no manifest lists under `jobs`."""
        name = self.catalogue.job_names.get(function)
        if name is None:
            raise WiringError(f"{function.__name__} is no job of any manifest")
        return name

    def forget(self, tenant_id: UUID | None) -> None:
        """Forget what was remembered of a tenant, or of all: somebody changed settings, fields, rights or the like."""
        self.memory.forget(tenant_id)
