"""Who acts and from where, and how a transaction tells it to the database."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from entrepot.pure.encoding import encode

NIL = UUID(int=0)


class Actor(msgspec.Struct, frozen=True):
    """Who acts: a person, an API key, or the house itself (which may do everything a reaction or job must)."""

    id: UUID = NIL
    name: str = "system"
    kind: str = "system"
    permissions: frozenset[str] = frozenset()
    locale: str = "en"
    entities: frozenset[UUID] | None = None

    def may(self, permission: str) -> bool:
        """Bundles: `sales.*` grants every permission of sales, `*` everything."""
        if self.kind == "system" or permission in self.permissions or "*" in self.permissions:
            return True
        return f"{permission.split('.', 1)[0]}.*" in self.permissions


SYSTEM = Actor()


class Caller(msgspec.Struct, frozen=True):
    """Where a request came from, for the audit trail and the logs."""

    request_id: str = ""
    address: str = ""
    agent: str = ""
    correlation: str = ""
    causation: str = ""

    @property
    def thread(self) -> str:
        """What binds together all that came of one request: what it said itself, or its own id."""
        return self.correlation or self.request_id


class Origin(NamedTuple):
    """Whose work something is, and by which request or event."""

    actor: Actor
    caller: Caller


# By reference as it is spelt, and where that pays also as it is.
Origins = Mapping[UUID | str, Origin]
NOBODY_ELSE: Origins = MappingProxyType({})


def by_reference(origins: Mapping[UUID, Origin]) -> Origins:
    """The origins, to be found by a reference and by its spelling."""
    found: dict[UUID | str, Origin] = {}
    for reference, origin in origins.items():
        found[reference] = found[str(reference)] = origin
    return found


def begin_sql(tenant_id: UUID, actor: Actor, caller: Caller, *, read_only: bool = False) -> str:
    """BEGIN and the settings that policies and the audit trail read, in one round trip."""
    if read_only:
        return f"BEGIN READ ONLY; {tenant_sql(tenant_id)}"
    return f"BEGIN; {settings_sql(tenant_id, actor, caller)}"


def tenant_sql(tenant_id: UUID) -> str:
    """Whose rows are seen from here on."""
    return f"SET LOCAL app.tenant = '{UUID(int=tenant_id.int)}'"


def settings_sql(tenant_id: UUID, actor: Actor, caller: Caller, origins: Origins = NOBODY_ELSE) -> str:
    """Whose rows are seen from here on, and whose work it is."""
    return said_sql(tenant_id, context_of(actor, caller, origins))


def said_sql(tenant_id: UUID, context: str) -> str:
    """The same for work that was described (`context_of`) before."""
    quoted = context.replace("'", "''")
    return f"{tenant_sql(tenant_id)}; SET LOCAL app.context = '{quoted}'"


def context_of(actor: Actor, caller: Caller, origins: Origins) -> str:
    """What the audit trail writes beside a change, as JSON. `origins` says it for each reference (an order, say) whose
    rows are the work of somebody else than the unit's own actor and request; where nobody else is among them, as in a
    file of many sales that comes in, it need not be said a hundred times."""
    facts: dict[str, Any] = _facts(actor, caller)
    own = _told(actor, caller)
    if any(_told(*origin) != own for origin in origins.values()):
        facts["by"] = {spelt: _facts(*origin) for spelt, origin in origins.items() if isinstance(spelt, str)}
    return encode(facts).decode()


def _told(actor: Actor, caller: Caller) -> tuple[Any, ...]:
    """What the trail tells of an origin."""
    return actor.id, actor.name, actor.kind, caller.address, caller.agent, caller.request_id, caller.correlation


def _facts(actor: Actor, caller: Caller) -> dict[str, str]:
    return {
        "actor": str(actor.id),
        "name": actor.name,
        "kind": actor.kind,
        "address": caller.address,
        "agent": caller.agent[:300],
        "request": caller.request_id[:100],
        "correlation": caller.correlation[:100],
    }
