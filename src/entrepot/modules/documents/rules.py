"""What a receipt says, in which words, and which files are taken in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from entrepot.modules.documents.contract import ReceiptData
from entrepot.pure.errors import Invalid
from entrepot.pure.money import plain, text

CATEGORIES = ("invoice", "contract", "product_image", "receipt", "packing_slip", "other")
LARGEST = 25_000_000

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "receipt": "Receipt",
        "refund": "Refund",
        "takes_back": "Of receipt",
        "date": "Date",
        "terminal": "Till",
        "cashier": "Served by",
        "total": "Total",
        "change": "Change",
        "tax_rate": "VAT",
        "net": "Net",
        "tax": "Tax",
        "vat": "VAT",
        "thanks": "Thank you!",
        "cash": "Cash",
        "card": "Card",
        "bank_transfer": "Bank transfer",
        "gift": "Gift card",
        "on_account": "On account",
        "discount": "discount",
    },
    "nl": {
        "receipt": "Bon",
        "refund": "Retourbon",
        "takes_back": "Van bon",
        "date": "Datum",
        "terminal": "Kassa",
        "cashier": "Geholpen door",
        "total": "Totaal",
        "change": "Wisselgeld",
        "tax_rate": "Btw",
        "net": "Netto",
        "tax": "Btw-bedrag",
        "vat": "Btw-nr.",
        "thanks": "Bedankt en tot ziens!",
        "cash": "Contant",
        "card": "Pin",
        "bank_transfer": "Overboeking",
        "gift": "Cadeaukaart",
        "on_account": "Op rekening",
        "discount": "korting",
    },
}


def receipt_texts(data: ReceiptData) -> dict[str, Any]:
    """Everything on the receipt as text, in its language: the template only places it."""
    words = WORDS.get(data.locale, WORDS["en"])
    if data.takes_back:
        words = {**words, "receipt": words["refund"]}
    comma = data.locale == "nl"

    def money(amount: Decimal) -> str:
        written = text(amount, data.currency)
        return written.replace(".", ",") if comma else written

    def number(amount: Decimal) -> str:
        whole, _, decimals = plain(amount).partition(".")
        written = f"{whole}.{decimals.rstrip('0')}".rstrip(".")
        return written.replace(".", ",") if comma else written

    at = data.placed_at.astimezone(ZoneInfo(data.timezone))
    lines = []
    for line in data.lines:
        detail = "" if line.quantity == 1 else f"{number(line.quantity)} × {money(line.unit_price)}"
        if line.discount:
            detail = f"{detail}  {words['discount']} {money(line.discount)}".strip()
        lines.append({"name": line.name, "amount": money(line.amount), "detail": detail})
    return {
        "title": f"{words['receipt']} {data.number}",
        "locale": data.locale,
        "labels": words,
        "seller": data.seller,
        "address": data.address,
        "vat_number": data.vat_number,
        "number": data.number,
        "takes_back": data.takes_back,
        # The document carries the moment of the sale, so making it again gives the same document.
        "made": [at.year, at.month, at.day, at.hour, at.minute, at.second],
        "placed_at": at.strftime("%d-%m-%Y %H:%M" if comma else "%Y-%m-%d %H:%M"),
        "terminal": data.terminal,
        "cashier": data.cashier,
        "lines": lines,
        "taxes": [[f"{number(t.rate)} %", money(t.net), money(t.tax)] for t in data.taxes],
        "total": f"{money(data.total)} {data.currency}",
        "payments": [[words.get(method, method), money(amount)] for method, amount in data.payments],
        "change": money(data.change) if data.change else "",
    }


def check_upload(name: str, size: int, category: str) -> str:
    """A file name without folders, of a size and category we take."""
    plain_name = name.replace("\\", "/").rsplit("/", 1)[-1].strip()
    if not plain_name or len(plain_name) > 200 or "\x00" in plain_name:
        raise Invalid.field("name", "must be 1 to {most} characters", most=200)
    if size > LARGEST:
        raise Invalid.field("file", "must be at most {most} bytes", most=LARGEST)
    if size == 0:
        raise Invalid.field("file", "the file is empty")
    if category not in CATEGORIES:
        raise Invalid.field("category", "must be one of {allowed}", allowed=list(CATEGORIES))
    return plain_name
