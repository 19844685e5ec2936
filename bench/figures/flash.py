"""F, the flash sale: 16 tills, 400 attempts, 200 units of one product."""

from __future__ import annotations

from bench import checks
from bench.run import Run
from bench.selling import plan, sell
from bench.shop import Shop

CLIENTS, ATTEMPTS, UNITS = 16, 400, 200


async def measure(run: Run) -> None:
    rounds: list[float] = []
    limits: list[float] = []
    every: list[Shop] = []
    warm = run.system.shops()
    await sell(run.system, [plan(run.system, warm, CLIENTS, seconds=run.warm)])
    run.limit.run("w_func_hot.sql", CLIENTS, 1)
    for _ in range(run.rounds):
        shops = run.system.shops(products=1, customers=0, stock=UNITS, slug="flash")
        limits.append(run.limit.run("w_func_hot.sql", CLIENTS, min(run.seconds, 5)).per_s)
        only = shops[0].skus[0]
        done = await sell(run.system, [plan(run.system, shops, CLIENTS, count=ATTEMPTS, only_sku=only)])
        rounds.append(done.per_s)
        if (done.outcome.accepted, done.outcome.refused) != (UNITS, ATTEMPTS - UNITS):
            run.problems.append(f"flash: {done.outcome.accepted} sold, {done.outcome.refused} refused of {ATTEMPTS}")
        every += shops
    run.problems += await checks.verify(run.system, every, sold=UNITS * run.rounds)
    run.add("flash.per_s", "sold/s", rounds, limits, f"{ATTEMPTS} attempts at {UNITS} units, {CLIENTS} clients")
