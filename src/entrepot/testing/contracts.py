"""Import contracts of our own for import-linter: rooms, doors and tiers. They read the modules, so a new one is bound by
them without being named anywhere."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output

MODULES = "entrepot.modules"
FLOORS: tuple[tuple[str, ...], ...] = (
    ("contract",),
    ("events",),
    ("rules", "tables"),
    ("queries",),
    ("commands",),
    ("api", "pages", "reactions"),
    ("manifest",),
)
ROOMS = {room: height for height, floor in enumerate(FLOORS) for room in floor}
# Not rooms: nobody imports them, and they import what they need.
BESIDE = frozenset({"migrations", "tests", "templates"})


class Place(NamedTuple):
    """Where a Python module lives: entrepot.modules.orders.commands.paying is in the room `commands` of `orders`."""

    module: str
    room: str

    @classmethod
    def of(cls, name: str) -> Place | None:
        parts = name.removeprefix(f"{MODULES}.").split(".")
        return cls(parts[0], parts[1] if len(parts) > 1 else "") if name.startswith(f"{MODULES}.") else None


class _Ours(Contract):
    """A contract whose answer is a list of sentences."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        problems = sorted(set(self.problems(graph)))
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for problem in check.metadata["problems"]:
            output.print_error(problem)

    def problems(self, graph: ImportGraph) -> Iterator[str]:
        raise NotImplementedError


class Rooms(_Ours):
    """A module is made of the rooms we know, and a room imports only rooms below it."""

    def problems(self, graph: ImportGraph) -> Iterator[str]:
        for module in _modules(graph):
            for child in graph.find_children(module):
                room = child.rsplit(".", 1)[1]
                if room not in ROOMS and room not in BESIDE:
                    yield f"{child} is not a room; a module has {', '.join(ROOMS)}"
        for one, other, line in _imports(graph):
            a, b = Place.of(one), Place.of(other)
            if a is None or b is None or a.module != b.module or a.room == b.room or a.room in BESIDE:
                continue
            if b.room in BESIDE:
                yield f"{one} imports {other}, which nobody imports (line {line})"
            elif a.room in ROOMS and b.room in ROOMS and ROOMS[b.room] >= ROOMS[a.room]:
                yield f"{one} imports {other}: {a.room} is not above {b.room} (line {line})"


class Doors(_Ours):
    """A module reaches another through its contract; its reactions may also know the other's events."""

    def problems(self, graph: ImportGraph) -> Iterator[str]:
        for one, other, line in _imports(graph):
            a, b = Place.of(one), Place.of(other)
            if a is None or b is None or a.module == b.module or a.room == "tests":
                continue
            if b.room == "contract" or (b.room == "events" and a.room == "reactions"):
                continue
            yield f"{one} imports {other}, which is not a door of {b.module} (line {line})"


class Tiers(_Ours):
    """A module asks only modules of lower tiers; what travels upwards travels as an event."""

    def problems(self, graph: ImportGraph) -> Iterator[str]:
        tiers = {module.rsplit(".", 1)[1]: _tier(module) for module in _modules(graph)}
        for module, tier in tiers.items():
            if tier is None:
                yield f"{MODULES}.{module} does not say its tier as a number in its manifest"
        for one, other, line in _imports(graph):
            a, b = Place.of(one), Place.of(other)
            if a is None or b is None or a.module == b.module or b.room != "contract" or a.room == "tests":
                continue
            mine, theirs = tiers.get(a.module), tiers.get(b.module)
            if mine is not None and theirs is not None and theirs >= mine:
                yield f"{one} (tier {mine}) asks {other} (tier {theirs}) (line {line})"


def _modules(graph: ImportGraph) -> list[str]:
    return sorted(graph.find_children(MODULES))


def _imports(graph: ImportGraph) -> Iterator[tuple[str, str, Any]]:
    """Every import from one module of ours to another, with its line."""
    for importer in sorted(graph.find_descendants(MODULES)):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            if imported.startswith(f"{MODULES}."):
                details = graph.get_import_details(importer=importer, imported=imported)
                yield importer, imported, details[0]["line_number"] if details else "?"


def _tier(module: str) -> int | None:
    """The tier in a manifest, read without running it."""
    spec = importlib.util.find_spec(module)
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    manifest = folder / "manifest.py"
    if not manifest.is_file():
        return None
    for node in ast.walk(ast.parse(manifest.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "tier" and isinstance(node.value, ast.Constant):
            return node.value.value if isinstance(node.value.value, int) else None
    return None
