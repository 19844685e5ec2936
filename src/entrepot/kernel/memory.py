"""What changes rarely and is asked with every request is remembered per tenant, until somebody changes it.

Who changes it says so (`Ctx.forget`), and the database tells every process that listens (`schema.remembered`). Where
nobody would tell, because the data lives in another service or the line that listens is down, it is remembered for a
few seconds only. For master data, never for goods or money."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")
K = TypeVar("K")
UNTOLD, TOLD = 5.0, 600.0  # seconds that something is remembered, without and with somebody who tells of changes
TENANTS, THINGS = 10_000, 1_000
EACH, ALL = 5_000, 50_000  # so many of a kind are remembered one by one, of a tenant and of all together


class Memory:
    """Values by tenant and key, each with the moment it must be asked again."""

    def __init__(self) -> None:
        self._seconds = UNTOLD
        self._known: dict[UUID, dict[Any, tuple[float, Any]]] = {}
        self._one_by_one = 0  # how many values are remembered so, or were since all was last forgotten

    def hears(self, told: bool) -> None:
        """From now on this process is told of changes, or is not; what changed in between nobody knows."""
        self._seconds = TOLD if told else UNTOLD
        self.forget(None)

    async def recall(
        self, tenant_id: UUID, key: Any, ask: Callable[[], Awaitable[T]], good: Callable[[T], bool] | None = None
    ) -> T:
        """The remembered value, or what `ask` answers; remembered is what is `good`, or whatever it is."""
        known = self._of(tenant_id)
        found = known.get(key)
        if found is not None and found[0] > time.monotonic():
            value: T = found[1]
            return value
        try:
            value = await ask()
        except BaseException:
            # Anybody can name a tenant that does not exist; those must not crowd out the ones that do.
            if not known and self._known.get(tenant_id) is known:
                del self._known[tenant_id]
            raise
        # What was forgotten meanwhile changed while it was asked: `known` is then nobody's any more.
        if good is None or good(value):
            known[key] = (time.monotonic() + self._seconds, value)
        return value

    async def recall_each(
        self, tenant_id: UUID, kind: Any, keys: Collection[K], ask: Callable[[Collection[K]], Awaitable[Mapping[K, T]]]
    ) -> dict[K, T]:
        """The values of these keys as far as there are any; `ask` answers for those that are not remembered. They are only
        where somebody tells of changes: a price of five seconds ago is a wrong one."""
        if self._seconds < TOLD:
            return dict(await ask(keys))
        until, known = self._of(tenant_id).get(kind, (0.0, None))
        if known is None or until <= time.monotonic():
            known = OrderedDict()
            self._of(tenant_id)[kind] = time.monotonic() + self._seconds, known
        found = {key: known[key] for key in keys if key in known}
        missing = [key for key in keys if key not in found]
        if missing:
            answer = await ask(missing)
            found.update(answer)
            # What was forgotten meanwhile changed while it was asked: `known` is then nobody's any more.
            known.update(answer)
            self._one_by_one += len(answer)
            while len(known) > EACH:
                known.popitem(last=False)
            if self._one_by_one > ALL:
                self.forget(None)
        return found

    def note(self, tenant_id: UUID, key: Any, what: Any = True, *, seconds: float = UNTOLD) -> None:
        """Remember for a few seconds that something was so."""
        self._of(tenant_id)[key] = (time.monotonic() + seconds, what)

    def noted(self, tenant_id: UUID, key: Any) -> Any:
        """What was so a moment ago, or None."""
        until, what = self._known.get(tenant_id, {}).get(key, (0.0, None))
        return what if until > time.monotonic() else None

    def forget(self, tenant_id: UUID | None) -> None:
        """Ask again what concerns this tenant; without one, whatever it is."""
        if tenant_id is None:
            self._known.clear()
            self._one_by_one = 0
        else:
            self._known.pop(tenant_id, None)

    def _of(self, tenant_id: UUID) -> dict[Any, tuple[float, Any]]:
        known = self._known.get(tenant_id)
        if known is None:
            if len(self._known) >= TENANTS:
                self._known.clear()
            known = self._known[tenant_id] = {}
        elif len(known) >= THINGS:
            known.clear()
        return known
