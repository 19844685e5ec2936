"""Growth: W with very many orders stored beside W in an empty system, round by round in two systems."""

from __future__ import annotations

from bench import checks
from bench.grown import grown
from bench.run import Run
from bench.selling import plan, sell


async def measure(run: Run) -> None:
    clients = run.clients[0]
    big, shop = await grown(run)
    small, shops = run.system, run.system.shops(slug="empty")
    await sell(big, [plan(big, [shop], clients, seconds=run.warm)])
    await sell(small, [plan(small, shops, clients, seconds=run.warm)])
    empty, full = [], []
    for _ in range(run.rounds):
        empty.append(await sell(small, [plan(small, shops, clients, seconds=run.seconds)]))
        full.append(await sell(big, [plan(big, [shop], clients, seconds=run.seconds)]))
    about = f"with {run.orders} orders stored; the limit is the empty system"
    run.add("growth.per_s", "W/s", [r.per_s for r in full], [r.per_s for r in empty], about)
    cpu = [r.postgres_cpu * 1000 for r in full]
    run.add("growth.postgres_cpu_ms", "ms", cpu, [r.postgres_cpu * 1000 for r in empty], "CPU of PostgreSQL per W")
    run.problems += await checks.verify(big, [shop])
    run.problems += await checks.verify(small, shops)
