"""Sales of another till come in from a file."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from entrepot.testing.running import Running
from tests.faults.test_tills import make_tenant

ITEMS = {"Bun": "1.25", "Loaf": "3.10", "Tea": "2.20", "Soup": "4.75"}

MAPPING = """
version = 1
name = "old-till"
[columns]
document = "Ticket"
date = "Day"
time = "Clock"
item = "Article"
quantity = "Count"
[constants]
payment = "card"
timezone = "Europe/Amsterdam"
[[skip]]
column = "Article"
pattern = "^VOID$"
reason = "a void line"
[products]
create = true
tax_category = "reduced"
opening_stock = "50000"
cost_percent = "40"
[prices]
Bun = "1.25"
Loaf = "3.10"
Tea = "2.20"
Soup = "4.75"
"""


def write_files(folder: Path, tickets: int) -> tuple[Path, Path, dict[str, Decimal], int]:
    """A file of so many tickets over three months; returns it, its mapping, the sales by month, and its lines."""
    file, mapping = folder / "till.csv.gz", folder / "mapping.toml"
    mapping.write_text(MAPPING)
    months: dict[str, Decimal] = {}
    lines = 0
    with gzip.open(file, "wt", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Day", "Clock", "Ticket", "Article", "Count"])
        for ticket in range(1, tickets + 1):
            month = 1 + ticket * 3 // (tickets + 1)
            day = f"2025-{month:02d}-{1 + ticket % 28:02d}"
            for at, article in enumerate(list(ITEMS)[: 1 + ticket % 4]):
                count = 1 + (ticket + at) % 3
                writer.writerow([day, "12:30:00", ticket, article, count])
                months[day[:7]] = months.get(day[:7], Decimal(0)) + count * Decimal(ITEMS[article])
                lines += 1
        writer.writerow(["2025-03-28", "12:30:00", 1, "VOID", 1])
        writer.writerow(["2025-03-28", "12:30:00", 2, "Cake", 1])
        writer.writerow(["not a day", "12:30:00", 3, "Bun", 1])
        writer.writerow(["2025-03-28", "12:30:00", 4, "Bun", "-1"])
    return file, mapping, months, lines


@pytest.fixture
def system():
    running = Running.at_new_home()
    try:
        yield running
    finally:
        running.stop()


def import_file(system: Running, file: Path, mapping: Path) -> dict[str, object]:
    return json.loads(system.command("import", "orders", str(file), "--mapping", str(mapping), "--format", "json"))


@pytest.mark.timeout(300)
def test_an_import_can_be_killed_restarted_and_repeated(system, tmp_path):
    file, mapping, months, lines = write_files(tmp_path, 3000)
    make_tenant(system)
    process = subprocess.Popen(
        [sys.executable, "-m", "entrepot", "import", "orders", str(file), "--mapping", str(mapping)],
        env=system.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    asyncio.run(_some_orders(system, process))
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    rest = import_file(system, file, mapping)
    assert rest["documents"] == 3000
    assert 0 < rest["repeated"] < 3000, "it was killed on the way"
    assert rest["created"] + rest["repeated"] == 3000, rest["refused"][:3]
    assert rest["refused"] == [
        {"row": lines + 1, "reason": "a void line"},
        {"row": lines + 2, "reason": "the mapping has no price for Cake"},
        {"row": lines + 3, "reason": "not a day 12:30:00 is no date of the form %Y-%m-%d %H:%M:%S"},
        {"row": lines + 4, "reason": "a quantity of -1 is no sale"},
    ]
    again = import_file(system, file, mapping)
    assert (again["created"], again["repeated"], again["products"]) == (0, 3000, 0)
    report = json.loads(system.command("report", "sales", "--by", "month", "--format", "json"))
    assert {row["month"]: Decimal(row["sales"]) for row in report} == months
    assert sum(row["lines"] for row in report) == lines
    assert sum(row["invoices"] for row in report) == 3000
    assert all(
        (row["credit_notes"], row["credits"], row["adjustments"], row["net"]) == (0, "0.00", "0.00", row["sales"])
        for row in report
    )
    trial = json.loads(system.command("report", "trial-balance", "--format", "json"))
    assert all(set(row) == {"code", "name", "debit", "credit"} for row in trial)
    assert sum(Decimal(row["debit"]) for row in trial) == sum(Decimal(row["credit"]) for row in trial)
    by_code = {row["code"]: row for row in trial}
    assert Decimal(by_code["1020"]["debit"]) == sum(months.values())
    assert all(row["problems"] == [] for row in json.loads(system.command("check", "--format", "json")))


async def _some_orders(system: Running, process: subprocess.Popen[bytes]) -> None:
    """Wait until some of the import is committed and it is still running."""
    import asyncpg

    for _ in range(2000):
        assert process.poll() is None, "the import was over before it could be killed"
        known = system.home / "postgres" / "server.json"
        if known.exists():
            url = json.loads(known.read_text())["url"].replace("/postgres?", "/entrepot?")
            try:
                connection = await asyncpg.connect(url)
                try:
                    count = await connection.fetchval("SELECT count(*) FROM orders.sales_order")
                finally:
                    await connection.close()
                if count and count >= 400:
                    return
            except (asyncpg.PostgresError, OSError):
                pass
        await asyncio.sleep(0.01)
    raise AssertionError("the import never began")
