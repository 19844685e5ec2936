"""What payments does when others tell something."""

from __future__ import annotations

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import on
from entrepot.modules.orders.events import OrderCompleted
from entrepot.modules.payments import commands


@on(OrderCompleted, between_services=True)
async def confirm_payments_of_sales(ctx: Ctx, events: list[OrderCompleted]) -> None:
    """What was paid for a sale is firm once the sale is told."""
    await commands.confirm(ctx, [event.order_id for event in events])
