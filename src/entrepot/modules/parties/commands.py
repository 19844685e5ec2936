"""Writes of parties."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.parties import rules
from entrepot.modules.parties.events import CustomerActivated, CustomerCreated, CustomerSuspended, CustomerUpdated
from entrepot.modules.parties.queries import CustomerShown
from entrepot.modules.parties.tables import Party
from entrepot.pure.errors import Invalid


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer to be."""

    name: str
    email: str | None = None
    phone: str | None = None
    type: str = "organization"
    vat_number: str | None = None
    segment: str = ""
    address: dict[str, Any] = {}
    custom: dict[str, Any] = {}


@command(needs="customers.edit")
async def create_customer(ctx: Ctx, body: NewCustomer) -> UUID:
    """A customer. Refuses with Conflict an e-mail address another customer has."""
    rules.check(body.name, body.email, body.type)
    customer_id = await ctx.add(
        Party,
        name=body.name,
        email=body.email,
        phone=body.phone,
        type=body.type,
        vat_number=body.vat_number,
        segment=body.segment,
        address=body.address,
        is_customer=True,
        custom=await ctx.house.fields.checked(ctx, "party", body.custom),
    )
    await status.begin(ctx, rules.CUSTOMER, [customer_id])
    ctx.emit(CustomerCreated(customer_id=customer_id, name=body.name, email=body.email, type=body.type))
    return customer_id


@command(needs="customers.edit")
async def change_customer(
    ctx: Ctx,
    customer_id: UUID,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    vat_number: str | None = None,
    segment: str | None = None,
    address: dict[str, Any] | None = None,
    custom: dict[str, Any] | None = None,
) -> None:
    """Change what is given."""
    customer = await ctx.hold(view(CustomerShown, Party).where(Party.id == customer_id, Party.is_customer))
    given = {"name": name, "email": email, "phone": phone, "vat_number": vat_number, "segment": segment}
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if address is not None:
        changes["address"] = address
    if custom is not None:
        checked = await ctx.house.fields.checked(ctx, "party", custom, whole=False)
        changes["custom"] = {k: v for k, v in {**customer.custom, **checked}.items() if v is not None}
    if not changes:
        raise Invalid("nothing to change", fields=[])
    rules.check(changes.get("name", customer.name), changes.get("email", customer.email), customer.type)
    await ctx.change(Party, customer_id, **changes)
    ctx.emit(CustomerUpdated(customer_id=customer_id, fields=sorted(changes)))


@command(needs="customers.edit")
async def suspend_customer(ctx: Ctx, customer_id: UUID, reason: str) -> None:
    """Sell them nothing until they are active again."""
    await status.move(ctx, ctx.house.catalogue.machines["customer"], customer_id, "suspend", reason=reason)
    ctx.emit(CustomerSuspended(customer_id=customer_id, reason=reason))


@command(needs="customers.edit")
async def activate_customer(ctx: Ctx, customer_id: UUID, reason: str | None = None) -> None:
    """Sell to them again."""
    await status.move(ctx, ctx.house.catalogue.machines["customer"], customer_id, "activate", reason=reason)
    ctx.emit(CustomerActivated(customer_id=customer_id))
