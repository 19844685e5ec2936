"""Shifts at the till: opened with a float, closed with a count. No statement of selling knows of them: a sale carries
the id of its shift, and who closes looks for it."""

from __future__ import annotations

from uuid import UUID

import msgspec

from entrepot.kernel import numbers
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.identity.contract import Identity
from entrepot.modules.inventory.contract import Inventory
from entrepot.modules.orders.events import CashMoved, ShiftClosed, ShiftOpened
from entrepot.modules.orders.queries import shifts as queries
from entrepot.modules.orders.queries.shifts import OpenShift, ShiftHead, ShiftReport
from entrepot.modules.orders.rules import shifts as rules
from entrepot.modules.orders.rules.shifts import CashKind, CashPurpose, Denomination, ShiftState
from entrepot.modules.orders.tables import CashMovement, CountedOrder, Shift
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.money import NonNegativeMoney, PositiveMoney

_MOST = 100


class Closing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was counted in the drawer, as a total or by coins and notes. `closing_float` stays in the drawer
    (everything, unless told), the rest is taken to the safe or bank."""

    counted: NonNegativeMoney | None = None
    denominations: list[Denomination] = []
    closing_float: NonNegativeMoney | None = None
    cashier_id: str | None = None
    note: str = ""


@command(needs="pos.shift")
async def open_shift(
    ctx: Ctx,
    terminal_id: str,
    opening_float: NonNegativeMoney,
    store_id: str | None = None,
    cashier_id: str | None = None,
    warehouse_id: UUID | None = None,
) -> OpenShift:
    """Open a till with the float that is in its drawer. Refuses with Conflict(shift_id=...) a terminal that has an open
    shift already."""
    if not 1 <= len(terminal_id) <= _MOST:
        raise Invalid.field("terminal_id", "must be 1 to {most} characters", most=_MOST)
    currency = (await ctx.recall(("entity", ctx.entity_id), lambda: ctx.of(Identity).entity(ctx.entity_id))).currency
    opening = rules.exact(opening_float, currency, "opening_float")
    now = await queries.get_open_shift(ctx, terminal_id)
    if now.shift is not None:
        raise Conflict("a shift is open at {terminal} already", terminal=terminal_id, shift_id=str(now.shift.id))
    warehouse = warehouse_id or await ctx.of(Inventory).default_warehouse(ctx.entity_id)
    brought = opening - now.left
    shift_id = await ctx.add(
        Shift,
        entity_id=ctx.entity_id,
        warehouse_id=warehouse,
        store_id=store_id,
        terminal_id=terminal_id,
        cashier_id=cashier_id or ctx.actor.name,
        currency=currency,
        opened_at=ctx.now,
        opening_float=opening,
        brought=brought,
    )
    ctx.emit(ShiftOpened(shift_id, ctx.entity_id, terminal_id, ctx.now, opening, brought, currency))
    return OpenShift(shift_id, terminal_id, cashier_id or ctx.actor.name, ctx.now, opening, currency)


@command(needs="pos.cash")
async def move_cash(
    ctx: Ctx,
    shift_id: UUID,
    kind: CashKind,
    amount: PositiveMoney,
    reason: str,
    purpose: CashPurpose = CashPurpose.transfer,
    cashier_id: str | None = None,
) -> UUID:
    """Put cash into the drawer or take it out, for a reason. Refuses with Conflict a shift that is closed."""
    shift = await _hold(ctx, shift_id)
    if not 1 <= len(reason.strip()) <= 500:
        raise Invalid.field("reason", "say in 1 to {most} characters why", most=500)
    exact = rules.exact(amount, shift.currency, "amount")
    movement_id = await ctx.add(
        CashMovement,
        shift_id=shift_id,
        kind=kind.value,
        purpose=purpose.value,
        amount=exact,
        reason=reason.strip(),
        cashier_id=cashier_id or ctx.actor.name,
        created_by=ctx.actor.id,
        at=ctx.now,
    )
    ctx.emit(
        CashMoved(
            movement_id=movement_id,
            shift_id=shift_id,
            entity_id=shift.entity_id,
            terminal_id=shift.terminal_id,
            at=ctx.now,
            kind=kind.value,
            purpose=purpose.value,
            amount=exact,
            reason=reason.strip(),
            currency=shift.currency,
        ),
        entity_id=shift.entity_id,
    )
    return movement_id


@command(needs="pos.shift")
async def close_shift(ctx: Ctx, shift_id: UUID, body: Closing) -> ShiftReport:
    """Count the drawer and close: the Z-report, with a running number without gaps. What it counts is fixed from now
    on; a sale that arrives later is taken up by the next Z of the terminal."""
    shift = await _hold(ctx, shift_id)
    counted = rules.counted(body.counted, body.denominations, shift.currency)
    left = counted if body.closing_float is None else rules.exact(body.closing_float, shift.currency, "closing_float")
    if left > counted:
        raise Invalid.field(
            "closing_float", "is more than the {counted} that was counted", counted=format(counted, "f")
        )
    orders = await queries.to_count(ctx, shift)
    await ctx.add_many(CountedOrder, [{"id": order.id, "shift_id": shift_id, "late": order.late} for order in orders])
    tally = await queries.tallied(ctx, orders)
    moved = queries.summed(await queries.movements_of(ctx, shift_id))
    expected = rules.drawer(shift.opening_float, tally, moved).expected
    zone = await ctx.house.settings.zone(ctx)
    number = await numbers.take(ctx, "z_report", on=ctx.now.astimezone(zone).date(), entity_id=shift.entity_id)
    await ctx.change(
        Shift,
        shift_id,
        state=ShiftState.closed.value,
        number=number,
        closed_at=ctx.now,
        closed_by=body.cashier_id or ctx.actor.name,
        expected=expected,
        counted=counted,
        difference=counted - expected,
        closing_float=left,
        denominations=[one for one in body.denominations if one.count],
        tally=tally,
        note=body.note[:2000],
    )
    ctx.emit(
        ShiftClosed(
            shift_id=shift_id,
            number=number,
            entity_id=shift.entity_id,
            terminal_id=shift.terminal_id,
            opened_at=shift.opened_at,
            at=ctx.now,
            sales=tally.sales,
            returns=tally.returns,
            total=tally.total,
            tax=tally.tax,
            expected=expected,
            counted=counted,
            difference=counted - expected,
            closing_float=left,
            currency=shift.currency,
        ),
        entity_id=shift.entity_id,
    )
    return await queries.get_shift(ctx, shift_id)


async def _hold(ctx: Ctx, shift_id: UUID) -> ShiftHead:
    """The open shift, locked: cash is moved before it is counted or not at all."""
    shift = await ctx.hold(view(ShiftHead, Shift).where(Shift.id == shift_id))
    if shift.state is not ShiftState.open:
        raise Conflict("this shift is closed with {number}", number=shift.number)
    return shift
