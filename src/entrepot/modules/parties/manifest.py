"""Parties in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Stateful
from entrepot.modules.parties import api, commands, events, pages, queries, rules, tables
from entrepot.modules.parties.contract import Parties

module = Module(
    name="parties",
    tier=4,
    title="Customers",
    permissions={"customers.view": "See customers", "customers.edit": "Create and change customers"},
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
    offers=[offer(Parties, queries.cards)],
    machines=[
        Stateful(
            rules.CUSTOMER,
            tables.Party,
            column="status",
            label="name",
            moves={"suspend": commands.suspend_customer, "activate": commands.activate_customer},
        )
    ],
)
