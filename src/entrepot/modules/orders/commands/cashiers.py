"""Who stands at the till: a cashier takes over with a PIN and sells with their own permissions."""

from __future__ import annotations

from uuid import UUID

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.identity.contract import Identity, TillSession
from entrepot.modules.orders.rules.till import AT_TILL
from entrepot.pure.errors import Invalid, KeptRefusal, TooMany


@command(needs="pos.sell")
async def change_cashier(ctx: Ctx, user_id: UUID, pin: str) -> TillSession:
    """A credential for who knows the PIN of this user: it allows at the till what the user may do there, for ten hours
    or until they leave (`POST /auth/logout`). Refuses a wrong PIN, and with TooMany after five of them."""
    opened = await ctx.of(Identity).open_till(user_id, pin, AT_TILL)
    if opened.session is not None:
        return opened.session
    if opened.wait:
        wait = opened.wait
        raise KeptRefusal(TooMany("too many wrong PINs; try again in {retry_after} seconds", retry_after=wait))
    raise KeptRefusal(Invalid.field("pin", "this PIN is not right"))
