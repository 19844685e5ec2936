"""kill -9 between any two steps: after the restart goods, money and order agree."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
@pytest.mark.covers("ORD-118", "OBS-011", "OBS-010")
def test_a_sale_and_its_booking_survive_a_kill_before_every_statement():
    home = Path(tempfile.mkdtemp(prefix="entrepot-kill-"))
    home.chmod(0o755)
    try:
        program = Path(__file__).with_name("killing.py")
        done = subprocess.run([sys.executable, str(program), str(home)], capture_output=True, timeout=580)
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        reports = [json.loads(line) for line in (home / "reports.jsonl").read_text().splitlines()]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    sales = [r for r in reports if r["what"] == "sale"]
    relays = [r for r in reports if r["what"] == "relay"]
    booked = [r for r in reports if r["what"] == "booked"]
    assert len(sales) > 10, "a sale has at least that many statements"
    assert len(relays) > 12
    assert len(booked) > len(sales), "booking it at once takes more"
    for kind in (sales, relays, booked):
        assert [r["ended"] for r in kind] == [-9] * (len(kind) - 1) + [0]
    for count, report in enumerate(reports, start=1):
        if report["what"] != "relay":
            # Killed: the sale is there as a whole, or not at all.
            between = report["between"]
            assert between["orders"] in (count - 1, count)
            whole(between, between["orders"])
        if report["what"] == "booked":
            # And where it is, its booking is as well, before any relay has run.
            assert report["between"]["trial"] == trial(report["between"]["orders"]), report["step"]
        after = report["after"]
        whole(after, count)
        assert after["trial"] == trial(count), (report["what"], report["step"])


def trial(sales):
    return {
        "1000": str(Decimal("6.00") * sales),
        "1300": str(Decimal("1000.00") - Decimal("2.00") * sales),
        "2200": str(Decimal("-1.04") * sales),
        "4000": str(Decimal("-4.96") * sales),
        "5000": str(Decimal("2.00") * sales),
        "5100": "-1000.00",
    }


def whole(found, sales):
    assert found["lines"] == sales
    assert Decimal(found["paid"]) == 6 * sales
    assert Decimal(found["stock"]) == 1000 - 2 * sales
    assert found["wrong"] == []
    assert found["numbers"] == sales, "order numbers are unique; a killed sale may leave a gap"
    counted = [int(number[-6:]) for number in found["entries"]]
    assert counted == list(range(1, len(counted) + 1)), "entry numbers have no gap"
