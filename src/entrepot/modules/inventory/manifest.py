"""Inventory in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Schedule, Setting
from entrepot.modules.inventory import api, commands, events, pages, queries, reactions, tables
from entrepot.modules.inventory.commands import confirming, reserving, returning, stocking, taking
from entrepot.modules.inventory.contract import Inventory

module = Module(
    name="inventory",
    tier=5,
    title="Stock",
    permissions={"stock.view": "See stock and its movements", "stock.edit": "Move, count and correct stock"},
    tables=tables,
    obstacles={"order": queries.oversold},
    events=events,
    commands=commands,
    queries=queries,
    reactions=reactions,
    routes=api.routes,
    pages=pages.pages,
    offers=[
        offer(
            Inventory,
            queries.available,
            queries.default_warehouse,
            taking.hold,
            taking.deduct,
            taking.deduct_many,
            returning.put_back,
            stocking.receive,
        )
    ],
    checks=[queries.levels_equal_ledger],
    schedules=[
        Schedule("*/5 * * * *", reserving.expire_reservations),
        Schedule("*/10 * * * *", confirming.take_back_unconfirmed),
    ],
    settings=[
        Setting(
            "inventory.stock_policy",
            str,
            "on_payment",
            "When stock is taken",
            "inventory",
            ("tenant", "entity"),
            ("on_payment", "on_confirm", "none"),
        )
    ],
)
