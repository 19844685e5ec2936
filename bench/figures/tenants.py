"""Tenants: W spread over many beside W in one, and what a quiet tenant notices of a noisy one."""

from __future__ import annotations

from bench import checks
from bench.measuring import percentile
from bench.run import Run
from bench.selling import Round, plan, sell

QUIET_RATE = 20.0  # sales per second of the quiet tenant, by two tills


async def measure(run: Run) -> None:
    system, clients = run.system, run.clients[0]
    one = system.shops(products=200, slug="one")
    many = system.shops(run.tenants, products=20, customers=5, slug="many")
    quiet = system.shops(products=50, slug="quiet")
    await sell(system, [plan(system, one, clients, seconds=run.warm)])
    # Each of them once: a round after a few seconds of warming would measure the first sale of most.
    await sell(system, [plan(system, many, clients, count=len(many))])
    spread, alone = [], []
    for _ in range(run.rounds):
        alone.append((await sell(system, [plan(system, one, clients, seconds=run.seconds)])).per_s)
        spread.append((await sell(system, [plan(system, many, clients, seconds=run.seconds)])).per_s)
    run.add("tenants.per_s", "W/s", spread, alone, f"over {run.tenants} tenants; the limit is one tenant")
    calm, disturbed = [], []
    for _ in range(run.rounds):
        mine = plan(system, quiet, 2, seconds=run.seconds, rate=QUIET_RATE)
        calm.append(_p99(await sell(system, [mine])))
        mine = plan(system, quiet, 2, seconds=run.seconds, rate=QUIET_RATE)
        disturbed.append(_p99(await sell(system, [mine, plan(system, one, 16, seconds=run.seconds)])))
    run.add("tenants.neighbour_p99_ms", "ms", disturbed, calm, "a quiet tenant's p99 beside one that sends all it can")
    run.problems += await checks.verify(system, [*one, *quiet, *many])


def _p99(done: Round) -> float:
    """Of the first load of a round, in ms."""
    return percentile(done.parts[0].times, 0.99) * 1000
