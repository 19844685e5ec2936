"""Every component in every state on one page, to look at when one is changed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from entrepot.kernel.ui.fields import Drawn, matrix_of
from entrepot.kernel.ui.rows import Column, Row
from entrepot.kernel.ui.stuck import Blocked
from entrepot.kernel.ui.tiles import PanelShown, Slice, TileShown
from entrepot.kernel.ui.visit import Visit

WORDS = ("draft", "pending", "confirmed", "paid", "cancelled")


async def show_gallery(visit: Visit) -> None:
    formats = visit.formats
    choices = [(word, visit.label(word)) for word in WORDS]
    fields = [
        Drawn("g_text", visit.t("Name"), "text", value="Anna de Vries", required=True),
        Drawn("g_hint", visit.t("Code"), "text", hint=visit.t("Separate with commas")),
        Drawn(
            "g_wrong",
            visit.t("Email"),
            "text",
            value="anna@",
            mode="email",
            problem=visit.t("this is not an e-mail address"),
        ),
        Drawn("g_number", visit.t("Amount"), "number", value=formats.plain_number(Decimal("1190.00"))),
        Drawn("g_date", visit.t("Date"), "date", value="2026-03-01"),
        Drawn("g_moment", visit.t("Time"), "moment", value="2026-03-01T09:30"),
        Drawn("g_choice", visit.t("State"), "choice", value="paid", options=choices),
        Drawn("g_several", visit.t("Roles"), "several", values=["draft", "paid"], options=choices),
        Drawn("g_lookup", visit.t("Customer"), "lookup", options=[("1", "Anna de Vries"), ("2", "Bakkerij Jansen")]),
        Drawn("g_password", visit.t("Password"), "password"),
        Drawn("g_flag", visit.t("Active"), "flag", value="true"),
        Drawn("g_long", visit.t("Notes"), "long", rows=3),
    ]
    columns = [
        Column("name", visit.t("Name"), "text", "name", "ascending"),
        Column("state", visit.t("State"), "text", "state"),
        Column("amount", visit.t("Amount"), "number", "amount"),
        Column("tags", visit.t("Tags"), "text"),
    ]
    rows = [
        Row(str(at), "#", [formats.cell(name), formats.cell(state, "state"), formats.cell(amount), formats.cell(tags)])
        for at, (name, state, amount, tags) in enumerate(
            [
                ("Anna de Vries", "paid", Decimal("1190.00"), ["vip"]),
                ("Bakkerij Jansen", "pending", Decimal("24.95"), []),
                ("Zonnepanelen BV", "cancelled", Decimal("-12500.00"), ["b2b", "solar"]),
            ]
        )
    ]
    chart = {
        "kind": "bar",
        "label": visit.t("Chart"),
        "data": {
            "x": ["Q1", "Q2", "Q3", "Q4"],
            "series": [{"name": visit.t("Amount"), "data": ["12", "19", "8", "15"]}],
        },
    }
    slices = [Slice(f"Q{at}", str(n), str(n / 19), "#") for at, n in enumerate((12, 19, 8, 15), start=1)]
    now = visit.house.clock()
    await visit.page(
        "gallery.html",
        page_title=visit.t("Components"),
        title=visit.t("Components"),
        fields=fields,
        matrix=Drawn(
            "g_matrix", visit.t("Permissions"), "matrix", wide=True, matrix=matrix_of(visit, ["users.view", "keys.*"])
        ),
        columns=columns,
        rows=rows,
        states=[formats.cell(word, "state") for word in WORDS],
        chart=chart,
        tiles=[
            TileShown(visit.t("Amount"), formats.number(Decimal("2246.90")), "#", "cash", unit="EUR", more="19.99 USD"),
            TileShown(visit.t("Holds"), "2", "#", "lock", tone="warning"),
            TileShown(visit.t("Holds"), "0", "#", "lock", advice=visit.t("Nothing yet")),
        ],
        panels=[
            PanelShown(visit.t("Chart"), "chart-bar", "bar", "54", "#", "", slices, chart),
            PanelShown(visit.t("Table"), "star", "ranking", "", "#", "", slices, None),
            PanelShown(visit.t("Chart"), "chart-pie", "pie", "", "#", visit.t("Nothing yet"), [], None),
        ],
        stuck=[
            Blocked(
                kind=visit.t("Customer"),
                name="Bakkerij Jansen",
                href="#",
                reason=visit.t("{aspect} is on hold: {reason}", aspect=visit.label("pay"), reason="…"),
                since=formats.ago(now - timedelta(hours=3), now),
                exact=formats.long_moment(now),
                button=visit.t("Release"),
                action="#",
                hidden=[],
            )
        ],
        crumbs=[],
        icons=sorted(visit.views.icon_names),
    )
