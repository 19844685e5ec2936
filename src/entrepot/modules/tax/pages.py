"""Pages of tax: rates by country and category."""

from entrepot.kernel.ui.declare import DetailPage, FormPage, ListPage
from entrepot.modules.tax import commands, queries

pages = [
    ListPage(
        queries.RATES,
        title="Tax rates",
        icon="percentage",
        menu="Money",
        order=60,
        columns=["name", "country", "category", "rate", "valid_from", "valid_to"],
        filters=["country", "category"],
        searched=False,
        new=FormPage(commands.create_rate, title="New tax rate"),
        open=DetailPage(queries.get_rate, title="Tax rate"),
    ),
]
