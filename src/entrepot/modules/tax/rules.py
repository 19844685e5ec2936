"""The rates a new tenant starts with, and what a rate may be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from entrepot.pure.errors import Invalid

CATEGORIES = ("standard", "reduced", "zero", "exempt")
CODES = ("S", "Z", "E", "AE", "K", "G", "O")

# Netherlands: Wet op de omzetbelasting 1968, articles 9 and 12; 21 % since 2012-10-01, 9 % since 2019-01-01.
# Germany: Umsatzsteuergesetz, section 12. Belgium: Royal Decree no. 20. United Kingdom: VAT Act 1994, section 2.
STARTING: tuple[tuple[str, str, str, str, Decimal, date], ...] = (
    ("NL", "standard", "S", "VAT high", Decimal(19), date(2001, 1, 1)),
    ("NL", "standard", "S", "VAT high", Decimal(21), date(2012, 10, 1)),
    ("NL", "reduced", "S", "VAT low", Decimal(6), date(1986, 10, 1)),
    ("NL", "reduced", "S", "VAT low", Decimal(9), date(2019, 1, 1)),
    ("NL", "zero", "Z", "VAT zero", Decimal(0), date(1969, 1, 1)),
    ("NL", "exempt", "E", "VAT exempt", Decimal(0), date(1969, 1, 1)),
    ("DE", "standard", "S", "VAT high", Decimal(19), date(2007, 1, 1)),
    ("DE", "reduced", "S", "VAT low", Decimal(7), date(1983, 7, 1)),
    ("DE", "zero", "Z", "VAT zero", Decimal(0), date(1968, 1, 1)),
    ("DE", "exempt", "E", "VAT exempt", Decimal(0), date(1968, 1, 1)),
    ("BE", "standard", "S", "VAT high", Decimal(21), date(1996, 1, 1)),
    ("BE", "reduced", "S", "VAT low", Decimal(6), date(1971, 1, 1)),
    ("BE", "zero", "Z", "VAT zero", Decimal(0), date(1971, 1, 1)),
    ("BE", "exempt", "E", "VAT exempt", Decimal(0), date(1971, 1, 1)),
    ("GB", "standard", "S", "VAT high", Decimal(20), date(2011, 1, 4)),
    ("GB", "reduced", "S", "VAT low", Decimal(5), date(1997, 9, 1)),
    ("GB", "zero", "Z", "VAT zero", Decimal(0), date(1973, 4, 1)),
    ("GB", "exempt", "E", "VAT exempt", Decimal(0), date(1973, 4, 1)),
)


def check_rate(country: str, category: str, code: str, rate: Decimal) -> None:
    if len(country) != 2 or not country.isascii() or not country.isupper():
        raise Invalid.field("country", "this is not a country code")
    if category not in CATEGORIES:
        raise Invalid.field("category", "must be one of {allowed}", allowed=list(CATEGORIES))
    if code not in CODES:
        raise Invalid.field("code", "must be one of {allowed}", allowed=list(CODES))
    if not 0 <= rate <= 100:
        raise Invalid.field("rate", "must be a percentage from 0 to 100")
