"""Documents in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module
from entrepot.kernel.ui.ports import Shelves
from entrepot.modules.documents import api, commands, events, pages, queries, tables
from entrepot.modules.documents.contract import Documents

module = Module(
    name="documents",
    tier=3,
    title="Documents",
    permissions={"documents.view": "See documents", "documents.edit": "Attach and archive documents"},
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
    offers=[
        offer(Documents, queries.card, queries.content, queries.of_entity, commands.receipt),
        offer(Shelves, queries.shelf, commands.put),
    ],
)
