"""Tenants and their business entities."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import SYSTEM, Ctx
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.modules.identity.events import EntityCreated, TenantActivated, TenantCreated, TenantSuspended
from entrepot.modules.identity.rules import access as rules
from entrepot.modules.identity.tables import BusinessEntity, Role, Tenant
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.ids import new_id
from entrepot.pure.money import is_currency


async def create_tenant(
    house: House,
    slug: str,
    name: str,
    *,
    entity_code: str = "MAIN",
    entity_name: str = "",
    country: str = "NL",
    currency: str = "EUR",
    tenant_id: UUID | None = None,
) -> UUID:
    """A tenant with its first business entity and the role `admin`. Done by who runs the house, not by a tenant.

    Refuses with Conflict a slug that is taken."""
    rules.check_code(slug, "slug")
    tenant_id = tenant_id or new_id()
    own = house.databases.of(tenant_id)
    row: dict[str, Any] = {
        "id": tenant_id,
        "slug": slug,
        "name": name,
        "default_entity_id": new_id(),
        "status": "active",
    }
    row["database"] = own.name if own is not house.databases.main else None
    async with unit(house, tenant_id, SYSTEM, database=house.databases.main) as ctx:
        async with ctx.everywhere():
            taken = await ctx.value("SELECT 1 FROM identity.tenant WHERE slug = $1", slug)
        if taken:
            raise Conflict("there already is a {what} like this", what="tenant", slug=slug)
        if own is not house.databases.main:
            # The directory knows every tenant, wherever it lives; all else of a placed tenant is in its own database.
            await ctx.add(Tenant, **row)
    async with unit(house, tenant_id, SYSTEM) as ctx:
        entity_id = row["default_entity_id"]
        await ctx.add(Tenant, **row)
        ctx.entity_id = entity_id
        await ctx.add(Role, code="admin", name="Administrator", permissions=["*"])
        ctx.emit(TenantCreated(tenant_id=tenant_id, slug=slug, name=name))
        await _add_entity(ctx, entity_id, entity_code, entity_name or name, country, currency)
    return tenant_id


@command(needs="entities.edit")
async def create_entity(
    ctx: Ctx,
    code: str,
    name: str,
    country: str = "NL",
    currency: str = "EUR",
    legal_name: str = "",
    vat_number: str = "",
    address: str = "",
    email: str = "",
) -> UUID:
    """Another business entity of this tenant, with books and numbers of its own."""
    entity_id = new_id()
    await _add_entity(ctx, entity_id, code, name, country, currency, legal_name, vat_number, address, email)
    return entity_id


async def _add_entity(
    ctx: Ctx,
    entity_id: UUID,
    code: str,
    name: str,
    country: str,
    currency: str,
    legal_name: str = "",
    vat_number: str = "",
    address: str = "",
    email: str = "",
) -> None:
    if not is_currency(currency):
        raise Invalid.field("currency", "this is not a currency")
    if len(country) != 2 or not country.isascii() or not country.isupper():
        raise Invalid.field("country", "this is not a country code")
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    await ctx.add(
        BusinessEntity,
        id=entity_id,
        code=rules.check_code(code),
        name=name,
        legal_name=legal_name or name,
        country=country,
        currency=currency,
        vat_number=vat_number,
        address=address,
        email=email,
    )
    ctx.forget()
    ctx.emit(
        EntityCreated(entity_id=entity_id, code=code, name=name, country=country, currency=currency),
        entity_id=entity_id,
    )


async def suspend_tenant(house: House, tenant_id: UUID, reason: str) -> None:
    """Nobody of this tenant gets in until it is active again; its data stays."""
    await _set_status(house, tenant_id, "suspended", TenantSuspended(tenant_id=tenant_id, reason=reason))


async def activate_tenant(house: House, tenant_id: UUID) -> None:
    await _set_status(house, tenant_id, "active", TenantActivated(tenant_id=tenant_id))


async def _set_status(house: House, tenant_id: UUID, status: str, told: TenantSuspended | TenantActivated) -> None:
    own = house.databases.of(tenant_id)
    for database in {house.databases.main, own} - {own}:
        async with unit(house, tenant_id, SYSTEM, database=database) as ctx:
            await ctx.change(Tenant, tenant_id, status=status)
            ctx.forget()
    async with unit(house, tenant_id, SYSTEM) as ctx:
        await ctx.change(Tenant, tenant_id, status=status)
        ctx.emit(told)
        ctx.forget()
