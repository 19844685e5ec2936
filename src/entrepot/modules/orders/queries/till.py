"""What a till asks while it sells: who can stand at it, and which sales can come back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import extended
from entrepot.modules.identity.contract import Cashier, Identity
from entrepot.modules.orders.queries.orders import OrderShown, get_pos_order
from entrepot.modules.orders.rules.till import AT_TILL
from entrepot.pure.money import Money
from entrepot.pure.quantities import Quantity

_MOST = 20
_LATELY = 5000


class SaleFound(msgspec.Struct, frozen=True):
    """A sale of a till in short."""

    id: UUID
    number: str
    kind: str
    placed_at: datetime
    total: Money
    currency: str
    terminal_id: str | None
    cashier_id: str | None
    items: str


class Left(msgspec.Struct, frozen=True):
    """How much of the line at this position of a sale is not back yet."""

    position: int
    quantity: Quantity


class TillSale(OrderShown, frozen=True):
    """A sale as a till shows it once more, with what of it can still come back."""

    left: list[Left] = []


@command(needs="pos.sell")
async def list_cashiers(ctx: Ctx) -> list[Cashier]:
    """Who can take over a till: users with a PIN who may sell."""
    return await ctx.of(Identity).cashiers(AT_TILL[0])


@command(needs="pos.sell")
async def find_sales(ctx: Ctx, q: str = "", terminal_id: str | None = None) -> list[SaleFound]:
    """Sales and returns at tills, newest first: by receipt number (of the latest 5,000 also by its end), by the
    code that the till gave, or the latest of a terminal."""
    words = q.strip()[:100]
    if words:
        found = await ctx.connection.fetch(_NUMBERED, ctx.entity_id, words, f"%{_plain(words)}", _LATELY)
    else:
        found = await ctx.connection.fetch(_LATEST, ctx.entity_id, terminal_id, _MOST)
    return await ctx.rows(SaleFound, _SHOWN, [row["id"] for row in found], ctx.entity_id, _MOST)


@command(needs="pos.sell")
async def get_till_sale(ctx: Ctx, order_id: UUID) -> TillSale:
    """A sale of a till, with what of it can still come back."""
    order = await get_pos_order(ctx, order_id)
    if order.kind != "sale":
        return extended(TillSale, order)
    back = {row["position"]: row["sum"] for row in await ctx.connection.fetch(_BACK, order_id)}
    left = [Left(line.position, line.quantity + back.get(line.position, 0)) for line in order.lines]
    return extended(TillSale, order, left=left)


def _plain(words: str) -> str:
    """The words without what LIKE takes for a pattern."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_SHOWN = """
SELECT o.id, o.number, o.kind, o.placed_at, o.total, o.currency, o.terminal_id, o.cashier_id, (
    SELECT string_agg(l.name, ', ' ORDER BY l.position) FROM orders.order_line l WHERE l.order_id = o.id)
FROM orders.sales_order o WHERE o.id = ANY($1) AND o.entity_id = $2 AND o.channel = 'pos'
ORDER BY o.placed_at DESC, o.id DESC LIMIT $3
"""
_NUMBERED = """
SELECT id FROM orders.sales_order WHERE entity_id = $1 AND number IN ($2, upper($2))
UNION SELECT id FROM orders.sales_order WHERE client_id = $2
UNION SELECT id FROM (
    SELECT id, number FROM orders.sales_order WHERE entity_id = $1 AND channel = 'pos'
    ORDER BY placed_at DESC, id DESC LIMIT $4) latest WHERE number ILIKE $3
"""
_LATEST = """
SELECT id FROM orders.sales_order
WHERE entity_id = $1 AND channel = 'pos' AND ($2::text IS NULL OR terminal_id = $2)
ORDER BY placed_at DESC, id DESC LIMIT $3
"""
_BACK = """
SELECT l.position, sum(l.quantity) FROM orders.sales_order o JOIN orders.order_line l ON l.order_id = o.id
WHERE o.original_id = $1 GROUP BY l.position
"""
