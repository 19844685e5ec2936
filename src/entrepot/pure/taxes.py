"""The one tax function: quote, order, till, invoice, PDF, e-invoice and ledger all call it, so they cannot differ.

Tax is computed per rate over the sum of its lines (EN 16931, BR-CO-17) and then shared out over the lines, so that
the lines, the rates and the total agree to the cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from entrepot.pure.money import Money, Rate, allocate, rounded

HUNDRED = Decimal(100)


class Taxable(msgspec.Struct, frozen=True):
    """A line amount in whole minor units, with the code and percentage of its rate."""

    amount: Money
    code: str
    rate: Rate


class Taxed(msgspec.Struct, frozen=True):
    """A line split into net and tax; `gross` is their sum."""

    net: Money
    tax: Money
    gross: Money


class TaxTotal(msgspec.Struct, frozen=True):
    """All lines of one rate together."""

    code: str
    rate: Rate
    net: Money
    tax: Money


def taxed(lines: Sequence[Taxable], currency: str, *, inclusive: bool) -> tuple[list[Taxed], list[TaxTotal]]:
    """Split every line into net and tax, and total them by rate.

    `inclusive` says that the amounts contain the tax already, as shop prices for consumers do."""
    groups: dict[tuple[str, Decimal], list[int]] = {}
    for at, line in enumerate(lines):
        groups.setdefault((line.code, line.rate), []).append(at)
    shares: list[Taxed | None] = [None] * len(lines)
    totals = []
    for (code, rate), members in groups.items():
        amounts = [lines[at].amount for at in members]
        total = sum(amounts, Decimal(0))
        tax = rounded(total * rate / (HUNDRED + rate) if inclusive else total * rate / HUNDRED, currency)
        parts = [tax] if len(members) == 1 else _shared(tax, amounts, currency)
        for at, amount, part in zip(members, amounts, parts, strict=True):
            shares[at] = Taxed(amount - part, part, amount) if inclusive else Taxed(amount, part, amount + part)
        totals.append(TaxTotal(code, rate, total - tax if inclusive else total, tax))
    return [share for share in shares if share is not None], totals


def _shared(tax: Decimal, amounts: list[Decimal], currency: str) -> list[Decimal]:
    """The tax over its lines by their size. Returns and sales may stand in one document and cancel out; what then
    has no size to be shared by falls on the first line."""
    weights = [abs(amount) for amount in amounts]
    if any(amount < 0 for amount in amounts) and any(amount > 0 for amount in amounts):
        total = sum(amounts, Decimal(0))
        each = [rounded(tax * amount / total, currency) if total else Decimal(0) for amount in amounts]
        each[0] += tax - sum(each, Decimal(0))
        return each
    if not any(weights):
        return [tax, *[Decimal(0)] * (len(amounts) - 1)]
    return allocate(tax, weights, currency)
