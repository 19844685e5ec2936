"""Events: relayed and handled in one process with one trivial subscriber, and how long after the commit."""

from __future__ import annotations

import asyncio
import tempfile
import time
from statistics import median
from uuid import UUID

import asyncpg

from bench.run import Run
from entrepot import assembly
from entrepot.kernel import config as configuration
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.house import House
from entrepot.kernel.relay import Reaction, Relay
from entrepot.kernel.units import unit
from entrepot.pure.events import Event, event
from entrepot.pure.ids import new_id

BATCH = 100


@event("bench.happened", about="thing_id")
class Happened(Event, frozen=True):
    """Something a trivial subscriber hears."""

    thing_id: UUID
    note: str


class Watched(Relay):
    """The relay, noting when a batch was committed."""

    committed = 0.0

    async def step(self, *arguments: object, **named: object) -> int:
        handled = await super().step(*arguments, **named)  # type: ignore[arg-type]
        if handled:
            self.committed = time.perf_counter()
            self.rang.set()
        return handled

    rang: asyncio.Event


async def measure(run: Run) -> None:
    with tempfile.TemporaryDirectory(prefix="entrepot-bench-") as folder:
        await _measure(run, folder)


async def _measure(run: Run, folder: str) -> None:
    many = 2_000 if run.quick else 20_000
    config = configuration.load({}, home=folder, database_name="bench_events", secret="bench" * 10, log_level="warning")
    house, _ = await assembly.build(config, run.system.server, works=False)
    heard = 0

    async def listen(ctx: Ctx, events: list[Happened]) -> None:
        nonlocal heard
        heard += len(events)

    reaction = Reaction("bench.listen", {"bench.happened": Happened}, listen, batch=True)
    relay = house.relay = Watched(house, [reaction], workers=False)
    relay.rang = asyncio.Event()
    await house.start()
    owner = await asyncpg.connect(assembly.with_database(run.system.server, "bench_events"))
    tenant = new_id()
    run.limit.sql(text=_POSITION)
    try:
        rounds, limits = [], []
        await _prepare(owner, tenant, BATCH)
        await relay.drain()
        for _ in range(run.rounds):
            limits.append(run.limit.run("relay.sql", 1, min(run.seconds, 3)).per_s * BATCH)
            await _prepare(owner, tenant, many)
            before, started = heard, time.perf_counter()
            await relay.drain()
            rounds.append(many / (time.perf_counter() - started))
            if heard - before != many:
                run.problems.append(f"events: {heard - before} of {many} were handled")
        run.add("events.per_s", "events/s", rounds, limits, "one process, one trivial subscriber, batches of a hundred")
    finally:
        await owner.close()
        await house.stop()
    run.add("events.delay_ms", "ms", await _delays(run, config, reaction, tenant), about="commit to effect, median")


async def _delays(run: Run, config: configuration.Config, reaction: Reaction, tenant: UUID) -> list[float]:
    """Medians of the time from a commit to the commit of its effect, of single events in a quiet house."""
    house, _ = await assembly.build(config, run.system.server, works=False)
    relay = house.relay = Watched(house, [reaction], workers=True)
    relay.rang = asyncio.Event()
    await house.start()
    try:
        return [median([await _delay(house, relay, tenant) for _ in range(run.samples)]) for _ in range(run.rounds)]
    finally:
        await house.stop()


async def _delay(house: House, relay: Watched, tenant: UUID) -> float:
    relay.rang.clear()
    async with unit(house, tenant) as ctx:
        ctx.emit(Happened(thing_id=new_id(), note="one"))
    committed = time.perf_counter()
    await asyncio.wait_for(relay.rang.wait(), 10)
    await asyncio.sleep(0.005)
    return max(0.0, relay.committed - committed) * 1000


async def _prepare(owner: asyncpg.Connection, tenant: UUID, many: int) -> None:
    await owner.execute(_EVENTS, tenant, many)


_EVENTS = """
INSERT INTO kernel.event (tenant_id, id, name, subject, source, data)
SELECT $1, x.id, 'bench.happened', x.id::text, 'entrepot', jsonb_build_object('thing_id', x.id, 'note', 'event ' || x.i)
FROM (SELECT gen_random_uuid() AS id, i FROM generate_series(1, $2::int) i) x
"""
_POSITION = """
CREATE TABLE IF NOT EXISTS w.position (id int PRIMARY KEY, seq bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO w.position VALUES (1, 0) ON CONFLICT DO NOTHING;
TRUNCATE w.outbox RESTART IDENTITY;
INSERT INTO w.outbox (topic, body) SELECT 'order.confirmed', jsonb_build_object('order', i, 'note', 'event ' || i)
FROM generate_series(1, 20100) i;
VACUUM ANALYZE w.outbox
"""
