"""Trials in one value, and the statements that make their tables."""

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from entrepot.kernel.db import TABLES
from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Schedule, Series, Setting, Stateful
from entrepot.kernel.records import Record
from entrepot.kernel.routes import delete, get, listing, patch, post
from entrepot.kernel.schema import secured
from tests.kernel.trial import commands, events, queries, reactions, rules, tables
from tests.kernel.trial.contract import Store

module = Module(
    name="trial",
    tier=3,
    title="Trials",
    permissions={
        "trial.view": "See trials",
        "trial.edit": "Make trials",
        "trial.pay": "Pay for trials",
    },
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    reactions=reactions,
    routes=[
        listing("/things", queries.THINGS),
        get("/things/count", queries.count_things),
        post("/things", commands.make_thing, then=queries.get_thing, created=True),
        post(
            "/cards",
            commands.make_card,
            created=True,
            together=commands.make_cards,
            apart=lambda card: card.name == "by itself",
        ),
        get("/things/{thing_id}", queries.get_thing),
        patch("/things/{thing_id}", commands.change_thing, then=queries.get_thing, table=tables.Thing),
        delete("/things/{thing_id}", commands.remove_thing, table=tables.Thing),
        post("/things/{thing_id}/poke", commands.poke_thing),
        post("/thing-numbers", commands.number_thing),
        post("/thing-status", commands.change_status),
    ],
    offers=[offer(Store, queries.left, queries.all_left, commands.take, commands.put_back)],
    machines=[Stateful(rules.THING, tables.Thing)],
    records=[Record(tables.Tag, needs="trial", search=["name", "note"])],
    schedules=[Schedule("0 * * * *", commands.every_hour)],
    settings=[
        Setting("trial.colour", str, "grey", "Colour", "trial", ("tenant", "entity", "user"), ("grey", "red", "blue")),
        Setting("trial.limit", int, 5, "Limit", "trial", ("tenant",)),
    ],
    series=[
        Series("thing", "ORD-{year}-{number}", 4),
        Series("card", "CC-{year}-{number}", 5),
        Series("ticket", "SUP-{year}-{number}", 5),
        Series("forever", "{number}", 3, yearly=False),
    ],
    jobs=[commands.note_later],
)


def statements() -> list[str]:
    """What a migration would do."""
    dialect = postgresql.dialect()
    found = ["CREATE SCHEMA trial", "GRANT USAGE ON SCHEMA trial TO entrepot_app, entrepot_system"]
    for table in [t for t in TABLES if t.table.schema == "trial"]:
        found.append(str(CreateTable(table.table).compile(dialect=dialect)))
        found += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.table.indexes]
        found += secured(
            table.qualified(),
            table.entity,
            table.audited,
            table.append_only,
            True,
            table.system,
            table.masked,
            "tenant_id",
            "id",
        )
    return found
