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
    },
    tables=tables,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
)
