"""What changes rarely and is asked with every request is remembered for a few seconds, per tenant.

Who changes it tells the house to forget; other processes are at most that late. For master data only, never for
goods or money."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")
SECONDS = 5.0
TENANTS = 10_000


class Memory:
    """Values by tenant and key, each with the moment it must be asked again."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._known: dict[UUID, dict[Any, tuple[float, Any]]] = {}

    async def recall(self, tenant_id: UUID, key: Any, ask: Callable[[], Awaitable[T]]) -> T:
        """The remembered value, or what `ask` answers."""
        known = self._of(tenant_id)
        found = known.get(key)
        if found is not None and found[0] > time.monotonic():
            value: T = found[1]
            return value
        value = await ask()
        known[key] = (time.monotonic() + self.seconds, value)
        return value

    def note(self, tenant_id: UUID, key: Any) -> None:
        """Remember for as long that something was so."""
        self._of(tenant_id)[key] = (time.monotonic() + self.seconds, True)

    def noted(self, tenant_id: UUID, key: Any) -> bool:
        """Whether it was so a moment ago."""
        until, _ = self._known.get(tenant_id, {}).get(key, (0.0, None))
        return until > time.monotonic()

    def _of(self, tenant_id: UUID) -> dict[Any, tuple[float, Any]]:
        known = self._known.get(tenant_id)
        if known is None:
            if len(self._known) >= TENANTS:
                self._known.clear()
            known = self._known[tenant_id] = {}
        return known

    def forget(self, tenant_id: UUID) -> None:
        self._known.pop(tenant_id, None)
