"""Events whose handler failed: parked with the error, tried again later, later events of the entity behind them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from entrepot.kernel.database import Connection

WAITING = "waits behind an earlier event"
LONGEST = 3600.0


def backoff(attempts: int) -> float:
    """Seconds until the next try: 2, 4, 8 ... up to an hour; at once for what was never tried."""
    return float(min(2 ** min(attempts, 12), LONGEST)) if attempts else 0.0


def describe(error: BaseException) -> str:
    """What is kept of an error."""
    return f"{type(error).__name__}: {error}"[:2000].replace("\x00", "")


async def park(connection: Connection, subscription: str, row: Any, error: str, *, attempts: int) -> None:
    """Put an event of the log aside for this subscription; attempts 0 means that it only waits its turn."""
    await connection.execute(
        _PARK,
        subscription,
        row["seq"],
        row["id"],
        row["at"],
        row["subject"],
        row["name"],
        attempts,
        timedelta(seconds=backoff(attempts)),
        error,
    )


async def park_again(connection: Connection, subscription: str, row: Any, error: str) -> None:
    """The event failed once more."""
    attempts = row["attempts"] + 1
    await connection.execute(
        _PARK_AGAIN, subscription, row["seq"], attempts, timedelta(seconds=backoff(attempts)), error
    )


async def unpark(connection: Connection, subscription: str, row: Any) -> None:
    """The event was handled."""
    await connection.execute("DELETE FROM kernel.parked WHERE subscription = $1 AND seq = $2", subscription, row["seq"])


async def due(connection: Connection, subscription: str, limit: int) -> list[Any]:
    """The parked events whose time has come, oldest first, with their rows of the log. What stands behind an event
    whose time has not come is not among them."""
    found: list[Any] = await connection.fetch(_DUE, subscription, limit)
    return found


async def blocked(connection: Connection, subscription: str, rows: Sequence[Any]) -> set[tuple[UUID, str]]:
    """The entities of these rows with an earlier event that is parked."""
    found = await connection.fetch(
        "SELECT DISTINCT tenant_id, subject FROM kernel.parked WHERE subscription = $1 AND subject = ANY($2)",
        subscription,
        list({row["subject"] for row in rows}),
    )
    return {(row["tenant_id"], row["subject"]) for row in found}


_PARK = """
INSERT INTO kernel.parked (subscription, seq, event_id, event_at, subject, name, attempts, next_at, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::interval, $9) ON CONFLICT DO NOTHING
"""
_PARK_AGAIN = """
UPDATE kernel.parked SET attempts = $3, next_at = now() + $4::interval, error = $5
WHERE subscription = $1 AND seq = $2
"""
_DUE = """
SELECT p.attempts, e.seq, e.tenant_id, e.id, e.name, e.version, e.subject, e.entity_id, e.at, e.source, e.actor,
       e.correlation, e.causation, e.data::text AS data
FROM kernel.parked p JOIN kernel.event e ON e.seq = p.seq AND e.at = p.event_at
WHERE p.subscription = $1 AND p.next_at <= now() AND NOT EXISTS (
    SELECT 1 FROM kernel.parked earlier WHERE earlier.subscription = p.subscription
    AND earlier.tenant_id = p.tenant_id AND earlier.subject = p.subject AND earlier.seq < p.seq
    AND earlier.next_at > now())
ORDER BY p.seq LIMIT $2
"""
