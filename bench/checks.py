"""What must hold after every run: fast and wrong fails. Counts are asked past every policy, as the owner."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

import asyncpg

from bench.shop import Shop
from bench.system import System
from entrepot.assembly import load_modules
from entrepot.kernel.module import Catalogue

EFFECTS = 2  # journal entries of a sale: what came in, and what the goods had cost


class Wrong(AssertionError):
    """The product was fast, and wrong."""


async def orders_of(connection: asyncpg.Connection, tenants: list[str]) -> int:
    return await connection.fetchval(
        "SELECT count(*) FROM orders.sales_order WHERE tenant_id = ANY($1::uuid[])", tenants
    )


async def entries(connection: asyncpg.Connection) -> int:
    """How many journal entries were ever committed, by the gapless series that numbers them."""
    return await connection.fetchval(
        "SELECT coalesce(sum(next - 1), 0)::bigint FROM kernel.number_series WHERE document_type = 'journal_entry'"
    )


async def until_booked(connection: asyncpg.Connection, wanted: int, *, patience: float = 60.0) -> float:
    """Wait until so many entries are committed, and say when that was."""
    deadline = time.monotonic() + patience
    while True:
        found = await entries(connection)
        now = time.monotonic()
        if found >= wanted:
            return now
        if now > deadline:
            raise Wrong(f"only {found} of {wanted} journal entries after {patience:.0f} s: {await _lost(connection)}")
        await asyncio.sleep(0.003)


async def booked_later(connection: asyncpg.Connection, shops: list[Shop]) -> float:
    """The share of the sales whose entries were not written by the very transaction of the sale: those had their last effect
    at some time after the answer, and all others before it."""
    tenants = [shop.tenant for shop in shops]
    return float(await connection.fetchval(_LATER, tenants, EFFECTS))


async def _lost(connection: asyncpg.Connection) -> list[str]:
    """The events that should have made an entry and did not, and what their subscriptions say."""
    lost = [str(dict(row)) for row in await connection.fetch(_LOST)]
    parked = [str(dict(row)) for row in await connection.fetch("SELECT * FROM kernel.parked LIMIT 5")]
    states = [str(dict(row)) for row in await connection.fetch(_STATES)] if lost else []
    return lost + parked + states


async def verify(system: System, shops: list[Shop], *, sold: int | None = None, proofs: int = 3) -> list[str]:
    """Everything that is wrong: effects missing or doubled, numbers with gaps, events parked, waiting or not heard, and what
    `entrepot check` finds in the first few tenants. `sold` is how many sales were accepted in all."""
    tenants = [shop.tenant for shop in shops]
    connection = await system.connect()
    try:
        problems = await _settled(connection) + await _unheard(connection)
        # What was gathered for the check has no statistics: row by row it would take minutes.
        await connection.execute("SET enable_nestloop = off")
        row = await connection.fetchrow(_COUNTS, tenants)
        facts = dict(row)
        if sold is not None and facts["orders"] != sold:
            problems.append(f"{sold} sales were accepted, {facts['orders']} orders are there")
        for name in ("sales", "costs", "payments", "histories"):
            if facts[name] != facts["orders"]:
                problems.append(f"{facts['orders']} orders have {facts[name]} {name}")
        for name in ("unpaid", "unbooked", "undelivered", "order_numbers", "entry_numbers"):
            if facts[name]:
                problems.append(f"{name}: {facts[name]}")
    finally:
        await connection.close()
    for shop in shops[:proofs]:
        problems += proofs_of(system, shop)
    return problems


def proofs_of(system: System, shop: Shop) -> list[str]:
    """What `entrepot check` says of a tenant."""
    done = subprocess.run(
        [sys.executable, "-m", "entrepot", "check", "--tenant", shop.slug, "--format", "json"],
        env=system.environment(),
        capture_output=True,
    )
    try:
        rows = json.loads(done.stdout)
    except ValueError:
        return [f"entrepot check failed: {done.stderr.decode()[-500:]}"]
    return [f"{row['check']}: {problem}" for row in rows for problem in row["problems"]]


async def _settled(connection: asyncpg.Connection, patience: float = 30.0) -> list[str]:
    deadline = time.monotonic() + patience
    while True:
        behind = [row["name"] for row in await connection.fetch(_BEHIND)]
        if not behind or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.05)
    parked = await connection.fetchval("SELECT count(*) FROM kernel.parked")
    return [f"{name} is behind" for name in behind] + ([f"{parked} events are parked"] if parked else [])


async def _unheard(connection: asyncpg.Connection) -> list[str]:
    """Subscriptions that did not look once at each event they hear. All of them are as old as the database."""
    handled = dict(await connection.fetch("SELECT name, handled FROM kernel.subscription"))
    told = await connection.fetch(
        "SELECT name, coalesce(at_once, '{}') AS served, count(*) FROM kernel.event GROUP BY 1, 2"
    )
    problems = []
    for reaction in Catalogue(load_modules()).reactions:
        if reaction.between_services:
            continue
        wanted = sum(many for name, served, many in told if name in reaction.events and reaction.name not in served)
        found = handled.get(reaction.name, 0)
        if found != wanted:
            problems.append(f"{reaction.name} looked at {found} of {wanted} events")
    return problems


_BEHIND = """
SELECT name FROM kernel.subscription WHERE NOT done @> pg_sequence_last_value('kernel.event_seq')
"""

_LOST = """
SELECT e.seq, e.xid::text, e.name, e.at, e.tenant_id, e.data->>'movement_id' AS movement, e.subject FROM kernel.event e
WHERE e.name IN ('order.completed', 'stock.consumed') AND NOT EXISTS (
    SELECT 1 FROM accounting.journal_entry j WHERE j.tenant_id = e.tenant_id AND j.source_key =
        CASE e.name WHEN 'order.completed' THEN 'sale:' || e.subject ELSE 'cost:' || (e.data->>'movement_id') END)
ORDER BY e.seq LIMIT 5
"""
_STATES = """
SELECT name, done::text, fence_seq, fence_xid, since, handled, updated_at FROM kernel.subscription
WHERE name LIKE 'accounting.%'
"""
_LATER = """
SELECT coalesce(avg((e.together < $2)::int), 0)::float8 FROM orders.sales_order o, LATERAL (
    SELECT count(*) AS together FROM accounting.journal_entry e
    WHERE e.tenant_id = o.tenant_id AND e.reference_id = o.id AND e.xmin = o.xmin) e
WHERE o.tenant_id = ANY($1::uuid[])
"""

# Order numbers may have gaps but none can be there that was not given; entry numbers have none.
# A sale has one entry that says what came in and one that says what the goods had cost; its payments are worth its
# total, the entry moves that total, and what left the stock is what its lines say.
_COUNTS = """
WITH o AS MATERIALIZED (
    SELECT tenant_id, id, entity_id, number, total FROM orders.sales_order WHERE tenant_id = ANY($1::uuid[])
), e AS MATERIALIZED (
    SELECT tenant_id, source_key, reference_id, total FROM accounting.journal_entry
    WHERE tenant_id = ANY($1::uuid[]) AND status = 'posted'
), p AS MATERIALIZED (
    SELECT tenant_id, reference_id, sum(amount) AS amount FROM payments.payment
    WHERE tenant_id = ANY($1::uuid[]) AND state = 'confirmed' GROUP BY 1, 2
), l AS MATERIALIZED (
    SELECT tenant_id, order_id, sum(quantity) AS quantity FROM orders.order_line
    WHERE tenant_id = ANY($1::uuid[]) AND stocked GROUP BY 1, 2
), m AS MATERIALIZED (
    SELECT tenant_id, reference, -sum(quantity) AS quantity FROM inventory.stock_ledger
    WHERE tenant_id = ANY($1::uuid[]) AND kind = 'sale' GROUP BY 1, 2
)
SELECT (SELECT count(*) FROM o) AS orders,
       (SELECT count(*) FROM e WHERE source_key LIKE 'sale:%') AS sales,
       (SELECT count(*) FROM e WHERE source_key LIKE 'cost:%') AS costs,
       (SELECT count(*) FROM p) AS payments,
       (SELECT count(*) FROM kernel.status_history
        WHERE tenant_id = ANY($1::uuid[]) AND entity_type = 'order') AS histories,
       (SELECT count(*) FROM o LEFT JOIN p ON p.tenant_id = o.tenant_id AND p.reference_id = o.id
        WHERE p.amount IS DISTINCT FROM o.total) AS unpaid,
       (SELECT count(*) FROM o LEFT JOIN e ON e.tenant_id = o.tenant_id AND e.source_key = 'sale:' || o.id
        WHERE e.total IS DISTINCT FROM o.total) AS unbooked,
       (SELECT count(*) FROM l FULL JOIN m ON m.tenant_id = l.tenant_id AND m.reference = l.order_id
        WHERE m.quantity IS DISTINCT FROM l.quantity) AS undelivered,
       greatest(0, (SELECT count(DISTINCT (tenant_id, entity_id, number)) FROM o)
        - (SELECT coalesce(sum(next - 1), 0) FROM kernel.number_series
           WHERE tenant_id = ANY($1::uuid[]) AND document_type = 'order')) AS order_numbers,
       (SELECT count(*) FROM accounting.journal_entry WHERE tenant_id = ANY($1::uuid[]) AND number IS NOT NULL)
        - (SELECT coalesce(sum(next - 1), 0) FROM kernel.number_series
           WHERE tenant_id = ANY($1::uuid[]) AND document_type = 'journal_entry') AS entry_numbers
"""
