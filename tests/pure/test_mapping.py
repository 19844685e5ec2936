"""How the rows of a foreign file become lines of sales: what is read once is read as if it were read each time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entrepot.modules.orders.rules.mapping import Reader, Row, read_mapping
from entrepot.pure.errors import Invalid

MAPPING = """
version = 1
name = "till"
[columns]
document = "Receipt"
at = "When"
item = "Item"
sku = "Code"
quantity = "Many"
unit_price = "Each"
[[skip]]
column = "Item"
pattern = "^Void"
reason = "a void line"
"""
NAMES = ["Receipt", "When", "Item", "Code", "Many", "Each", "Note"]
BY_NAME = """
version = 1
name = "bakery"
[columns]
document = "Receipt"
date = "Day"
item = "Item"
[file]
at = "%d/%m/%Y"
[prices]
Bread = 2.5
"*" = 1
"""


def plain(when: str = "2026-01-02 08:00:00", **cells: str) -> Row:
    row = {"Receipt": "7", "When": when, "Item": "Tea", "Code": "TEA", "Many": "2", "Each": "1.50", "Note": "", **cells}
    return Reader(read_mapping(MAPPING), NAMES).read([row[name] for name in NAMES])


def test_a_row_is_a_line_with_its_moment() -> None:
    document, at, goods = plain(Receipt=" 7 ", Code=" TEA ")
    assert (document, at) == ("7", datetime(2026, 1, 2, 8, 0))  # noqa: DTZ001 - the mapping's time zone follows
    assert (goods.sku, goods.name, goods.price) == ("TEA", "Tea", Decimal("1.50"))
    assert (goods.line.sku, goods.line.quantity, goods.line.unit_price) == ("TEA", Decimal(2), Decimal("1.50"))


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Item": "Void it"}, "a void line"),
        ({"Receipt": "  "}, "the row names no document"),
        ({"Item": " "}, "the row names no item"),
        ({"when": "2026-02-30 08:00:00"}, "2026-02-30 08:00:00 is no date of the form %Y-%m-%d %H:%M:%S"),
        ({"Many": "0"}, "a quantity of 0 is no sale"),
        ({"Each": "-1"}, "a price of -1 is no sale"),
    ],
)
def test_a_row_that_is_no_sale_is_refused_however_often(cells: dict[str, str], reason: str) -> None:
    for _ in range(2):
        with pytest.raises(Invalid) as refused:
            plain(**cells)
        assert str(refused.value) == reason


def test_cells_that_are_missing_are_empty_and_those_beyond_the_columns_are_left_out() -> None:
    reader = Reader(read_mapping(MAPPING), NAMES)
    whole = ["7", "2026-01-02 08:00:00", "Tea", "TEA", "2", "1.50"]
    assert reader.read(whole) == reader.read([*whole, "note"]) == reader.read([*whole, "note", "beyond"])
    with pytest.raises(Invalid):
        reader.read(whole[:4])


@pytest.mark.parametrize("names", [["Item", "Receipt", "Day"], ["Item", "Receipt", "Day", ""]])
@pytest.mark.parametrize("beyond", [[], ["x"], ["x", "y"], ["x", "y", "z"]])
def test_a_row_longer_than_its_file_fills_no_column_it_does_not_have(names: list[str], beyond: list[str]) -> None:
    """Nor does a column without a name, as a comma at the end of each line makes one."""
    _, at, goods = Reader(read_mapping(BY_NAME), names).read(["Bread", "1", "02/01/2026", *beyond])
    assert (at, goods.sku, goods.price) == (datetime(2026, 1, 2), "BREAD", Decimal("2.5"))  # noqa: DTZ001 - as above


def test_what_the_file_does_not_say_the_mapping_does() -> None:
    reader = Reader(read_mapping(BY_NAME), ["Item", "Receipt", "Day"])
    found = [reader.read(row) for row in (["Bread", "1", "02/01/2026"], [" rye bread!", "2", "03/01/2026"])]
    assert [(row.at.day, row.goods.sku, row.goods.name, row.goods.price, row.goods.line.quantity) for row in found] == [
        (2, "BREAD", "Bread", Decimal("2.5"), 1),
        (3, "RYE-BREAD", "rye bread!", Decimal(1), 1),
    ]
    with pytest.raises(Invalid) as refused:
        Reader(read_mapping(BY_NAME), ["Item", "Day"])
    assert str(refused.value) == "the file has no column Receipt"


@given(st.from_regex(r"[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}[ T][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.5|Z)?", fullmatch=True))
@example("2026-1-2 8:0:0")
@example("2024-02-29 23:59:59")
@example("2026-02-29 00:00:00")
@example("0000-01-01 00:00:00")
@example("2026-01-01 24:00:00")
@example("2026-01-01 00:00:60")
@example("२०२६-01-01 00:00:00")
def test_a_moment_is_read_as_its_form_says(when: str) -> None:
    try:
        wanted: datetime | None = datetime.strptime(when, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - as above
    except ValueError:
        wanted = None
    try:
        found: datetime | None = plain(when).at
    except Invalid:
        found = None
    assert found == wanted
