"""What others may ask about tax rates."""

from datetime import date

import msgspec

from entrepot.pure.facade import Facade, ask
from entrepot.pure.money import Rate


class RateCard(msgspec.Struct, frozen=True):
    """The rate of a category on a day; `code` is its EN 16931 category."""

    category: str
    code: str
    rate: Rate
    name: str


class Tax(Facade, name="tax"):
    @ask
    async def rates(self, country: str, on: date) -> list[RateCard]:
        """Every rate that holds in a country on a day, by category."""
        raise AssertionError
