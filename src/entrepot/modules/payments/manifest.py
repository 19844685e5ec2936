"""Payments in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Schedule
from entrepot.modules.payments import api, commands, events, pages, queries, reactions, tables
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
    reactions=reactions,
    routes=api.routes,
    pages=pages.pages,
    obstacles={"order": queries.failed},
    schedules=[Schedule("*/10 * * * *", commands.void_unconfirmed)],
    offers=[offer(Payments, commands.take, commands.give_back, queries.paid, queries.totals)],
)
