"""Reports: the trial balance over very many lines beside one indexed read of kept balances, and equal to a recount."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

from bench.figures.lists import reader_of
from bench.grown import grown
from bench.run import Run
from entrepot import assembly
from entrepot.kernel import config as configuration
from entrepot.kernel.units import unit
from entrepot.modules.accounting.queries.balances import trial_balance


async def measure(run: Run) -> None:
    system, shop = await grown(run)
    owner = await system.connect()
    config = configuration.load(
        {}, home=str(system.home / "reports"), database_name="entrepot", secret="bench" * 10, log_level="warning"
    )
    house, _ = await assembly.build(config, system.server, works=False)
    await house.databases.open()
    lines = await owner.fetchval(
        "SELECT count(*) FROM accounting.journal_line WHERE tenant_id = $1::text::uuid", shop.tenant
    )
    kept, mine, counted = [], [], []

    middle = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=15)

    async def ours(day: date | None = None) -> dict[str, Decimal]:
        async with unit(house, UUID(shop.tenant), read_only=True) as ctx:
            return {row.code: row.debit - row.credit for row in await trial_balance(ctx, day)}

    try:
        for _ in range(run.rounds):
            kept.append(await _median(run.samples, lambda: owner.fetch(_KEPT, shop.tenant)))
            mine.append(await _median(run.samples, ours))
            counted.append(await _median(2, lambda: owner.fetch(_RECOUNT, shop.tenant, date.max)))
        for day in (None, middle):
            recount = dict(await owner.fetch(_RECOUNT, shop.tenant, day or date.max))
            if await ours(day) != recount:
                run.problems.append(f"reports: the trial balance of {day or 'now'} differs from a recount of its lines")
    finally:
        await house.databases.close()
        await owner.close()
    run.add("reports.trial_balance_ms", "ms", mine, kept, f"over {lines} lines, in a transaction of its own")
    run.add("reports.recount_ratio_ms", "ms", mine, counted, "the same beside GROUP BY over all lines")
    async with reader_of(run, system, shop) as reader:
        asked = [await reader.trial_balance() for _ in range(run.rounds)]
        days = [await reader.trial_balance(middle) for _ in range(run.rounds)]
        ledgers = [await reader.ledger("4000") for _ in range(run.rounds)]
    run.add("reports.trial_balance_http_ms", "ms", asked, kept, "by HTTP")
    run.add("reports.trial_balance_of_a_day_ms", "ms", days, about=f"as of {middle}, the middle of a month, by HTTP")
    run.add(
        "reports.ledger_ms", "ms", ledgers, about="the first 10,000 lines of an account of as many as orders, by HTTP"
    )


async def _median(times: int, call: Any) -> float:
    """Milliseconds; the first call is for warming up."""
    found = []
    for _ in range(times + 1):
        began = time.perf_counter()
        await call()
        found.append((time.perf_counter() - began) * 1000)
    return median(found[1:])


_KEPT = """
SELECT account_id, sum(debit) - sum(credit) AS balance FROM accounting.account_balance
WHERE tenant_id = $1::text::uuid GROUP BY account_id
"""
_RECOUNT = """
SELECT a.code, s.balance FROM (
    SELECT account_id, sum(debit) - sum(credit) AS balance FROM accounting.journal_line
    WHERE tenant_id = $1::text::uuid AND date <= $2 GROUP BY account_id) s
JOIN accounting.account a ON a.id = s.account_id WHERE a.tenant_id = $1::text::uuid AND s.balance <> 0
"""
