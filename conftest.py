"""Fixtures of every test."""

import asyncio
from typing import Any

import asyncpg
import pytest

from entrepot.testing.world import ctx, house_world, server, tenant, world

pytest_plugins = ["entrepot.testing.covers"]
__all__ = ["ctx", "house_world", "sent", "server", "tenant", "world"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What units send to the database, statement by statement; no bell that still rings, no reading that ends, no plans that are
    made anew as connections grow old."""
    texts: list[str] = []
    for name in ("execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval"):
        original = getattr(asyncpg.Connection, name)

        async def noted(self: Any, sql: str, *arguments: Any, _original: Any = original, **named: Any) -> Any:
            task = asyncio.current_task()
            elsewhere = task is not None and task.get_name().startswith(("bell-", "watch-", "relay-", "database-"))
            if not elsewhere and sql != "DISCARD PLANS":
                texts.append(" ".join(sql.split()))
            return await _original(self, sql, *arguments, **named)

        monkeypatch.setattr(asyncpg.Connection, name, noted)
    return texts
