"""Tax in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module
from entrepot.modules.tax import api, commands, events, pages, queries, reactions, tables
from entrepot.modules.tax.contract import Tax

module = Module(
    name="tax",
    tier=4,
    title="Taxes",
    permissions={"tax.view": "See tax rates", "tax.edit": "Create tax rates"},
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    reactions=reactions,
    routes=api.routes,
    pages=pages.pages,
    offers=[offer(Tax, queries.rates)],
)
