"""The exam every module sits, whoever wrote it. Each question answers with what is wrong; nothing is right."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from entrepot.kernel.commands import describe
from entrepot.kernel.docs import pages
from entrepot.kernel.golden import FOLDER as EVENTS
from entrepot.kernel.lists import Listing
from entrepot.kernel.migrate import Chain
from entrepot.kernel.module import Catalogue, Module
from entrepot.kernel.records import RecordEvent
from entrepot.kernel.ui.site import Site
from entrepot.pure.events import Event
from entrepot.testing import words
from entrepot.testing.words import PACKAGE

Question = Callable[[Module, Catalogue], list[str]]
# Words that end in s and still name one thing.
SINGULAR = re.compile(r"(ss|us|is|series|news)$")


def tables_are_named_in_the_singular(module: Module, catalogue: Catalogue) -> list[str]:
    return [
        f"{table.table.fullname} is a plural"
        for table in module.table_classes()
        if table.table.name.endswith("s") and not SINGULAR.search(table.table.name)
    ]


def tables_say_what_a_row_is(module: Module, catalogue: Catalogue) -> list[str]:
    return [f"{table.__name__} has no docstring" for table in module.table_classes() if not vars(table).get("__doc__")]


def foreign_keys_stay_in_their_schema(module: Module, catalogue: Catalogue) -> list[str]:
    return [
        f"{table.table.fullname} refers to {key.column.table.fullname}"
        for table in module.table_classes()
        for key in table.table.foreign_keys
        if key.column.table.schema != module.name
    ]


def migrations_are_one_chain(module: Module, catalogue: Catalogue) -> list[str]:
    """Each file follows the one before it, and its name begins with its revision."""
    problems: list[str] = []
    before: str | None = None
    for file in Chain(module.name, folder(module) / "migrations").files():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        given: dict[str, object] = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if given.get("revision") != file.name[:4]:
            problems.append(f"{file.name} calls itself {given.get('revision')!r}")
        if given.get("down_revision", ...) != before:
            problems.append(f"{file.name} follows {given.get('down_revision')!r} instead of {before!r}")
        before = file.name[:4]
    return problems


def migrations_secure_what_they_make(module: Module, catalogue: Catalogue) -> list[str]:
    problems = []
    for file in Chain(module.name, folder(module) / "migrations").files():
        text = file.read_text(encoding="utf-8")
        made = re.findall(
            r"^\s*CREATE TABLE (?:IF NOT EXISTS )?([\w.]+)(?! PARTITION OF)\b(?=\s*\()", text, re.M | re.I
        )
        secured = set(re.findall(r'secure\(\s*"([\w.]+)"', text))
        problems += [f"{file.name} makes {table} and does not secure it" for table in made if table not in secured]
    return problems


def lists_are_of_columns_that_exist(module: Module, catalogue: Catalogue) -> list[str]:
    problems = []
    for listing in listings(module):
        known = set(listing.columns)
        named = {listing.key, *listing.hidden, *(part.strip().lstrip("-") for part in listing.sort.split(","))}
        problems += [f"the list {listing.name} names {name}, which it does not have" for name in sorted(named - known)]
        problems += [
            f"the list {listing.name} is sorted by {name}, which cannot be"
            for name in (part.strip().lstrip("-") for part in listing.sort.split(","))
            if name in known and not listing.sortable(name)
        ]
        if listing.key in known and not listing.sortable(listing.key):
            problems.append(f"the list {listing.name} has no order: its key {listing.key} may be empty")
    return problems


def permissions_used_are_declared(module: Module, catalogue: Catalogue) -> list[str]:
    used = {command.needs for command in module.command_list()}
    used |= {route.needs for route in module.all_routes() if not route.public}
    used |= {move.needs for stateful in module.machines for move in stateful.machine.moves}
    used |= {report.needs for report in module.reports}
    used |= _asked_for(module)
    return [f"{needs!r} is needed and not declared" for needs in sorted(used - {"any"} - catalogue.permissions.keys())]


def permissions_declared_are_used(module: Module, catalogue: Catalogue) -> list[str]:
    used = {command.needs for command in module.command_list()}
    used |= {route.needs for other in catalogue.modules.values() for route in other.all_routes()}
    used |= {move.needs for stateful in module.machines for move in stateful.machine.moves}
    used |= {report.needs for report in module.reports}
    used |= {getattr(page, "needs", "") for page in module.pages}
    used |= _constants(module)
    return [f"{needs!r} is declared and nothing needs it" for needs in sorted(module.all_permissions().keys() - used)]


def commands_need_something_and_say_what_they_do(module: Module, catalogue: Catalogue) -> list[str]:
    problems = []
    for command in module.command_list():
        if not command.needs:
            problems.append(f"{command.name} needs no permission")
        if not command.doc:
            problems.append(f"{command.name} has no docstring")
    return problems


def routes_are_described(module: Module, catalogue: Catalogue) -> list[str]:
    return [
        f"{route.method} {route.path} has no description"
        for route in module.all_routes()
        if not isinstance(route.target, Listing) and not describe(route.target).doc
    ]


def machines_reach_every_state(module: Module, catalogue: Catalogue) -> list[str]:
    problems = []
    for stateful in module.machines:
        entity, columns = stateful.machine.entity, stateful.table.table.c
        problems += [f"{entity} can never be {state}" for state in sorted(stateful.machine.unreachable())]
        problems += [
            f"{entity} has no column {name}" for name in (stateful.column, stateful.label) if name not in columns
        ]
        known = {move.name for move in stateful.machine.moves}
        problems += [f"{entity} has no move {name}" for name in sorted(stateful.moves.keys() - known)]
        if stateful.table not in module.table_classes():
            problems.append(f"{entity} is kept in a table of another module")
    return problems


def events_are_told_in_words_and_kept_golden(module: Module, catalogue: Catalogue) -> list[str]:
    problems = []
    for kind in module.event_classes():
        if not issubclass(kind, RecordEvent) and kind.__doc__ in (None, "", Event.__doc__):
            problems.append(f"{kind.__name__} has no docstring")
        if not (EVENTS / f"{kind.event_name}.json").is_file():
            problems.append(f"{kind.event_name} has no golden schema")
    return problems


def everything_is_documented(module: Module, catalogue: Catalogue) -> list[str]:
    """Pages, settings, events and permissions stand on the page of the module."""
    page = pages(catalogue)[f"modules/{module.name}.md"]
    named = [f"`{name}`" for name in module.all_permissions()]
    named += [f"`{setting.key}`" for setting in module.settings]
    named += [f"`{kind.event_name}`" for kind in module.event_classes()]
    named += [f"`{place.path}`" for place in Site(catalogue).places if place.module == module.name]
    return [f"{name} is not documented" for name in named if name not in page]


def every_word_is_translated(module: Module, catalogue: Catalogue) -> list[str]:
    return words.untranslated([*words.in_source(folder(module)), *words.in_manifest(module)])


QUESTIONS: list[Question] = [
    tables_are_named_in_the_singular,
    tables_say_what_a_row_is,
    foreign_keys_stay_in_their_schema,
    migrations_are_one_chain,
    migrations_secure_what_they_make,
    lists_are_of_columns_that_exist,
    permissions_used_are_declared,
    permissions_declared_are_used,
    commands_need_something_and_say_what_they_do,
    routes_are_described,
    machines_reach_every_state,
    events_are_told_in_words_and_kept_golden,
    everything_is_documented,
    every_word_is_translated,
]


# ── what the questions look at ──


def folder(module: Module) -> Path:
    return PACKAGE / "modules" / module.name


def listings(module: Module) -> list[Listing[object]]:
    return [route.target for route in module.all_routes() if isinstance(route.target, Listing)]


def _sources(module: Module) -> Iterator[ast.AST]:
    for file in sorted(folder(module).rglob("*.py")):
        if not {"tests", "migrations"} & set(file.relative_to(folder(module)).parts) and file.name != "manifest.py":
            yield ast.parse(file.read_text(encoding="utf-8"))


def _constants(module: Module) -> set[str]:
    """Every text in the module's source but its manifest."""
    return {
        node.value
        for tree in _sources(module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _asked_for(module: Module) -> set[str]:
    """Permissions asked for in the code: `ctx.need("orders.pay")`, `ctx.may("orders.pay")`."""
    return {
        node.args[0].value
        for tree in _sources(module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("need", "may")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
