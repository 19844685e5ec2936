"""Platform in one value."""

from entrepot.kernel.facade import offer
from entrepot.kernel.fields import FieldBook
from entrepot.kernel.layouts import LayoutBook
from entrepot.kernel.module import Module, Series, Setting
from entrepot.kernel.settings import Kept
from entrepot.modules.platform import api, commands, events, pages, queries, tables

module = Module(
    name="platform",
    tier=2,
    title="Platform",
    permissions={
        "settings.view": "See settings and number series",
        "settings.edit": "Change settings and number series",
        "customize.edit": "Add fields, objects and layouts",
        "custom.view": "See rows of custom objects",
        "custom.edit": "Create and change rows of custom objects",
        "numbers.take": "Take numbers for documents made elsewhere",
    },
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
    offers=[offer(Kept, queries.given), offer(FieldBook, queries.definitions), offer(LayoutBook, queries.layouts)],
    settings=[
        Setting("platform.entity_code", str, "", "Short code in numbers", "general", ("entity",)),
        Setting("platform.timezone", str, "Europe/Amsterdam", "Time zone", "general", ("tenant", "entity", "user")),
        Setting(
            "platform.locale",
            str,
            "en",
            "Language of documents",
            "general",
            ("tenant", "entity"),
            ("en", "nl"),
        ),
    ],
    series=[
        Series("invoice", "INV-{year}-{number}", 5),
        Series("quote", "QUO-{year}-{number}", 5, gapless=False),
        Series("work_order", "WO-{year}-{number}", 5, gapless=False),
        Series("support_ticket", "SUP-{year}-{number}", 5, gapless=False),
    ],
)
