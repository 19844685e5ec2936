"""What people are told when something happens: each to who can act on it."""

from __future__ import annotations

from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.holds import HoldEscalated, HoldPlaced, HoldReleased
from entrepot.kernel.relay import on
from entrepot.kernel.status import StatusOverdue
from entrepot.modules.inventory.events import StockLow, StockOversold
from entrepot.modules.notifications.commands import Telling, tell, withdraw
from entrepot.modules.payments.events import PaymentVoided
from entrepot.pure.said import Said, says


@on(StockLow)
async def tell_of_low_stock(ctx: Ctx, event: StockLow) -> None:
    """Who manages the stock orders more."""
    await tell(
        ctx,
        Telling(
            cause=f"low:{event.warehouse_id}:{event.sku}",
            kind="stock_low",
            said=says("{sku} runs low: {quantity} left", sku=event.sku, quantity=event.quantity),
            path=f"/stock/{event.sku}",
            permission="stock.edit",
        ),
        _event(ctx),
    )


@on(StockOversold)
async def tell_of_oversold_stock(ctx: Ctx, event: StockOversold) -> None:
    """Who manages the stock makes it good."""
    await tell(
        ctx,
        Telling(
            cause=f"oversold:{event.reference}:{event.sku}",
            kind="stock_oversold",
            said=says("{missing} of {sku} were sold that were not there", missing=event.missing, sku=event.sku),
            path=f"/stock-shortages?sku={event.sku}",
            permission="stock.edit",
        ),
        _event(ctx),
    )


@on(StatusOverdue)
async def tell_of_passed_deadlines(ctx: Ctx, event: StatusOverdue) -> None:
    """Who watches deadlines looks why."""
    await tell(
        ctx,
        Telling(
            cause=f"overdue:{event.entity_type}:{event.entity_id}:{event.status}",
            kind="status_overdue",
            said=says("{kind}: {status} for longer than it may be", kind=event.entity_type, status=event.status),
            path=f"/go/{event.entity_type}/{event.entity_id}",
            permission="holds.view",
        ),
        _event(ctx),
    )


@on(HoldPlaced)
async def tell_of_holds(ctx: Ctx, event: HoldPlaced) -> None:
    """Who may release holds looks at it."""
    said = says(
        "{kind}: {aspect} is on hold: {reason}",
        kind=event.entity_type,
        aspect=event.aspect,
        reason=event.reason_category,
    )
    await tell(ctx, _of_hold(event, "hold_placed", said), _event(ctx))


@on(HoldEscalated)
async def tell_of_lasting_holds(ctx: Ctx, event: HoldEscalated) -> None:
    """A hold that lasts too long is told once more, to the same people."""
    said = says(
        "{kind}: {aspect} is on hold for too long: {reason}",
        kind=event.entity_type,
        aspect=event.aspect,
        reason=event.reason_category,
    )
    await tell(ctx, _of_hold(event, "hold_escalated", said), _event(ctx))


@on(HoldReleased)
async def say_no_more_of_holds(ctx: Ctx, event: HoldReleased) -> None:
    """What is released needs nobody."""
    await withdraw(ctx, f"hold:{event.hold_id}")


@on(PaymentVoided)
async def tell_of_voided_payments(ctx: Ctx, event: PaymentVoided) -> None:
    """Who watches the payments knows what did not come in."""
    await tell(
        ctx,
        Telling(
            cause=f"payment:{event.payment_id}",
            kind="payment_voided",
            said=says(
                "a payment of {amount} {currency} by {method} was voided",
                amount=event.amount,
                currency=event.currency,
                method=event.method,
            ),
            path=f"/payments/{event.payment_id}",
            permission="payments.view",
        ),
        _event(ctx),
    )


def _of_hold(event: HoldPlaced | HoldEscalated, kind: str, said: Said) -> Telling:
    return Telling(
        cause=f"hold:{event.hold_id}",
        kind=kind,
        said=said,
        path=f"/go/{event.entity_type}/{event.entity_id}",
        permission="holds.edit",
    )


def _event(ctx: Ctx) -> UUID:
    """The event that is handled: what comes twice is told once."""
    return UUID(ctx.caller.causation)
