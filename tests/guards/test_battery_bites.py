"""Every question of the battery finds what is planted for it."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from entrepot import assembly
from entrepot.kernel import db, i18n
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.lists import Listing
from entrepot.kernel.module import Catalogue, Module, Setting, Stateful
from entrepot.kernel.routes import get, listing
from entrepot.pure.events import Event, event
from entrepot.pure.states import Machine, Move
from entrepot.testing import battery, words

SOUND = Module(name="planted", tier=9, title="Platform")


class State(StrEnum):
    new = "new"
    lost = "lost"


class Shown(msgspec.Struct, frozen=True):
    """A row."""

    id: UUID
    note: str | None


def room(name: str, **content: Any) -> ModuleType:
    """A room with these things in it, as if it had defined them."""
    made = ModuleType(f"entrepot.modules.planted.{name}")
    for key, value in content.items():
        value.__module__ = made.__name__
        setattr(made, key, value)
    return made


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a module that is not there; tables made meanwhile are forgotten afterwards."""
    folder = tmp_path / "planted"
    (folder / "migrations").mkdir(parents=True)
    monkeypatch.setattr(battery, "folder", lambda module: folder)
    monkeypatch.setattr(words, "PACKAGE", tmp_path)
    assembly.load_modules(["identity"])  # a foreign key needs somewhere to lead
    before = list(db.TABLES)
    yield folder
    for table in db.TABLES[len(before) :]:
        db.METADATA.remove(table.table)
    db.TABLES[:] = before


def asked(question: battery.Question, module: Module) -> list[str]:
    return question(module, Catalogue([]))


def test_a_sound_module_passes_every_question(planted: Path) -> None:
    catalogue = Catalogue([SOUND])
    assert {q.__name__: q(SOUND, catalogue) for q in battery.QUESTIONS if q(SOUND, catalogue)} == {}


def test_tables(planted: Path) -> None:
    class Widgets(db.Stamped, table="widgets", schema="planted"):
        constraints = (sa.ForeignKeyConstraint(["tenant_id", "id"], ["identity.role.tenant_id", "identity.role.id"]),)

    class Address(db.Stamped, table="address", schema="planted"):
        """Ends in s and is one."""

    assert asked(battery.tables_are_named_in_the_singular, SOUND) == ["planted.widgets is a plural"]
    assert asked(battery.tables_say_what_a_row_is, SOUND) == ["Widgets has no docstring"]
    assert set(asked(battery.foreign_keys_stay_in_their_schema, SOUND)) == {"planted.widgets refers to identity.role"}


def test_migrations(planted: Path) -> None:
    migrations = planted / "migrations"
    (migrations / "0001_first.py").write_text(
        'revision = "0001"\ndown_revision = None\nTABLES = """\nCREATE TABLE planted.one (\n id int\n);\n'
        'CREATE TABLE planted.two (\n id int\n);\nCREATE TABLE planted.part PARTITION OF planted.one DEFAULT;\n"""\n'
        'secure("planted.one", audited=False)\n'
    )
    (migrations / "0002_second.py").write_text('revision = "0003"\ndown_revision = None\n')
    assert asked(battery.migrations_are_one_chain, SOUND) == [
        "0002_second.py calls itself '0003'",
        "0002_second.py follows None instead of '0001'",
    ]
    assert asked(battery.migrations_secure_what_they_make, SOUND) == [
        "0001_first.py makes planted.two and does not secure it"
    ]


def test_lists(planted: Path) -> None:
    class Thing(db.Stamped, table="thing", schema="planted"):
        note = db.text_or_none()

    made = Listing(name="things", view=db.view(Shown, Thing), needs="any", sort="-note", key="note", hidden=["nowhere"])
    module = replace(SOUND, routes=[listing("/things", made)])
    assert asked(battery.lists_are_of_columns_that_exist, module) == [
        "the list things names nowhere, which it does not have",
        "the list things is sorted by note, which cannot be",
        "the list things has no order: its key note may be empty",
    ]


def test_permissions_commands_and_routes(planted: Path) -> None:
    @command(needs="planted.secret")
    async def reveal(ctx: Ctx) -> None:
        pass

    @command(needs="")
    async def free(ctx: Ctx) -> None:
        """Anybody may."""

    @command(needs="any")
    async def silent(ctx: Ctx) -> None:
        pass

    (planted / "queries.py").write_text('def f(ctx):\n    ctx.need("planted.asked")\n    return "planted.named"\n')
    module = replace(
        SOUND,
        commands=room("commands", reveal=reveal, free=free),
        routes=[get("/silent", silent)],
        permissions={"planted.secret": "x", "planted.unused": "x", "planted.named": "x"},
    )
    assert asked(battery.permissions_used_are_declared, module) == [
        "'' is needed and not declared",
        "'planted.asked' is needed and not declared",
        "'planted.secret' is needed and not declared",
    ]
    assert asked(battery.permissions_declared_are_used, module) == ["'planted.unused' is declared and nothing needs it"]
    assert asked(battery.commands_need_something_and_say_what_they_do, module) == [
        "free needs no permission",
        "reveal has no docstring",
    ]
    assert asked(battery.routes_are_described, module) == ["GET /silent has no description"]


def test_machines(planted: Path) -> None:
    class Thing(db.Stamped, table="thing", schema="elsewhere"):
        state = db.text()

    machine: Machine[State] = Machine("thing", State.new, [Move("stay", (State.new,), State.new, needs="any")])
    module = replace(SOUND, machines=[Stateful(machine, Thing, label="name", moves={"fly": None})])  # type: ignore[dict-item]
    assert asked(battery.machines_reach_every_state, module) == [
        "thing can never be lost",
        "thing has no column name",
        "thing has no move fly",
        "thing is kept in a table of another module",
    ]


def test_events_and_docs(planted: Path) -> None:
    @event("planted.happened", about="id")
    class Happened(Event, frozen=True):
        id: UUID

    module = replace(SOUND, events=room("events", Happened=Happened), settings=[Setting("planted.key", str, "", "x")])
    assert asked(battery.events_are_told_in_words_and_kept_golden, module) == [
        "Happened has no docstring",
        "planted.happened has no golden schema",
    ]
    other = Catalogue([SOUND])
    assert battery.everything_is_documented(module, other) == [
        "`planted.key` is not documented",
        "`planted.happened` is not documented",
    ]


SPOKEN = '''
raise Conflict("nobody ever translated this", x=1)
raise errors.Invalid.field("name", "nor this {fact}", fact=2)
raise NotFound("one way" if x else "the other way")
raise Denied(f"you, {name}, may not")
raise Invalid("a" + b)
raise KeyError("not for users")
GUARD = """RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'the database says no';"""
'''


def test_words(planted: Path) -> None:
    (planted / "rules.py").write_text(SPOKEN)
    module = replace(SOUND, title="Never translated", permissions={"planted.x": "Do something unheard of"})
    assert sorted(asked(battery.every_word_is_translated, module)) == sorted(
        [
            "planted/rules.py:5: the message is an f-string; name the facts instead",
            "planted/rules.py:6: the message is put together; name the facts instead",
            "planted/rules.py:2: 'nobody ever translated this' is not in nl.toml",
            "planted/rules.py:3: 'nor this {fact}' is not in nl.toml",
            "planted/rules.py:4: 'one way' is not in nl.toml",
            "planted/rules.py:4: 'the other way' is not in nl.toml",
            "planted/rules.py:8: 'the database says no' is not in nl.toml",
            "planted: title: 'Never translated' is not in nl.toml",
            "planted: permission planted.x: 'Do something unheard of' is not in nl.toml",
        ]
    )


def test_a_translation_of_other_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "messages", lambda locale: {"{a} and {b}": "{a} en {c}", "{{x}} {a}": "{{x}} {a}"})
    assert words.unlike("nl") == ["'{a} and {b}' names ['a', 'b'], its translation ['a', 'c']"]
    assert i18n.LOCALES == ("en", "nl")


def test_what_is_said_to_nobody_is_not_a_message() -> None:
    tree = ast.parse('raise ValueError(f"x {y}")\nConflict()\nlogger.info("x")\nraise Conflict(message)\n')
    assert list(words.refusals(tree, "x.py")) == []
