"""How commands print what they found: for people, for a spreadsheet, or for another program."""

from __future__ import annotations

import csv
import sys
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from rich.table import Table

from entrepot.cli.running import err, out
from entrepot.pure.encoding import encode


class Shape(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"


def show(rows: Any, format: Shape) -> None:
    """Whatever a command found, as rows."""
    found = msgspec.to_builtins(rows, builtin_types=(date, UUID))
    if format is Shape.json:
        raw(encode(found))
    else:
        table(found if isinstance(found, list) else [found], format)


def table(rows: list[dict[str, Any]], format: Shape) -> None:
    """Rows that all have the same names, for people or for a spreadsheet."""
    if not rows:
        err.print("nothing to show", style="dim")
        return
    if format is Shape.csv:
        writer = csv.DictWriter(sys.stdout, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return
    shown = Table(*[str(name) for name in rows[0]], box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*["" if value is None else str(value) for value in row.values()])
    out.print(shown)


def raw(content: bytes) -> None:
    """Without colours or wrapping: another program reads this. All of it, also where Python is told not to buffer: there a
    signal cuts a write short."""
    left = memoryview(content + b"\n")
    while left:
        left = left[sys.stdout.buffer.write(left) :]
    sys.stdout.flush()
