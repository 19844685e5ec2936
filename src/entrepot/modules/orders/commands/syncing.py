"""Sales that tills made without connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.orders.commands.recording import PosSale, Sale
from entrepot.modules.orders.commands.selling import as_sale, ring_up
from entrepot.pure.errors import Invalid, Refusal

MOST = 500


class Synced(msgspec.Struct, frozen=True):
    """What became of one sale."""

    client_id: str
    order_id: UUID | None
    status: str
    problem: dict[str, Any] | None = None


def names_of(sales: Sequence[PosSale]) -> list[str]:
    """The client ids of sales: what a sale is called however often and by whichever way it is sent."""
    return [sale.client_id for sale in sales if sale.client_id is not None]


@command(needs="pos.sell")
async def sync_sales(ctx: Ctx, sales: list[PosSale]) -> list[Synced]:
    """Take in what tills sold without connection, in order. Each sale is a fact: it is accepted even when the goods
    were gone, which opens a shortage for a person to resolve. Sent twice, it is one order."""
    if len(sales) > MOST:
        raise Invalid.field("sales", "must be at most {most} at a time", most=MOST)
    ready: list[Sale] = []
    answers: dict[int, Synced] = {}
    for at, pos in enumerate(sales):
        if pos.client_id is None:
            raise Invalid.field(f"sales[{at}].client_id", "this field is required")
        if pos.offline_at is not None and pos.offline_at.tzinfo is None:
            raise Invalid.field(f"sales[{at}].offline_at", "must have its time zone")
        try:
            ready.append(as_sale(ctx, pos, ctx.actor, forced=True))
        except Refusal as refusal:
            answers[at] = _refused(pos.client_id, refusal)
    outcomes = {outcome.order_id: outcome for outcome in await ring_up(ctx, ready)} if ready else {}
    by_client = {sale.pos.client_id: sale for sale in ready}
    for at, pos in enumerate(sales):
        if at in answers:
            continue
        outcome = outcomes[by_client[pos.client_id].id]
        client_id = pos.client_id or ""
        if outcome.refusal is not None:
            answers[at] = _refused(client_id, outcome.refusal)
        else:
            answers[at] = Synced(client_id, outcome.order_id, "repeated" if outcome.repeated else "created")
    return [answers[at] for at in range(len(sales))]


def _refused(client_id: str, refusal: Refusal) -> Synced:
    return Synced(client_id, None, "refused", {"code": refusal.code, "detail": str(refusal), **refusal.facts})
