"""One round of sales over HTTP: from the first request to the last committed effect, with what it cost whom."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench import checks
from bench.load import Loads, Outcome, Plan, together
from bench.shop import Shop
from bench.system import System

_numbers = itertools.count(1)
SPAN = 10_000_000  # numbers of requests that one process may use up


@dataclass(frozen=True)
class Round:
    """A round: `seconds` run to the last effect; CPU is per sale, in seconds; `wal` in bytes per sale.
    `parts` are the outcomes of the plans, in their order."""

    outcome: Outcome
    parts: list[Outcome]
    seconds: float
    tail: float
    own_cpu: float
    postgres_cpu: float
    wal: float

    @property
    def per_s(self) -> float:
        return self.outcome.accepted / self.seconds

    @property
    def client_cpu(self) -> float:
        return self.outcome.cpu / max(1, self.outcome.requests)


def plan(system: System, shops: Sequence[Shop], clients: int, **more: object) -> Plan:
    """A plan with request numbers that no other plan of this run has."""
    number = next(_numbers)
    return Plan(system.port, clients, [asdict(shop) for shop in shops], start=number * SPAN, seed=number, **more)  # type: ignore[arg-type]


async def sell(system: System, plans: Sequence[Plan]) -> Round:
    """Run the plans together and wait for the last effect; anything but a sale or `sold out` is Wrong."""
    connection = await system.connect()
    try:
        loads = await asyncio.to_thread(Loads, plans)
        before = await checks.entries(connection)
        wal = await connection.fetchval(_WAL)
        own, postgres = system.cpu()
        parts = await asyncio.to_thread(loads.go().outcomes)
        outcome = together(parts)
        if outcome.failed:
            raise checks.Wrong(f"{outcome.failed} requests failed: {outcome.problems}")
        booked = await checks.until_booked(connection, before + 2 * outcome.accepted)
        end = max(booked, outcome.ended)
        own_after, postgres_after = system.cpu()
        sold = max(1, outcome.accepted)
        return Round(
            outcome=outcome,
            parts=parts,
            seconds=end - outcome.began,
            tail=end - outcome.ended,
            own_cpu=(own_after - own) / sold,
            postgres_cpu=(postgres_after - postgres) / sold,
            wal=float(await connection.fetchval(_WAL) - wal) / sold,
        )
    finally:
        await connection.close()


_WAL = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
