"""Writes of tax."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.tax import rules
from entrepot.modules.tax.events import TaxRateChanged
from entrepot.modules.tax.tables import TaxRate
from entrepot.pure.money import Rate


@command(needs="tax.edit")
async def create_rate(
    ctx: Ctx,
    country: str,
    category: str,
    rate: Rate,
    valid_from: date,
    name: str = "",
    code: str = "S",
    valid_to: date | None = None,
) -> UUID:
    """A rate that holds from a day on; the one before it ends by itself. Refuses a second rate from the same day."""
    rules.check_rate(country, category, code, rate)
    rate_id = await ctx.add(
        TaxRate,
        country=country,
        category=category,
        code=code,
        name=name or category,
        rate=rate,
        valid_from=valid_from,
        valid_to=valid_to,
    )
    ctx.forget()
    ctx.emit(TaxRateChanged(rate_id=rate_id, country=country, category=category, rate=rate, valid_from=valid_from))
    return rate_id


async def start_with_rates(ctx: Ctx, country: str) -> None:
    """The rates a tenant starts with in a country; what is there stays."""
    await ctx.add_many(
        TaxRate,
        [
            {"country": land, "category": category, "code": code, "name": name, "rate": rate, "valid_from": day}
            for land, category, code, name, rate, day in rules.STARTING
            if land == country
        ],
        skip_conflicts=True,
    )
    ctx.forget()
