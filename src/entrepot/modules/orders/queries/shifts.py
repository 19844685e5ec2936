"""Shifts at the till: the list, the one that is open, and what they come to (X while open, Z once closed)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.modules.orders.rules import shifts as rules
from entrepot.modules.orders.rules.shifts import CashKind, CashPurpose, Denomination, ShiftState, Tally
from entrepot.modules.orders.tables import CashMovement, Shift
from entrepot.modules.payments.contract import MethodTotal, Payments
from entrepot.pure.money import Money
from entrepot.pure.taxes import TaxTotal

# A sale is late when it is committed after its shift was counted. No request lives for a day, so a sale that was made
# a row a day before the last count of its terminal cannot be.
LONGEST_REQUEST = timedelta(days=1)


class ShiftRow(msgspec.Struct, frozen=True):
    """A line of the list of shifts."""

    id: UUID
    entity_id: UUID
    terminal_id: str
    store_id: str | None
    cashier_id: str | None
    state: ShiftState
    number: str | None
    opened_at: datetime
    closed_at: datetime | None
    opening_float: Money
    expected: Money | None
    counted: Money | None
    difference: Money | None
    currency: str


class ShiftHead(ShiftRow, frozen=True):
    """A shift as it is kept."""

    warehouse_id: UUID
    brought: Money
    closed_by: str | None
    closing_float: Money | None
    denominations: list[Denomination]
    tally: Tally | None
    note: str
    version: int


class MovementShown(msgspec.Struct, frozen=True):
    """Cash that was paid in or out."""

    id: UUID
    at: datetime
    kind: CashKind
    purpose: CashPurpose
    amount: Money
    reason: str
    cashier_id: str | None


class OpenShift(msgspec.Struct, frozen=True):
    """The shift of a till that is open: enough to sell in it, and no word of what should be in the drawer."""

    id: UUID
    terminal_id: str
    cashier_id: str | None
    opened_at: datetime
    opening_float: Money
    currency: str


class AtTill(msgspec.Struct, frozen=True):
    """How a terminal stands: its open shift, if any, and what was left in the drawer when it was last counted."""

    shift: OpenShift | None
    left: Money


class ShiftReport(msgspec.Struct, frozen=True):
    """The report of a shift: X while it is open, Z once it is closed. A Z never changes; `uncounted` are sales of this
    shift that arrived after it was closed and that no Z has taken up yet."""

    id: UUID
    name: str
    number: str | None
    state: ShiftState
    entity_id: UUID
    store_id: str | None
    terminal_id: str
    cashier_id: str | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    currency: str
    sales: int
    returns: int
    late: int
    late_total: Money
    uncounted: int
    gross: Money
    returned: Money
    total: Money
    discounts: Money
    net: Money
    tax: Money
    taxes: list[TaxTotal]
    methods: list[MethodTotal]
    opening_float: Money
    cash_sales: Money
    cash_refunds: Money
    paid_in: Money
    paid_out: Money
    expected: Money
    counted: Money | None
    difference: Money | None
    closing_float: Money | None
    movements: list[MovementShown]
    denominations: list[Denomination]
    note: str
    version: int


SHIFTS = Listing(
    name="shifts",
    view=view(ShiftRow, Shift),
    needs="pos.report",
    search=[Shift.terminal_id, Shift.number, Shift.cashier_id],
    sort="-opened_at",
)


@command(needs="pos.sell")
async def get_open_shift(ctx: Ctx, terminal_id: str) -> AtTill:
    """How a terminal stands: the shift that is open at it, and what was left in its drawer."""
    terminal = (Shift.entity_id == ctx.entity_id, Shift.terminal_id == terminal_id)
    found = await ctx.first(view(OpenShift, Shift).where(*terminal, Shift.state == "open"))
    return AtTill(found, await left_in_drawer(ctx, terminal_id))


@command(needs="pos.report")
async def get_shift(ctx: Ctx, shift_id: UUID) -> ShiftReport:
    """The X-report of an open shift, or the Z-report of a closed one."""
    return await report(ctx, await ctx.one(view(ShiftHead, Shift).where(Shift.id == shift_id)))


async def report(ctx: Ctx, shift: ShiftHead) -> ShiftReport:
    """What a shift comes to: as it was counted, or as it stands now."""
    tally = shift.tally or await tallied(ctx, await to_count(ctx, shift))
    movements = await movements_of(ctx, shift.id)
    cash = rules.drawer(shift.opening_float, tally, summed(movements))
    uncounted = await ctx.value(_UNCOUNTED, shift.id) if shift.tally is not None else 0
    kept = {name: getattr(shift, name) for name in ShiftReport.__struct_fields__ if hasattr(shift, name)}
    summary = {**msgspec.structs.asdict(tally), **msgspec.structs.asdict(cash)}
    name = f"{shift.number} · {shift.terminal_id}" if shift.number else shift.terminal_id
    return ShiftReport(**{**kept, **summary, "name": name, "uncounted": uncounted, "movements": movements})


async def movements_of(ctx: Ctx, shift_id: UUID) -> list[MovementShown]:
    """The cash that was paid in and out, oldest first."""
    shown = view(MovementShown, CashMovement).where(CashMovement.shift_id == shift_id)
    return await ctx.all(shown.order_by(CashMovement.at, CashMovement.id))


def summed(movements: list[MovementShown]) -> rules.Moved:
    """What was paid in and out together."""
    paid_in = sum((one.amount for one in movements if one.kind is CashKind.pay_in), rules.ZERO)
    return rules.Moved(paid_in, sum((one.amount for one in movements if one.kind is CashKind.pay_out), rules.ZERO))


async def left_in_drawer(ctx: Ctx, terminal_id: str) -> Decimal:
    """What stayed in the drawer of a terminal when it was last counted."""
    return await ctx.value(_LEFT, ctx.entity_id, terminal_id) or rules.ZERO


class ToCount(msgspec.Struct, frozen=True):
    """An order that the next Z of a terminal counts; late when it is of an earlier shift."""

    id: UUID
    late: bool


async def to_count(ctx: Ctx, shift: ShiftHead) -> list[ToCount]:
    """The orders of this shift, and those of earlier shifts of the terminal that came after their Z."""
    return await ctx.rows(ToCount, _TO_COUNT, shift.id, shift.entity_id, shift.terminal_id, LONGEST_REQUEST)


async def tallied(ctx: Ctx, orders: list[ToCount]) -> Tally:
    """What these orders come to. They are named one by one, so that what is sold meanwhile is in none of the sums."""
    if not orders:
        return Tally()
    ids = [order.id for order in orders]
    row = await ctx.connection.fetchrow(_TALLY, ids, [order.id for order in orders if order.late])
    return Tally(
        **dict(row),
        late=sum(order.late for order in orders),
        taxes=await ctx.rows(TaxTotal, _TAXES, ids),
        methods=await ctx.of(Payments).totals(ids),
    )


_LEFT = """
SELECT closing_float FROM orders.till_shift WHERE entity_id = $1 AND terminal_id = $2 AND state = 'closed'
ORDER BY opened_at DESC LIMIT 1
"""
_UNCOUNTED = """
SELECT count(*) FROM orders.sales_order o
WHERE o.shift_id = $1 AND NOT EXISTS (SELECT FROM orders.till_counted c WHERE c.id = o.id)
"""
_TO_COUNT = """
SELECT o.id, false FROM orders.sales_order o
WHERE o.shift_id = $1 AND NOT EXISTS (SELECT FROM orders.till_counted c WHERE c.id = o.id)
UNION ALL
SELECT o.id, true FROM orders.till_shift s JOIN orders.sales_order o ON o.shift_id = s.id
WHERE s.entity_id = $2 AND s.terminal_id = $3 AND s.state = 'closed' AND o.created_at >= (
    SELECT max(closed_at) - $4::interval FROM orders.till_shift
    WHERE entity_id = $2 AND terminal_id = $3 AND state = 'closed')
AND NOT EXISTS (SELECT FROM orders.till_counted c WHERE c.id = o.id)
"""
_TALLY = """
SELECT count(*) FILTER (WHERE kind = 'sale') AS sales, count(*) FILTER (WHERE kind = 'credit') AS returns,
       coalesce(sum(total) FILTER (WHERE id = ANY($2)), 0.00) AS late_total,
       coalesce(sum(total) FILTER (WHERE kind = 'sale'), 0.00) AS gross,
       coalesce(sum(total) FILTER (WHERE kind = 'credit'), 0.00) AS returned,
       sum(total) AS total, sum(subtotal) AS net, sum(tax_total) AS tax, sum(discount_total) AS discounts
FROM orders.sales_order WHERE id = ANY($1)
"""
_TAXES = """
SELECT t.code, t.rate, sum(t.net), sum(t.tax)
FROM orders.sales_order o, jsonb_to_recordset(o.taxes) AS t(code TEXT, rate NUMERIC, net NUMERIC, tax NUMERIC)
WHERE o.id = ANY($1) GROUP BY t.code, t.rate ORDER BY t.rate DESC, t.code
"""
