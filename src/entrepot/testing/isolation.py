"""Another tenant sees nothing: every route is asked for a row that exists, by somebody whom it does not concern."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import msgspec.inspect as shapes

from entrepot.kernel.commands import describe
from entrepot.kernel.lists import Listing
from entrepot.kernel.module import Module
from entrepot.kernel.routes import Route
from entrepot.pure.ids import new_id
from entrepot.testing.rows import WORDS, one_of_each, words_of
from entrepot.testing.world import Person, World


@dataclass
class Outcome:
    """What an exam found: routes that showed or changed something, and those it could not get to answer 404."""

    leaks: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    asked: int = 0


async def seen_by_a_stranger(world: World, owner: Person, stranger: Person, module: Module) -> Outcome:
    """Ask every route of a module for the owner's rows as the stranger: an id of somebody else's is an id of nobody's,
    no list holds it, and afterwards the owner's rows are what they were."""
    outcome = Outcome()
    rows = await _rows(world, owner, module)
    before = await _fingerprint(world, owner, module)
    for route in module.all_routes():
        names = ids_of(route)
        if names:
            await _by_id(outcome, route, names, rows, stranger)
        elif isinstance(route.target, Listing) and not route.parameters:
            await _in_list(outcome, route, rows, stranger)
    if await _fingerprint(world, owner, module) != before:
        outcome.leaks.append(f"{module.name}: rows of another tenant were changed")
    return outcome


def ids_of(route: Route) -> list[str]:
    """The parameters of a path that are ids."""
    if isinstance(route.target, Listing):
        return []
    kinds = describe(route.target).parameters
    return [name for name in route.parameters if kinds.get(name, UUID if name.endswith("id") else str) is UUID]


async def _by_id(outcome: Outcome, route: Route, names: list[str], rows: dict[str, UUID], stranger: Person) -> None:
    outcome.asked += 1
    place = f"{route.method} {route.path}"
    body = None if route.body is None or route.method == "GET" else minimal(route.body, partial=route.method == "PATCH")
    nobodys = await _ask(stranger, route, {name: new_id() for name in names}, body)
    for table, found in _candidates(names, rows):
        theirs = await _ask(stranger, route, dict.fromkeys(names, found), body)
        if theirs != nobodys:
            outcome.leaks.append(
                f"{place}: {theirs[0]} for a row of another tenant's {table}, {nobodys[0]} for nobody's"
            )
    # What is public proves itself by its signature, which a made-up address never has.
    if nobodys[0] != 404 and not route.public:
        outcome.undecided.append(f"{place}: {nobodys[0]} {nobodys[1]}")


async def _ask(person: Person, route: Route, ids: dict[str, UUID], body: Any) -> tuple[int, str]:
    """Status and reason, without what differs from request to request."""
    path = route.path
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", str(ids[name]) if name in ids else _word(person, name))
    response = await person.call(route.method, path, body)
    if response.headers.get("content-type") != "application/problem+json":
        return response.status_code, ""
    return response.status_code, str(response.json()["detail"])


def _word(person: Person, name: str) -> str:
    """A word for a part of a path that is not an id."""
    kinds = [entity for house, _ in person.world.houses.values() for entity in house.catalogue.machines]
    return kinds[0] if name == "entity_type" and kinds else "x"


def _candidates(names: list[str], rows: dict[str, UUID]) -> list[tuple[str, UUID]]:
    """The rows a path may mean: those of a table it names, else every one."""
    wanted = {name.removesuffix("_id") for name in names}
    named = [(table, id) for table, id in rows.items() if table.split(".")[1] in wanted]
    return named or list(rows.items())


async def _in_list(outcome: Outcome, route: Route, rows: dict[str, UUID], stranger: Person) -> None:
    outcome.asked += 1
    response = await stranger.call("GET", route.path, params={"limit": "200"})
    if response.status_code != 200:
        outcome.undecided.append(f"GET {route.path}: {response.status_code} {response.text[:200]}")
        return
    shown = {str(row.get("id")) for row in response.json()["data"]}
    outcome.leaks += [
        f"GET {route.path} lists a row of another tenant's {table}" for table, id in rows.items() if str(id) in shown
    ]


async def _rows(world: World, owner: Person, module: Module) -> dict[str, UUID]:
    """A row of the owner in every table."""
    tables = [table for table in module.table_classes() if "id" in table.table.c]
    async with world.unit(owner.tenant, module.name) as ctx:
        made = await one_of_each(ctx, tables, words_of(module))
        for table in tables:
            if table.table.fullname not in made:
                found = await ctx.value(f"SELECT id FROM {table.qualified()} LIMIT 1")  # noqa: S608
                if found is not None:
                    made[table.table.fullname] = found
    return made


async def _fingerprint(world: World, owner: Person, module: Module) -> dict[str, Any]:
    async with world.unit(owner.tenant, module.name, read_only=True) as ctx:
        return {
            table.table.fullname: await ctx.value(
                f"SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM {table.qualified()} t"  # noqa: S608
            )
            for table in module.table_classes()
        }


# ── the least a body must hold ──


def minimal(body: type[msgspec.Struct], *, partial: bool = False) -> Any:
    """A body that can be read: what is required, and when nothing is (a change), the first simple field."""
    info = shapes.type_info(body)
    assert isinstance(info, shapes.StructType)
    found = {f.encode_name: _example(f.encode_name, f.type) for f in info.fields if f.required}
    if partial and not found:
        simple = [f for f in info.fields if isinstance(_inner(f.type), shapes.StrType | shapes.BoolType)]
        found = {f.encode_name: _example(f.encode_name, f.type) for f in (simple or info.fields)[:1]}
    return found


def _inner(kind: shapes.Type) -> shapes.Type:
    """The type behind constraints and `| None`."""
    if isinstance(kind, shapes.Metadata):
        return _inner(kind.type)
    if isinstance(kind, shapes.UnionType):
        return _inner(next(member for member in kind.types if not isinstance(member, shapes.NoneType)))
    return kind


def _example(name: str, kind: shapes.Type) -> Any:
    match _inner(kind):
        case shapes.StructType() as struct:
            return {f.encode_name: _example(f.encode_name, f.type) for f in struct.fields if f.required}
        case shapes.CollectionType() as many:
            return [_example(name.removesuffix("s"), many.item_type)]
        case shapes.DictType():
            return {}
        case shapes.EnumType() as words:
            return next(iter(words.cls)).value
        case shapes.LiteralType() as words:
            return words.values[0]
        case shapes.BoolType():
            return True
        case shapes.IntType() | shapes.FloatType():
            return 1
        case shapes.DecimalType():
            return "1.00"
        case shapes.UUIDType():
            return str(new_id())
        case shapes.DateTimeType():
            return datetime.now(UTC)
        case shapes.DateType():
            return date(2026, 1, 1)
        case shapes.StrType():
            return _WORDS.get(name, f"{name[:10]}-{new_id().hex[-8:]}")
    return {}


_WORDS = {**WORDS, "email": "somebody@example.test", "password": "a sentence nobody guesses"}
