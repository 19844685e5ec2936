"""A sale on its way from the till to its rows: what was sent, what it came to, and what is written and told of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.modules.orders.events import OrderCompleted, Settled, Sold
from entrepot.modules.orders.queries.orders import LineShown, OrderHead, OrderShown
from entrepot.modules.orders.rules import selling as rules
from entrepot.modules.orders.rules.selling import OrderState, Priced, SaleLine, SalePayment
from entrepot.modules.payments.contract import Paid


class PosSale(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sale at a till. `client_id` is made by the till: one client id, one order, however often it is sent.

    `offline_at` says that the sale happened then, without connection: it is a fact, accepted even when the goods
    were not there any more. With `receipt` the answer brings the receipt as a stored PDF."""

    lines: list[SaleLine]
    payments: list[SalePayment]
    client_id: str | None = None
    store_id: str | None = None
    terminal_id: str | None = None
    cashier_id: str | None = None
    shift_id: UUID | None = None
    customer_id: UUID | None = None
    warehouse_id: UUID | None = None
    currency: str | None = None
    offline_at: datetime | None = None
    receipt: bool = False
    metadata: dict[str, Any] = {}


class Sale(msgspec.Struct, frozen=True):
    """A sale on its way: what the till sent, under the id its order will have."""

    id: UUID
    pos: PosSale
    placed_at: datetime
    forced: bool = False
    price_free: bool = False


class Rung(msgspec.Struct, frozen=True):
    """A priced and paid sale, before goods are taken."""

    sale: Sale
    warehouse_id: UUID
    currency: str
    inclusive: bool
    priced: Priced
    payments: list[rules.Counted]
    line_ids: list[UUID]


def line_rows(one: Rung) -> list[dict[str, Any]]:
    """The rows of its lines."""
    return [
        {
            "id": one.line_ids[at - 1],
            "order_id": one.sale.id,
            "position": at,
            "variant_id": line.card.variant_id,
            "sku": line.card.sku,
            "name": line.card.name,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "discount": line.discount,
            "net": line.net,
            "tax": line.tax,
            "gross": line.gross,
            "tax_code": line.tax_code,
            "tax_rate": line.tax_rate,
            "stocked": line.card.kind == "stocked",
        }
        for at, line in enumerate(one.priced.lines, start=1)
    ]


def orders_alike(ctx: Ctx, one: Rung) -> dict[str, Any]:
    """What is the same in the orders of all sales of a shop at the till."""
    return {
        "entity_id": ctx.entity_id,
        "channel": "pos",
        "state": "completed",
        "currency": one.currency,
        "prices_include_tax": one.inclusive,
        "payment_status": "paid",
        "fulfillment_status": "fulfilled",
        "billing_status": "billed",
    }


def order_row(ctx: Ctx, one: Rung, number: str) -> dict[str, Any]:
    """The row of its order, without what they have alike."""
    pos, priced = one.sale.pos, one.priced
    return {
        "id": one.sale.id,
        "number": number,
        "client_id": pos.client_id,
        "customer_id": pos.customer_id,
        "warehouse_id": one.warehouse_id,
        "store_id": pos.store_id,
        "terminal_id": pos.terminal_id,
        "cashier_id": pos.cashier_id,
        "shift_id": pos.shift_id,
        "subtotal": priced.subtotal,
        "tax_total": priced.tax_total,
        "discount_total": priced.discount_total,
        "total": priced.total,
        "taxes": priced.taxes,
        "metadata": pos.metadata,
        "created_by": ctx.origin(one.sale.id).actor.id,
        "placed_at": one.sale.placed_at,
        "paid_at": one.sale.placed_at,
        "completed_at": one.sale.placed_at,
    }


def completed(ctx: Ctx, one: Rung, number: str) -> OrderCompleted:
    """What is told of it."""
    priced = one.priced
    return OrderCompleted(
        order_id=one.sale.id,
        number=number,
        entity_id=ctx.entity_id,
        channel="pos",
        kind="sale",
        warehouse_id=one.warehouse_id,
        customer_id=one.sale.pos.customer_id,
        placed_at=one.sale.placed_at,
        currency=one.currency,
        subtotal=priced.subtotal,
        tax_total=priced.tax_total,
        total=priced.total,
        taxes=priced.taxes,
        lines=[
            Sold(
                line.card.sku,
                line.card.name,
                line.quantity,
                line.net,
                line.tax,
                line.gross,
                line.card.kind == "stocked",
            )
            for line in priced.lines
        ],
        payments=[Settled(payment.method.value, payment.amount) for payment in one.payments],
    )


def shown(ctx: Ctx, one: Rung, number: str) -> OrderShown:
    """The order as reading it back would show it, without reading it back."""
    row = {**orders_alike(ctx, one), **order_row(ctx, one, number)}
    row["state"] = OrderState.completed
    missing: dict[str, Any] = {
        "kind": "sale",
        "customer_name": "",
        "customer_email": "",
        "custom": {},
        "cancelled_at": None,
        "cancel_reason": None,
        "original_id": None,
        "version": 1,
    }
    values = {**missing, **row}
    lines = [LineShown(**{name: line[name] for name in LineShown.__struct_fields__}) for line in line_rows(one)]
    payments = [
        Paid(p.id, one.sale.id, p.method.value, p.amount, p.tendered, one.currency, "confirmed") for p in one.payments
    ]
    return OrderShown(
        **{name: values[name] for name in OrderHead.__struct_fields__},
        lines=lines,
        payments=payments,
        change=sum((p.tendered - p.amount for p in one.payments), Decimal("0.00")),
    )
