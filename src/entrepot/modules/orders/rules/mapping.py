"""What the columns of a foreign file mean: a declared, versioned mapping, read from TOML and checked as a whole."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from entrepot.pure.errors import Invalid
from entrepot.pure.money import parse

VERSION = 1


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which column holds what. `at` is date and time in one column, else `date` and `time` are two."""

    document: str
    item: str
    at: str = ""
    date: str = ""
    time: str = ""
    sku: str = ""
    quantity: str = ""
    unit_price: str = ""

    def named(self) -> list[str]:
        return [value for value in msgspec.structs.astuple(self) if value]


class Constants(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for every row that has no column for it."""

    quantity: Decimal = Decimal(1)
    payment: str = "cash"
    timezone: str = "UTC"
    store: str = ""
    terminal: str = ""


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the file is written."""

    delimiter: str = ","
    encoding: str = "utf-8-sig"
    at: str = "%Y-%m-%d %H:%M:%S"


class Skip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows that are no sale: those whose column matches the pattern; listed with the reason."""

    column: str
    pattern: str
    reason: str


class Products(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do about products that are not there: create them, with stock to have been sold from."""

    create: bool = False
    tax_category: str = "standard"
    opening_stock: Decimal = Decimal(0)
    cost_percent: Decimal = Decimal(0)
    oversell: bool = False
    sku_from_name: bool = True


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping. Its name is part of every sale's id, so another name is another import."""

    version: int
    name: str
    columns: Columns
    constants: Constants = Constants()
    file: Layout = Layout()
    products: Products = Products()
    skip: list[Skip] = []
    prices: dict[str, Decimal] = {}

    def skipped(self, cells: dict[str, str]) -> str | None:
        """Why a row is left out, or None."""
        for rule in self.skip:
            if re.search(rule.pattern, cells.get(rule.column, "")):
                return rule.reason
        return None


class Row(msgspec.Struct, frozen=True):
    """A row of the file as a line of a sale."""

    document: str
    at: datetime
    sku: str
    name: str
    quantity: Decimal
    unit_price: Decimal


def read_mapping(text: str) -> Mapping:
    """The mapping, checked as a whole; refuses with Invalid what cannot be used."""
    try:
        raw: dict[str, Any] = tomllib.loads(text)
        mapping = msgspec.convert(raw, Mapping, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid.field("mapping", "this mapping cannot be used: {problem}", problem=str(error)) from None
    if mapping.version != VERSION:
        raise Invalid.field("mapping.version", "this mapping has version {version}, not 1", version=mapping.version)
    if not mapping.columns.at and not mapping.columns.date:
        raise Invalid.field("mapping.columns", "name the column of the date")
    for rule in mapping.skip:
        try:
            re.compile(rule.pattern)
        except re.error as error:
            raise Invalid.field("mapping.skip", "this mapping cannot be used: {problem}", problem=str(error)) from None
    return mapping


def read_row(mapping: Mapping, cells: dict[str, str]) -> Row:
    """A row as a line of a sale; refuses with Invalid, in words for the list of refused rows."""
    columns = mapping.columns
    name = cells[columns.item].strip()
    document = cells[columns.document].strip()
    if not document:
        raise Invalid("the row names no document")
    if not name:
        raise Invalid("the row names no item")
    when = cells[columns.at] if columns.at else f"{cells[columns.date]} {cells.get(columns.time, '')}"
    at = _moment(when.strip(), mapping.file.at)
    sku = cells[columns.sku].strip() if columns.sku else (_slug(name) if mapping.products.sku_from_name else name)
    quantity = _number(cells[columns.quantity]) if columns.quantity else mapping.constants.quantity
    if quantity <= 0:
        raise Invalid("a quantity of {quantity} is no sale", quantity=format(quantity, "f"))
    if columns.unit_price:
        price = _number(cells[columns.unit_price])
    else:
        found = mapping.prices.get(name, mapping.prices.get("*"))
        if found is None:
            raise Invalid("the mapping has no price for {item}", item=name)
        price = found
    if price < 0:
        raise Invalid("a price of {price} is no sale", price=format(price, "f"))
    return Row(document, at, sku, name, quantity, price)


# Quantities and prices are few, however many rows there are.
_number = lru_cache(maxsize=10_000)(parse)


@lru_cache(maxsize=1000)
def _moment(when: str, form: str) -> datetime:
    """A moment as the file spells it; the lines of a document mostly share one."""
    try:
        return datetime.strptime(when, form)  # noqa: DTZ007 - the mapping's time zone follows
    except ValueError:
        raise Invalid("{when} is no date of the form {form}", when=when, form=form) from None


def _slug(name: str) -> str:
    """A SKU from a name: Hot chocolate -> HOT-CHOCOLATE."""
    return re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")[:100] or "ITEM"
