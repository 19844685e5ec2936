"""Reads of tax."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.modules.tax.contract import RateCard
from entrepot.modules.tax.tables import TaxRate
from entrepot.pure.money import Rate


class RateShown(msgspec.Struct, frozen=True):
    id: UUID
    country: str
    category: str
    code: str
    name: str
    rate: Rate
    valid_from: date
    valid_to: date | None
    version: int


RATES = Listing(
    name="tax_rates",
    view=view(RateShown, TaxRate),
    needs="tax.view",
    search=[TaxRate.name, TaxRate.country],
    sort="country,category,-valid_from",
)


@command(needs="tax.view")
async def get_rate(ctx: Ctx, rate_id: UUID) -> RateShown:
    """One tax rate."""
    return await ctx.one(view(RateShown, TaxRate).where(TaxRate.id == rate_id))


async def rates(ctx: Ctx, country: str, on: date) -> list[RateCard]:
    return await ctx.rows(RateCard, _RATES, country, on)


_RATES = """
SELECT DISTINCT ON (category) category, code, rate, name FROM tax.tax_rate
WHERE country = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2) ORDER BY category, valid_from DESC
"""
