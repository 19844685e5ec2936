"""Payments in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module
from entrepot.modules.payments import api, commands, events, pages, queries, tables
from entrepot.modules.payments.contract import Payments

module = Module(
    name="payments",
    tier=5,
    title="Payments",
    permissions={"payments.view": "See payments"},
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
    offers=[offer(Payments, commands.take, commands.give_back, queries.paid)],
)
