"""Tenants, created by who runs the house."""

from __future__ import annotations

import secrets

from entrepot import assembly
from entrepot.kernel.ctx import SYSTEM
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.modules.identity.commands import people, tenancy
from entrepot.modules.identity.queries import default_entity
from entrepot.modules.identity.rules.access import check_code
from entrepot.pure.ids import new_id


async def create(house: House, bootstrap_url: str, slug: str, name: str, admin: str, own_database: bool) -> str:
    """A tenant with its administrator, whose password is returned. A running process learns of a database of its own
    when it starts the next time."""
    check_code(slug, "slug")
    tenant_id = new_id()
    if own_database:
        await assembly.place_tenant(house, bootstrap_url, tenant_id, f"tenant_{tenant_id.hex}")
    await tenancy.create_tenant(house, slug, name, tenant_id=tenant_id)
    password = f"{secrets.token_hex(4)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    async with unit(house, tenant_id, SYSTEM) as ctx:
        ctx.entity_id = await default_entity(ctx)
        await people.create_user(ctx, admin, admin.split("@")[0].title(), password, ["admin"])
    await house.relay.drain()
    return password
