"""W: one sale of five lines by HTTP, to its last effect, beside the same work in plain SQL of one transaction."""

from __future__ import annotations

from statistics import median

from bench import checks
from bench.measuring import percentile
from bench.run import Run
from bench.selling import plan, sell
from bench.shop import Shop
from bench.system import System

MOST_LATER = 0.1  # of the sales; with more, what a till sees is the better measure


async def measure(run: Run) -> None:
    system, limit = run.system, run.limit
    shops = system.shops()
    sold = 0
    warm = await sell(system, [plan(system, shops, max(run.clients), seconds=run.warm)])
    sold += warm.outcome.accepted
    limit.run("w_multi.sql", max(run.clients), 1)
    for clients in run.clients:
        rounds, limits, tills, seen = [], [], [], []
        for _ in range(run.rounds):
            limits.append(limit.run("w_multi.sql", clients, run.seconds))
            rounds.append(await sell(system, [plan(system, shops, clients, seconds=run.seconds)]))
            # Looking for effects holds a client up, so it is done beside the rounds that are counted.
            watched = [
                plan(system, shops, clients - 1, seconds=run.seconds / 2),
                plan(system, shops, 1, seconds=run.seconds / 2, database=system.database),
            ]
            watching = await sell(system, watched)
            tills.append([t * 1000 for t in rounds[-1].outcome.times])
            seen.append([t * 1000 for t in watching.outcome.effects])
            sold += rounds[-1].outcome.accepted + watching.outcome.accepted
        name = f"w.c{clients}"
        run.add(f"{name}.per_s", "W/s", [r.per_s for r in rounds], [r.per_s for r in limits], "to the last effect")
        later = await booked_later(system, shops)
        means = [r.mean_ms for r in limits]
        if later < MOST_LATER:
            # Their last effect was committed before they were answered; the others may have been the quickest to answer.
            about = f"to the last effect: {1 - later:.1%} had it in the transaction of the sale"
            run.add(f"{name}.median_ms", "ms", [percentile(t, 0.5 + later) for t in tills], means, about)
        else:
            run.add(f"{name}.median_ms", "ms", [median(s) for s in seen], means, "to the last effect seen by a till")
        run.add(f"{name}.seen_ms", "ms", [median(s) for s in seen], about="until a till that asks the database sees it")
        run.add(f"{name}.answer_ms", "ms", [median(t) for t in tills], about="median of the HTTP answer")
        run.add(f"{name}.answer_p99_ms", "ms", [percentile(t, 0.99) for t in tills], about="p99 of the HTTP answer")
        run.add(f"{name}.wal_kb", "kB", [r.wal / 1000 for r in rounds], [r.wal / 1000 for r in limits])
        run.add(f"{name}.product_cpu_ms", "ms", [r.own_cpu * 1000 for r in rounds], about="CPU of the product per W")
        run.add(
            f"{name}.postgres_cpu_ms", "ms", [r.postgres_cpu * 1000 for r in rounds], about="CPU of PostgreSQL per W"
        )
        run.add(f"{name}.client_cpu_ms", "ms", [r.client_cpu * 1000 for r in rounds], about="CPU of the load per W")
    run.problems += await checks.verify(system, shops, sold=sold)


async def booked_later(system: System, shops: list[Shop]) -> float:
    connection = await system.connect()
    try:
        return await checks.booked_later(connection, shops)
    finally:
        await connection.close()
