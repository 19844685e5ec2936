"""Growth: W, lists, dashboard and report with very many orders stored beside an empty system, round by round in two systems."""

from __future__ import annotations

from bench import checks
from bench.figures.lists import FAR, PAGE, Reader, reader_of
from bench.grown import grown
from bench.run import Run
from bench.selling import plan, sell


async def measure(run: Run) -> None:
    clients = run.clients[0]
    big, shop = await grown(run)
    small, shops = run.system, run.system.shops(slug="empty")
    await sell(big, [plan(big, [shop], clients, seconds=run.warm)])
    await sell(small, [plan(small, shops, clients, seconds=run.warm)])
    async with reader_of(run, big, shop) as much, reader_of(run, small, shops[0]) as little:
        await _look(run, much, little)
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


async def _look(run: Run, much: Reader, little: Reader) -> None:
    """What those see who look at orders and books; the limit is the empty system, with what was just sold there."""
    pages = min(FAR, run.orders // PAGE // 2)
    cursor, _ = await much.walk(pages)
    found: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(run.rounds):
        first = await little.page()
        for name, here, there in (
            ("first_page", await much.page(), first),
            ("far_page", await much.page(cursor), first),
            ("dashboard_p95", await much.dashboard(), await little.dashboard()),
            ("trial_balance", await much.trial_balance(), await little.trial_balance()),
        ):
            big, small = found.setdefault(name, ([], []))
            big.append(here)
            small.append(there)
    about = {"far_page": f"page {pages} of {PAGE}, by HTTP; the limit is the first page of the empty system"}
    for name, (big, small) in found.items():
        otherwise = f"with {run.orders} orders stored, by HTTP; the limit is the empty system"
        run.add(f"growth.{name}_ms", "ms", big, small, about.get(name, otherwise))
