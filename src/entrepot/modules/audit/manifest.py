"""Audit in one value."""

from entrepot.kernel.module import Module
from entrepot.modules.audit import api, commands, pages, queries, tables

module = Module(
    name="audit",
    tier=3,
    title="Audit",
    permissions={
        "audit.view": "See the audit trail, events and jobs",
        "audit.replay": "Retry, skip and replay events",
        "holds.view": "See what is on hold and what is overdue",
        "holds.edit": "Place and release holds",
    },
    tables=tables,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
)
