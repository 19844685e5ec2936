"""A report as PDF: one plain table on A4, set by typst."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from entrepot.pure.encoding import encode

_SOURCE = """
#let facts = json(bytes(sys.inputs.facts))
#set page(paper: "a4", flipped: facts.wide, margin: 18mm)
#set page(footer: context align(right, text(8pt, counter(page).display("1 / 1", both: true))))
#set text(size: 9pt)
#text(16pt, weight: "bold", facts.title)
#v(4mm)
#table(
  columns: facts.columns.map(_ => auto),
  stroke: (x, y) => (bottom: 0.4pt + luma(200)),
  inset: (x: 5pt, y: 4pt),
  align: (x, y) => if facts.numbers.at(x) { right } else { left },
  table.header(..facts.columns.map(c => text(weight: "bold", c))),
  ..facts.rows.flatten(),
)
"""


async def report_pdf(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool]
) -> bytes:
    """The table as PDF, made off the event loop."""
    facts = {"title": title, "columns": columns, "rows": rows, "numbers": numbers, "wide": len(columns) > 6}
    return await asyncio.to_thread(_compile, encode(facts).decode())


def _compile(facts: str) -> bytes:
    import typst

    found: bytes = typst.compile(_SOURCE.encode(), sys_inputs={"facts": facts})
    return found
