"""Import: lines of a CSV file to the posted ledger, beside COPY and plain set-based SQL of the same rows."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import checks
from bench.limits import SCRIPTS, Limit
from bench.run import Run
from bench.shop import Shop
from bench.system import System

LINES_EACH, PRODUCTS = 3, 200
_MAPPING = """
version = 1
name = "bench-%s"
[columns]
document = "document"
at = "at"
item = "item"
sku = "sku"
quantity = "quantity"
unit_price = "price"
[products]
create = true
opening_stock = "1000000"
cost_percent = "40"
"""


async def measure(run: Run) -> None:
    many = 3_000 if run.quick else 60_000
    rounds, limits = [], []
    run.limit.sql(text=_ROWS)
    for number in range(run.rounds):
        shop = run.system.shops(products=1, customers=0, slug="import")[0]
        file = run.system.home / f"import-{number}.csv"
        write(file, many, number)
        limits.append(many / plain(run.limit, file))
        rounds.append(many / bring_in(run.system, shop, file, many, number))
        run.problems += await checks.verify(run.system, [shop], sold=many // LINES_EACH)
    run.add("import.per_s", "lines/s", rounds, limits, f"{many} lines of {many // LINES_EACH} sales, to the last entry")


def write(file: Path, many: int, seed: int) -> None:
    dice = random.Random(seed)
    first = datetime(2026, 1, 2, 8, 0, 0, tzinfo=UTC)
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["document", "at", "item", "sku", "quantity", "price", "product", "cents"])
        for number in range(many // LINES_EACH):
            at = (first + timedelta(seconds=137 * number)).strftime("%Y-%m-%d %H:%M:%S")
            for product in dice.sample(range(1, PRODUCTS + 1), LINES_EACH):
                cents = 200 + 37 * product
                quantity = dice.randint(1, 3)
                price = f"{cents // 100}.{cents % 100:02d}"
                rows.writerow([number, at, f"Item {product}", f"ITEM-{product}", quantity, price, product, cents])


def bring_in(system: System, shop: Shop, file: Path, many: int, number: int) -> float:
    """Seconds of `entrepot import`, from its start to the last journal entry."""
    mapping = file.with_suffix(".toml")
    mapping.write_text(_MAPPING % number)
    words = [sys.executable, "-m", "entrepot", "import", "orders", str(file), "--mapping", str(mapping)]
    began = time.monotonic()
    done = subprocess.run(
        [*words, "--tenant", shop.slug, "--format", "json"], env=system.environment(), capture_output=True
    )
    took = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    result = json.loads(done.stdout)
    if (result["rows"], result["created"], result["refused"]) != (many, many // LINES_EACH, []):
        raise checks.Wrong(f"import: {str(result)[:500]}")
    return took


def plain(limit: Limit, file: Path) -> float:
    """Seconds of COPY and the set-based statements, without making the program ready."""
    columns = "document, at, item, sku, qty, amount, product, price"
    copy = f"\\copy w.import_row ({columns}) FROM '{file}' CSV HEADER\n"
    script = "TRUNCATE w.import_row;\n\\timing off\n" + copy + (SCRIPTS / "import.sql").read_text()
    began = time.monotonic()
    limit.sql(text=script)
    return time.monotonic() - began


_ROWS = """
CREATE UNLOGGED TABLE IF NOT EXISTS w.import_row (document text, at timestamptz, item text, sku text, qty int,
    amount numeric, product int, price bigint);
CREATE SEQUENCE IF NOT EXISTS w.import_id START 1000000000;
"""
