"""Rows as CSV and XLSX for people and their spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(names: Sequence[str], rows: Sequence[Any]) -> bytes:
    """UTF-8 with a byte order mark, so that spreadsheets read it right; text that would be a formula is quoted."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([_text(getattr(row, name)) for name in names] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(names: Sequence[str], rows: Sequence[Any]) -> bytes:
    """One sheet with a frozen header. Numbers beyond what a spreadsheet keeps exactly are written as text."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(
        out,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True},
    ) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.write_row(0, 0, names, bold)
        sheet.freeze_panes(1, 0)
        for at, row in enumerate(rows, start=1):
            for column, name in enumerate(names):
                value = getattr(row, name)
                if isinstance(value, datetime):
                    sheet.write_datetime(at, column, value, moment)
                elif isinstance(value, Decimal) and len(value.as_tuple().digits) <= 15:
                    sheet.write_number(at, column, value)
                elif isinstance(value, bool | int) and not isinstance(value, Enum):
                    sheet.write(at, column, value)
                else:
                    sheet.write_string(at, column, _plain(value))
    return out.getvalue()


SHEETS: dict[str, tuple[bytes, Callable[[Sequence[str], Sequence[Any]], bytes]]] = {
    "csv": (b"text/csv; charset=utf-8", as_csv),
    "xlsx": (b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
}


def _text(value: Any) -> str:
    text = _plain(value)
    # A leading quote is what spreadsheets themselves use to say "this is text".
    return "'" + text if isinstance(value, str) and text.startswith(FORMULA) else text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
