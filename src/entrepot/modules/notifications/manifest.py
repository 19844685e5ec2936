"""Notifications in one value."""

from entrepot.kernel.access import Notices
from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module, Schedule, Setting
from entrepot.modules.notifications import api, commands, pages, queries, reactions, tables

module = Module(
    name="notifications",
    tier=3,
    title="Notifications",
    tables=tables,
    commands=commands,
    queries=queries,
    reactions=reactions,
    routes=api.routes,
    pages=pages.pages,
    offers=[offer(Notices, queries.latest, queries.unread, commands.mark_read, commands.mark_all_read)],
    schedules=[Schedule("*/10 * * * *", commands.watch_work), Schedule("45 3 * * *", commands.forget_old)],
    settings=[Setting("notifications.days_kept", int, 30, "Days that notices are kept", "general", ("tenant",))],
)
