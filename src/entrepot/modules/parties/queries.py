"""Reads of parties."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.modules.parties.contract import PartyCard
from entrepot.modules.parties.rules import PartyStatus
from entrepot.modules.parties.tables import Party


class CustomerShown(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    type: str
    email: str | None
    phone: str | None
    vat_number: str | None
    status: PartyStatus
    segment: str
    address: dict[str, Any]
    custom: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


CUSTOMERS = Listing(
    name="customers",
    view=view(CustomerShown, Party).where(Party.is_customer),
    needs="customers.view",
    search=[Party.name, Party.email, Party.phone],
    sort="name",
    extensible=Party,
)


@command(needs="customers.view")
async def get_customer(ctx: Ctx, customer_id: UUID) -> CustomerShown:
    """One customer."""
    return await ctx.one(view(CustomerShown, Party).where(Party.id == customer_id, Party.is_customer))


async def cards(ctx: Ctx, ids: list[UUID]) -> list[PartyCard]:
    return await ctx.rows(
        PartyCard, "SELECT id, name, email, phone, vat_number, status FROM parties.party WHERE id = ANY($1)", ids
    )
