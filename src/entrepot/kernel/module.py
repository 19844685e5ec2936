"""A module in one value, and the catalogue of all of them: every check of the wiring happens at start."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from entrepot.kernel import db, holds, obstacles, replay, status, upkeep
from entrepot.kernel.commands import Command, describe, is_command
from entrepot.kernel.facade import Offer, WiringError
from entrepot.kernel.lists import Listing
from entrepot.kernel.relay import Reaction, reactions_of, resolved
from entrepot.kernel.routes import Route
from entrepot.pure.events import Event
from entrepot.pure.facade import Facade
from entrepot.pure.states import Machine, Move

KERNEL_EVENTS: tuple[type[Event], ...] = (*status.EVENTS, *holds.EVENTS, *replay.EVENTS)


@dataclass(frozen=True)
class Stateful:
    """A machine and the table whose column it governs; `label` is the column that names an entity to people."""

    machine: Machine[Any]
    table: type[db.Table]
    column: str = "state"
    label: str = "id"
    moves: dict[str, Callable[..., Awaitable[Any]]] = field(default_factory=dict)

    def open_to(self, move: Move[Any]) -> bool:
        """Whether the universal status change can take this step: by its command, or by hand."""
        return move.by_hand or move.name in self.moves


@dataclass(frozen=True)
class Schedule:
    """A function run for every tenant at the times of a cron line (UTC)."""

    cron: str
    function: Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Setting:
    """A setting with its type, default and the levels at which it may be given."""

    key: str
    kind: type
    default: Any
    title: str
    category: str = "general"
    levels: tuple[str, ...] = ("tenant", "entity", "user")
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Series:
    """A number series a module uses: how its numbers look unless the tenant says otherwise. What the law wants without
    gaps (invoices, credit notes, journal entries) stays `gapless`; other numbers are unique and increasing only."""

    document_type: str
    pattern: str
    padding: int = 5
    yearly: bool = True
    gapless: bool = True


@dataclass(frozen=True)
class Report:
    """A report by name: `entrepot report NAME` and its page."""

    name: str
    title: str
    needs: str
    read: Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Module:
    """What a module is made of. Its manifest builds exactly one."""

    name: str
    tier: int
    title: str
    permissions: dict[str, str] = field(default_factory=dict)
    tables: ModuleType | None = None
    events: ModuleType | None = None
    commands: ModuleType | None = None
    queries: ModuleType | None = None
    reactions: ModuleType | None = None
    routes: Sequence[Route] = ()
    offers: Sequence[Offer] = ()
    machines: Sequence[Stateful] = ()
    records: Sequence[Any] = ()
    pages: Sequence[Any] = ()
    schedules: Sequence[Schedule] = ()
    settings: Sequence[Setting] = ()
    series: Sequence[Series] = ()
    reports: Sequence[Report] = ()
    importers: dict[str, Callable[..., Awaitable[Any]]] = field(default_factory=dict)
    checks: Sequence[Callable[..., Awaitable[list[str]]]] = ()
    documents: dict[str, Any] = field(default_factory=dict)
    jobs: Sequence[Callable[..., Awaitable[Any]]] = ()
    seed: Callable[..., Awaitable[Any]] | None = None
    obstacles: dict[str, obstacles.Finder] = field(default_factory=dict)
    doc: str = ""

    def __post_init__(self) -> None:
        # Whatever a module is about, one can ask it what is in the way.
        object.__setattr__(self, "offers", (*self.offers, obstacles.offered(self)))

    def table_classes(self) -> list[type[db.Table]]:
        return [t for t in db.TABLES if t.table.schema == self.name]

    def event_classes(self) -> list[type[Event]]:
        found = members(self.events, lambda v: isinstance(v, type) and issubclass(v, Event) and bool(v.event_name))
        return [*found, *(kind for record in self.records for kind in record.events())]

    def command_list(self) -> list[Command]:
        return [describe(f) for f in members(self.commands, is_command)]

    def reaction_list(self) -> list[Reaction]:
        return [r for room in rooms(self.reactions) for r in reactions_of(self.name, room)]

    def all_routes(self) -> list[Route]:
        return [*self.routes, *(route for record in self.records for route in record.routes())]

    def all_permissions(self) -> dict[str, str]:
        found = dict(self.permissions)
        for record in self.records:
            found.update(record.permissions())
        return found


def rooms(room: ModuleType | None) -> list[ModuleType]:
    """A room, or the files of a room that became a package."""
    if room is None:
        return []
    found = [room]
    if hasattr(room, "__path__"):
        found += [
            importlib.import_module(f"{room.__name__}.{info.name}") for info in pkgutil.iter_modules(room.__path__)
        ]
    return found


def members(room: ModuleType | None, wanted: Callable[[Any], bool]) -> list[Any]:
    """What a room defines itself (not what it imports), in order of name."""
    return [
        value
        for part in rooms(room)
        for _, value in sorted(vars(part).items())
        if getattr(value, "__module__", None) == part.__name__ and wanted(value)
    ]


class Catalogue:
    """All modules of this process. Refuses to exist when they do not fit together."""

    def __init__(self, modules: Sequence[Module], *, elsewhere: Sequence[Module] = ()) -> None:
        self.modules = {module.name: module for module in modules}
        self.elsewhere = {module.name: module for module in elsewhere}
        everything = [*modules, *elsewhere]
        self.offers: dict[type[Facade], Offer] = {}
        for module in modules:
            for made in module.offers:
                if made.facade in self.offers:
                    raise WiringError(f"{made.facade.__name__} is offered twice")
                self.offers[made.facade] = made
        self.offers_by_name = {facade.facade_name: made for facade, made in self.offers.items()}
        self.events: dict[str, type[Event]] = {}
        self.aliases: dict[str, str] = {}
        for kinds in (KERNEL_EVENTS, *(module.event_classes() for module in everything)):
            for kind in kinds:
                if kind.event_name in self.events:
                    raise WiringError(f"two events are called {kind.event_name}")
                self.events[kind.event_name] = kind
                self.aliases.update(dict.fromkeys(kind.event_aliases, kind.event_name))
        self.permissions = {p: text for module in everything for p, text in module.all_permissions().items()}
        self.machines: dict[str, Stateful] = {}
        for module in modules:
            for stateful in module.machines:
                self.machines[stateful.machine.entity] = stateful
        self.routes = [route for module in modules for route in module.all_routes()]
        self.reactions = [
            resolved(reaction, self.events, self.aliases) for module in modules for reaction in module.reaction_list()
        ]
        self.settings = {s.key: s for module in everything for s in module.settings}
        self.series = {s.document_type: s for module in everything for s in module.series}
        self.reports = {r.name: r for module in modules for r in module.reports}
        self.jobs: dict[str, Callable[..., Awaitable[Any]]] = {}
        self.schedules: dict[str, str] = {}
        for line, upkeeping in upkeep.SCHEDULES:
            self._job("kernel", upkeeping, line)
        for module in modules:
            for function in module.jobs:
                self._job(module.name, function)
            for schedule in module.schedules:
                self._job(module.name, schedule.function, schedule.cron)
        self.job_names = {function: name for name, function in self.jobs.items()}
        self.check()

    def check(self) -> None:
        """Raises WiringError at the first thing that does not fit."""
        for module in self.modules.values():
            for permission in module.all_permissions():
                if "." not in permission:
                    raise WiringError(f"permission {permission} of {module.name} is not dotted")
            for command in module.command_list():
                self._known_permission(command.needs, f"{module.name}.{command.name}")
            for reaction in module.reaction_list():
                for name in reaction.events:
                    if name not in self.events:
                        raise WiringError(f"{reaction.name} hears {name}, which nobody tells")
            for stateful in module.machines:
                if stateful.column not in stateful.table.table.c:
                    raise WiringError(f"{stateful.table.__name__} has no column {stateful.column}")
                for move in stateful.machine.moves:
                    self._known_permission(move.needs, f"{stateful.machine.entity}.{move.name}")
        seen: set[tuple[str, str]] = set()
        for route in self.routes:
            key = (route.method, route.path)
            if key in seen:
                raise WiringError(f"two routes answer {route.method} {route.path}")
            seen.add(key)
            if not route.public:
                self._known_permission(route.needs, f"{route.method} {route.path}")
            if isinstance(route.target, Listing) and not route.target.sortable(
                route.target.sort.lstrip("-").split(",")[0]
            ):
                raise WiringError(f"{route.path} is sorted by {route.target.sort}, which cannot be")

    def _job(self, module: str, function: Callable[..., Awaitable[Any]], cron: str | None = None) -> None:
        name = f"{module}.{function.__name__}"
        if self.jobs.setdefault(name, function) is not function:
            raise WiringError(f"two jobs are called {name}")
        if cron is not None:
            self.schedules[name] = cron

    def _known_permission(self, permission: str, where: str) -> None:
        if permission != "any" and permission not in self.permissions:
            raise WiringError(f"{where} needs the permission {permission!r}, which no manifest declares")
