"""Goods that come back to the till: a credit that refers to the sale, with the money given back at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import numbers, status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.orders.events import GivenBack, OrderCompleted, OrderReturned, Settled, Sold
from entrepot.modules.orders.queries.orders import OrderHead, OrderShown, get_order
from entrepot.modules.orders.rules import returning as rules
from entrepot.modules.orders.rules.selling import ORDER, OrderState
from entrepot.modules.orders.tables import Order, OrderLine
from entrepot.modules.payments.contract import PaymentMethod, Payments, Tender
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.ids import derived_id, new_id


class PosReturn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes back and how the money is given back. One client id, one credit, however often it is sent."""

    lines: list[rules.ReturnLine]
    method: PaymentMethod = PaymentMethod.cash
    client_id: str | None = None
    terminal_id: str | None = None
    cashier_id: str | None = None
    shift_id: UUID | None = None
    reason: str = ""


@command(needs="orders.refund")
async def return_sale(ctx: Ctx, order_id: UUID, body: PosReturn) -> OrderShown:
    """Take goods back and give the money back in one step. Refuses more than was sold and is not back yet; inventory
    puts the goods back at what they cost and the books are reversed once the credit is told."""
    if body.method is PaymentMethod.on_account:
        raise Invalid.field("method", "the till takes no sales on account")
    if body.client_id is not None and not 1 <= len(body.client_id) <= 100:
        raise Invalid.field("client_id", "must be 1 to {most} characters", most=100)
    sale = await ctx.hold(view(OrderHead, Order).where(Order.id == order_id, Order.channel == "pos"))
    if sale.kind != "sale" or sale.state is not OrderState.completed:
        raise Conflict("only a completed sale can be taken back", state=sale.state.value, kind=sale.kind)
    credit_id = derived_id(order_id, f"return:{body.client_id}") if body.client_id is not None else new_id()
    if await ctx.value("SELECT 1 FROM orders.sales_order WHERE id = $1", credit_id):
        return await get_order(ctx, credit_id)
    sold = await ctx.rows(rules.SoldLine, _SOLD, order_id)
    credits = rules.credited(sold, body.lines, sale.currency)
    taxes = rules.tax_totals(sold, credits)
    rows = await _line_rows(ctx, order_id, credit_id, credits)
    subtotal = sum((tax.net for tax in taxes), Decimal(0))
    tax_total = sum((tax.tax for tax in taxes), Decimal(0))
    total = subtotal + tax_total
    tender = Tender(
        derived_id(credit_id, "payment:0"),
        credit_id,
        "order",
        body.method,
        total,
        total,
        sale.currency,
        body.terminal_id,
    )
    await ctx.of(Payments).take(credit_id, [tender])
    await ctx.add_many(OrderLine, rows)
    await status.begin(ctx, ORDER, [credit_id], OrderState.completed, move="sell")
    zone = await ctx.house.settings.zone(ctx)
    number = (await numbers.take_many(ctx, "order", 1, on=ctx.now.astimezone(zone).date()))[0]
    head: dict[str, Any] = {
        "id": credit_id,
        "number": number,
        "client_id": body.client_id,
        "entity_id": sale.entity_id,
        "channel": "pos",
        "kind": "credit",
        "state": "completed",
        "customer_id": sale.customer_id,
        "customer_name": sale.customer_name,
        "warehouse_id": sale.warehouse_id,
        "store_id": sale.store_id,
        "terminal_id": body.terminal_id or sale.terminal_id,
        "cashier_id": body.cashier_id,
        "shift_id": body.shift_id,
        "currency": sale.currency,
        "subtotal": subtotal,
        "tax_total": tax_total,
        "discount_total": sum((credit.discount for credit in credits), Decimal(0)),
        "total": total,
        "prices_include_tax": sale.prices_include_tax,
        "taxes": taxes,
        "payment_status": "paid",
        "fulfillment_status": "fulfilled",
        "billing_status": "billed",
        "metadata": {"original": sale.number, "reason": body.reason},
        "original_id": order_id,
        "created_by": ctx.actor.id,
        "placed_at": ctx.now,
        "paid_at": ctx.now,
        "completed_at": ctx.now,
    }
    await ctx.add_many(Order, [head])
    ctx.emit(
        OrderCompleted(
            order_id=credit_id,
            number=number,
            entity_id=sale.entity_id,
            channel="pos",
            kind="credit",
            warehouse_id=sale.warehouse_id,
            customer_id=sale.customer_id,
            placed_at=ctx.now,
            currency=sale.currency,
            subtotal=subtotal,
            tax_total=tax_total,
            total=total,
            taxes=taxes,
            lines=[
                Sold(r["sku"], r["name"], r["quantity"], r["net"], r["tax"], r["gross"], r["stocked"]) for r in rows
            ],
            payments=[Settled(body.method.value, total)],
            original_id=order_id,
        )
    )
    ctx.emit(
        OrderReturned(
            order_id=credit_id,
            original_id=order_id,
            entity_id=sale.entity_id,
            warehouse_id=sale.warehouse_id,
            at=ctx.now,
            goods=[GivenBack(r["sku"], -r["quantity"]) for r in rows if r["stocked"]],
        )
    )
    return await get_order(ctx, credit_id)


async def _line_rows(ctx: Ctx, order_id: UUID, credit_id: UUID, credits: list[rules.Credited]) -> list[dict[str, Any]]:
    """The rows of the credit: those of the sale at the same positions, with what comes back."""
    by_position = {credit.position: credit for credit in credits}
    rows = await ctx.connection.fetch(_LINES, order_id, list(by_position))
    found = []
    for row in rows:
        credit = by_position[row["position"]]
        found.append(
            {
                **dict(row),
                "id": new_id(),
                "order_id": credit_id,
                "quantity": credit.quantity,
                "discount": credit.discount,
                "net": credit.net,
                "tax": credit.tax,
                "gross": credit.gross,
            }
        )
    return found


_SOLD = """
SELECT l.position, l.quantity, l.discount, l.net, l.tax, l.gross, l.tax_code, l.tax_rate,
       coalesce((SELECT -sum(c.quantity) FROM orders.order_line c
                 JOIN orders.sales_order o ON o.id = c.order_id AND o.tenant_id = c.tenant_id
                 WHERE o.original_id = $1 AND c.position = l.position), 0)
FROM orders.order_line l WHERE l.order_id = $1 ORDER BY l.position
"""
_LINES = """
SELECT position, variant_id, sku, name, unit_price, tax_code, tax_rate, stocked
FROM orders.order_line WHERE order_id = $1 AND position = ANY($2::int[]) ORDER BY position
"""
