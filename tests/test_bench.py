"""The harness of the benchmarks: its arithmetic, its lines and its page, and one small W that is sold for real."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from bench import checks, report
from bench.limits import Limit
from bench.measuring import Figure, percentile, short
from bench.run import asked, parsed
from bench.selling import plan, sell
from bench.system import System


def test_the_line_names_value_limit_ratio_and_spread():
    figure = Figure("w.c8.per_s", "W/s", [200.0, 100.0, 150.0], [1000.0, 1000.0, 500.0])
    assert figure.line() == "BENCH w.c8.per_s 150.0 W/s limit=1000 ratio=0.200 spread=100.0..200.0"


def test_the_ratio_is_the_median_of_the_rounds_own_ratios():
    disturbed = Figure("w.c8.per_s", "W/s", [100.0, 10.0, 110.0], [1000.0, 100.0, 1000.0])
    assert disturbed.ratios == [0.1, 0.1, 0.11]
    assert disturbed.ratio == 0.1
    assert (disturbed.value, disturbed.limit, disturbed.spread) == (100.0, 1000.0, (10.0, 110.0))


def test_without_a_limit_there_is_no_ratio():
    figure = Figure("start.memory_mb", "MB", [3.0, 1.0, 2.0])
    assert (figure.limit, figure.ratio, figure.ratios) == (None, None, [])
    assert figure.line() == "BENCH start.memory_mb 2.000 MB limit=- ratio=- spread=1.000..3.000"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.23456, "1.235"), (12.3456, "12.35"), (123.456, "123.5"), (54321.9, "54322")],
)
def test_numbers_keep_what_counts(number, text):
    assert short(number) == text


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile([7], 0.99) == 7
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)


def test_the_page_shows_every_figure_with_its_rounds(tmp_path):
    figures = [
        Figure("w.c8.per_s", "W/s", [200.0, 100.0, 150.0], [1000.0, 900.0, 800.0], "to the last effect"),
        Figure("start.memory_mb", "MB", [80.0, 81.0, 82.0]),
    ]
    page = report.write(tmp_path, figures, [], {"cores": 2})
    text = page.read_text()
    for figure in figures:
        assert text.count(f"<h2>{figure.name}</h2>") == 1
    assert "cores 2" in text
    assert "exactly once" in text
    bars = ElementTree.fromstring(report.plot(figures[0]))
    assert [bar.get("class") for bar in bars.iter("rect")] == ["limit", "mine"] * 3
    assert [label.text for label in bars.iter("text")][1::2] == [
        "1000 W/s", "200.0 W/s", "900.0 W/s", "100.0 W/s", "800.0 W/s", "150.0 W/s",
    ]  # fmt: skip
    kept = json.loads((page.parent / "w.c8.per_s.json").read_text())
    assert (kept["rounds"], kept["limits"], kept["ratio"]) == (figures[0].rounds, figures[0].limits, figures[0].ratio)
    assert kept["machine"] == {"cores": 2}
    assert (page.parent / "table.md").read_text().splitlines()[-2:] == [
        "| `w.c8.per_s` | 150.0 | W/s | 900.0 | 0.188 | 100.0 to 200.0 | to the last effect |",
        "| `start.memory_mb` | 81.00 | MB |  |  | 80.00 to 82.00 |  |",
    ]


def test_the_page_says_what_was_wrong():
    text = report.html([], ["3 sales were accepted, 2 orders are <there>"], {})
    assert "<li>3 sales were accepted, 2 orders are &lt;there&gt;</li>" in text
    assert "exactly once" not in text


def test_quick_is_small_and_rounds_are_at_least_three():
    run = asked(parsed(["w", "import", "--quick"]))
    assert (list(run.families), run.rounds, list(run.clients), run.orders) == (["w", "imports"], 3, [8], 20_000)
    for wrong in (["w", "--rounds", "2"], ["nothing"]):
        with pytest.raises(SystemExit):
            parsed(wrong)


async def test_a_few_dozen_sales_are_sold_timed_and_proven():
    system = System.at_new_home()
    try:
        system.up()
        shops = system.shops(products=8, customers=3)
        done = await sell(
            system,
            [plan(system, shops, 3, count=30), plan(system, shops, 1, seconds=0.3, database=system.database)],
        )
        sold = done.outcome.accepted
        assert sold >= 31
        assert (done.outcome.failed, done.outcome.refused) == (0, 0)
        assert len(done.outcome.times) == sold
        assert len(done.outcome.effects) == sold - 30
        assert await checks.verify(system, shops, sold=sold) == []
        assert await checks.verify(system, shops, sold=sold + 1, proofs=0) == [
            f"{sold + 1} sales were accepted, {sold} orders are there"
        ]
        rate = Limit(system).run("w_multi.sql", 2, 1)
        assert rate.failed == 0
        assert min(rate.per_s, rate.mean_ms, rate.wal) > 0
        connection = await system.connect()
        assert await checks.booked_later(connection, shops) == 0
        # A row that another transaction wrote once more looks like one that was booked later.
        touched = "UPDATE orders.sales_order SET number = number WHERE id = (SELECT id FROM orders.sales_order LIMIT 1)"
        await connection.execute(touched)
        assert await checks.booked_later(connection, shops) == pytest.approx(1 / sold)
        await connection.execute("UPDATE inventory.stock_level SET on_hand = on_hand - 1 WHERE sku = 'SKU-0001'")
        await connection.execute(
            "UPDATE payments.payment SET amount = amount + 1 WHERE id = (SELECT id FROM payments.payment LIMIT 1)"
        )
        passed = "UPDATE kernel.subscription SET handled = handled - 1 WHERE name = 'accounting.give_starting_chart'"
        await connection.execute(passed)
        await connection.close()
        problems = await checks.verify(system, shops, sold=sold)
        assert problems[:2] == ["accounting.give_starting_chart looked at 0 of 1 events", "unpaid: 1"]
        assert [problem.partition(":")[0] for problem in problems[2:]] == ["inventory.levels_equal_ledger"]
    finally:
        system.stop()
