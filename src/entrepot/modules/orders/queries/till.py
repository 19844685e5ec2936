"""What a till asks while it sells: who can stand at it, and which sales it may take back."""

from __future__ import annotations

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.identity.contract import Cashier, Identity
from entrepot.modules.orders.rules.till import AT_TILL


@command(needs="pos.sell")
async def list_cashiers(ctx: Ctx) -> list[Cashier]:
    """Who can take over a till: users with a PIN who may sell."""
    return await ctx.of(Identity).cashiers(AT_TILL[0])
