"""Pages of notifications: everything the reader should know."""

from entrepot.kernel.ui.declare import FormPage, ListPage
from entrepot.modules.notifications import commands, queries

pages = [
    ListPage(
        queries.NOTICES,
        title="Notifications",
        icon="bell",
        menu="System",
        order=2,
        columns=["notice", "kind", "count", "happened_at", "unread"],
        filters=["unread", "kind", "happened_at"],
        searched=False,
        open="{path}",
        intro="What needs you or somebody with the same tasks, newest first.",
        empty="Nothing new. What needs you appears here.",
        bulk=[FormPage(commands.mark_read, title="Mark as read")],
    ),
    FormPage(
        commands.mark_all_read,
        path="/notices/read",
        title="Mark everything as read",
        icon="check",
        done="Everything is read",
        then="/notices",
    ),
]
