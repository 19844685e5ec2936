"""Dated tax rates."""

from entrepot.kernel.db import Stamped, day, day_or_none, decimal, text, unique


class TaxRate(Stamped, table="tax_rate", schema="tax"):
    """A percentage that holds for a category in a country from a day on. `code` is the EN 16931 category (S, Z, E, AE)."""

    country = text()
    category = text()
    code = text(server_default="S")
    name = text()
    rate = decimal()
    valid_from = day()
    valid_to = day_or_none()
    constraints = (unique("country", "category", "valid_from"),)
