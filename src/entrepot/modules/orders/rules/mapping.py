"""What the columns of a foreign file mean: a declared, versioned mapping, read from TOML and checked as a whole."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from entrepot.modules.orders.rules.selling import SaleLine
from entrepot.pure.errors import Invalid
from entrepot.pure.money import parse

VERSION = 1
_PLAIN = "%Y-%m-%d %H:%M:%S"
_SPELT_OUT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII).fullmatch


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
    at: str = _PLAIN


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


class Goods(NamedTuple):
    """What was sold, as a row says it and as a line of a sale."""

    sku: str
    name: str
    price: Decimal
    line: SaleLine


class Row(NamedTuple):
    """A row of the file: a line of the sale with this document's number, which happened then."""

    document: str
    at: datetime
    goods: Goods


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


class Reader:
    """Reads the rows of a file with these column names. What many rows have alike (goods, quantities and prices are few,
    however many rows there are) is read once. Refuses with Invalid a file without the columns of its mapping."""

    def __init__(self, mapping: Mapping, names: Sequence[str]) -> None:
        missing = [name for name in mapping.columns.named() if name not in names]
        if missing:
            raise Invalid.field("columns", "the file has no column {column}", column=", ".join(missing))
        self.mapping = mapping
        self._width = len(names)
        # A row is read with one cell more, which is empty: that of the columns the file does not have.
        places = {name: place for place, name in enumerate(names)}
        columns: dict[str, str] = msgspec.structs.asdict(mapping.columns)
        self._at = {field: places[name] if name else self._width for field, name in columns.items()}
        self._skips = [
            (places.get(rule.column, self._width), re.compile(rule.pattern), rule.reason) for rule in mapping.skip
        ]
        self._goods = lru_cache(maxsize=10_000)(self._read_goods)

    def read(self, cells: Sequence[str]) -> Row:
        """A row as a line of a sale; refuses with Invalid, in words for the list of refused rows. Cells beyond the
        columns are left out, those that are missing are empty."""
        known = cells[: self._width]
        row = [*known, *[""] * (self._width - len(known) + 1)]
        for place, pattern, reason in self._skips:
            if pattern.search(row[place]):
                raise Invalid(reason)
        at, item = self._at, row[self._at["item"]]
        document = row[at["document"]].strip()
        if not document:
            raise Invalid("the row names no document")
        if not item.strip():
            raise Invalid("the row names no item")
        when = row[at["at"]] if self.mapping.columns.at else f"{row[at['date']]} {row[at['time']]}"
        moment = _moment(when.strip(), self.mapping.file.at)
        return Row(document, moment, self._goods(item, row[at["sku"]], row[at["quantity"]], row[at["unit_price"]]))

    def _read_goods(self, item: str, sku: str, many: str, each: str) -> Goods:
        mapping, name = self.mapping, item.strip()
        if not mapping.columns.sku:
            sku = _slug(name) if mapping.products.sku_from_name else name
        sku = sku.strip()
        quantity = parse(many) if mapping.columns.quantity else mapping.constants.quantity
        if quantity <= 0:
            raise Invalid("a quantity of {quantity} is no sale", quantity=format(quantity, "f"))
        price = parse(each) if mapping.columns.unit_price else mapping.prices.get(name, mapping.prices.get("*"))
        if price is None:
            raise Invalid("the mapping has no price for {item}", item=name)
        if price < 0:
            raise Invalid("a price of {price} is no sale", price=format(price, "f"))
        return Goods(sku, name, price, SaleLine(sku=sku, quantity=quantity, unit_price=price))


@lru_cache(maxsize=1000)
def _moment(when: str, form: str) -> datetime:
    """A moment as the file spells it; the lines of a document mostly share one."""
    try:
        if form == _PLAIN and _SPELT_OUT(when):
            return datetime.fromisoformat(when)  # the same, ten times as fast
        return datetime.strptime(when, form)  # noqa: DTZ007 - the mapping's time zone follows
    except ValueError:
        raise Invalid("{when} is no date of the form {form}", when=when, form=form) from None


def _slug(name: str) -> str:
    """A SKU from a name: Hot chocolate -> HOT-CHOCOLATE."""
    return re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")[:100] or "ITEM"
