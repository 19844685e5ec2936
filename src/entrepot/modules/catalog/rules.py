"""What a SKU, a barcode and a product's life may look like."""

from __future__ import annotations

import re
from enum import StrEnum

from entrepot.pure.errors import Invalid
from entrepot.pure.states import Machine, Move

SKU = re.compile(r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?$")


class ProductState(StrEnum):
    active = "active"
    archived = "archived"


PRODUCT: Machine[ProductState] = Machine(
    "product",
    ProductState.active,
    [
        Move("archive", (ProductState.active,), ProductState.archived, needs="products.edit"),
        Move("restore", (ProductState.archived,), ProductState.active, needs="products.edit"),
    ],
)


def check_sku(sku: str, field: str = "sku") -> str:
    """1 to 100 characters, none of them a control character, no spaces around it. Letter case counts."""
    if not SKU.match(sku):
        raise Invalid.field(field, "must be 1 to 100 characters without spaces around them")
    return sku


def check_barcode(barcode: str | None) -> str | None:
    """A GTIN of 8, 12, 13 or 14 digits must have its check digit right (GS1 General Specifications, 7.9);
    other codes may be any short text."""
    if barcode is None or barcode == "":
        return None
    if barcode.isascii() and barcode.isdigit() and len(barcode) in (8, 12, 13, 14):
        digits = [int(d) for d in barcode]
        weighted = sum(d * (3 if at % 2 == 0 else 1) for at, d in enumerate(reversed(digits[:-1])))
        if (10 - weighted % 10) % 10 != digits[-1]:
            raise Invalid.field("barcode", "the check digit of this barcode is wrong")
    elif len(barcode) > 48:
        raise Invalid.field("barcode", "must be at most {most} characters", most=48)
    return barcode
