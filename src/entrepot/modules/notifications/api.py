"""Routes of notifications."""

from entrepot.kernel.routes import listing, post
from entrepot.modules.notifications import commands, queries

routes = [
    listing("/notices", queries.NOTICES),
    post("/notices/read", commands.mark_all_read),
    post("/notices/{notice_id}/read", commands.mark_read),
]
