"""What every process answers beside its API: health, readiness, metrics, descriptions, calls of other services."""

from __future__ import annotations

from typing import Any

from entrepot.kernel import descriptions
from entrepot.kernel.carriers import direct
from entrepot.kernel.exchange import GONE
from entrepot.kernel.http import JSON, Exchange, Web, internal_facade
from entrepot.kernel.ui import mount as ui
from entrepot.kernel.ui.files import built_files


def mount(web: Web) -> None:
    """Add the addresses every process has."""
    web.tree.add("GET", "/health", _health)
    web.tree.add("GET", "/ready", _ready)
    web.tree.add("GET", "/metrics", _metrics)
    web.tree.add("POST", "/internal/facade", internal_facade)
    web.tree.add("POST", "/internal/events", _events)
    descriptions.mount(web)
    ui.mount(web)
    web.mounts.setdefault("/static/", built_files(descriptions.BUILT))


async def _health(exchange: Exchange) -> None:
    """Alive: answers as long as the process can answer at all."""
    await exchange.json(200, {"status": "ok", "service": exchange.house.name})


async def _ready(exchange: Exchange) -> None:
    """Ready: the databases answer."""
    found: dict[str, Any] = {}
    for database in exchange.house.databases.all():
        async with database.connection() as connection:
            await connection.fetchval("SELECT 1")
        found[database.name] = "ok"
    await exchange.json(
        200, {"status": "ready", "databases": found, "modules": sorted(exchange.house.catalogue.modules)}
    )


async def _events(exchange: Exchange) -> None:
    body = await exchange.body()
    stamp, signature = exchange.header("x-entrepot-time"), exchange.header("x-entrepot-signature")
    await direct.receive(exchange.house, body, stamp, signature)
    await exchange.json(200, {"data": None})


async def _metrics(exchange: Exchange) -> None:
    """What is measured; with the database gone it still answers, and says so in the gauges."""
    house = exchange.house
    try:
        async with house.databases.main.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL ROLE entrepot_system")
            row = await connection.fetchrow(_QUEUES)
    except GONE:
        reached = 0
    else:
        reached = 1
        house.metrics.queue.labels("jobs").set(row["jobs"])
        house.metrics.queue.labels("parked_events").set(row["parked"])
    for module in house.catalogue.modules:
        house.metrics.health.labels(module).set(reached)
        house.metrics.dependencies.labels(module, "database").set(reached)
    await exchange.send(200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], house.metrics.text())


_QUEUES = """
SELECT (SELECT count(*) FROM kernel.job WHERE state = 'queued') AS jobs, (SELECT count(*) FROM kernel.parked) AS parked
"""

__all__ = ["JSON", "mount"]
