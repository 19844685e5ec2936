"""Orders: one, the lists, sales by period, and what a till sells from."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import extended, view
from entrepot.kernel.lists import Listing
from entrepot.kernel.obstacles import MOST, Obstacle
from entrepot.modules.accounting.contract import Accounting, BookedLine
from entrepot.modules.catalog.contract import Catalog, ProductKind
from entrepot.modules.identity.contract import Identity
from entrepot.modules.inventory.contract import Inventory
from entrepot.modules.orders.contract import OrderCard
from entrepot.modules.orders.rules.selling import SOLD_STATES, OrderState
from entrepot.modules.orders.tables import Order, OrderLine
from entrepot.modules.payments.contract import Paid, Payments
from entrepot.modules.tax.contract import Tax
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Invalid
from entrepot.pure.money import Money, Rate, plain
from entrepot.pure.quantities import Quantity
from entrepot.pure.said import says
from entrepot.pure.taxes import TaxTotal


class LineShown(msgspec.Struct, frozen=True):
    position: int
    id: UUID
    variant_id: UUID | None
    sku: str
    name: str
    quantity: Quantity
    unit_price: Money
    discount: Money
    net: Money
    tax: Money
    gross: Money
    tax_code: str
    tax_rate: Rate


class OrderHead(msgspec.Struct, frozen=True):
    id: UUID
    number: str
    client_id: str | None
    entity_id: UUID
    channel: str
    kind: str
    state: OrderState
    customer_id: UUID | None
    customer_name: str
    customer_email: str
    warehouse_id: UUID
    store_id: str | None
    terminal_id: str | None
    cashier_id: str | None
    shift_id: UUID | None
    currency: str
    subtotal: Money
    tax_total: Money
    discount_total: Money
    total: Money
    prices_include_tax: bool
    taxes: list[TaxTotal]
    payment_status: str
    fulfillment_status: str
    billing_status: str
    metadata: dict[str, Any]
    custom: dict[str, Any]
    placed_at: datetime
    paid_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    created_by: UUID | None
    original_id: UUID | None
    version: int


class OrderShown(OrderHead, frozen=True):
    """An order with its lines and payments. `change` is what was given back in cash."""

    lines: list[LineShown] = []
    payments: list[Paid] = []
    change: Money = Decimal(0)


class OrderRow(msgspec.Struct, frozen=True):
    """A line of the order list."""

    id: UUID
    number: str
    channel: str
    kind: str
    state: OrderState
    customer_name: str
    store_id: str | None
    terminal_id: str | None
    cashier_id: str | None
    shift_id: UUID | None
    total: Money
    currency: str
    payment_status: str
    placed_at: datetime
    entity_id: UUID


class SoldLine(msgspec.Struct, frozen=True):
    """A line of an order that was sold, or of its credit, beside what is known of the order."""

    id: UUID
    order_id: UUID
    number: str
    placed_at: datetime
    channel: str
    entity_id: UUID
    sku: str
    name: str
    quantity: Quantity
    unit_price: Money
    discount: Money
    net: Money
    tax: Money
    gross: Money
    currency: str


class ShelfItem(msgspec.Struct, frozen=True):
    """Something to sell at the till. `stock` is what can be had in the till's warehouse, nothing for what is not counted."""

    variant_id: UUID
    sku: str
    name: str
    barcode: str | None
    category: str
    price: Money
    tax_code: str
    tax_rate: Rate
    unit: str
    stock: Quantity | None


class PosCatalogue(msgspec.Struct, frozen=True):
    """Everything a till needs to sell without connection; `version` changes with any of it."""

    version: str
    entity_id: UUID
    seller: str
    address: str
    vat_number: str | None
    currency: str
    prices_include_tax: bool
    warehouse_id: UUID
    needs_shift: bool
    items: list[ShelfItem]


ORDERS = Listing(
    name="orders",
    view=view(OrderRow, Order),
    needs="orders.view",
    search=[Order.number, Order.customer_name],
    sort="-placed_at",
    extensible=Order,
)
SOLD = Listing(
    name="sold_lines",
    view=view(
        SoldLine,
        OrderLine,
        number=Order.number,
        placed_at=Order.placed_at,
        channel=Order.channel,
        entity_id=Order.entity_id,
        currency=Order.currency,
    )
    .join(Order, Order.id == OrderLine.order_id)
    .where(Order.state.in_([state.value for state in SOLD_STATES])),
    needs="orders.view",
    search=[OrderLine.sku, OrderLine.name],
    sort="-placed_at",
    quantities=["quantity"],
)
POS_ORDERS = Listing(
    name="pos_orders",
    view=view(OrderRow, Order).where(Order.channel == "pos"),
    needs="orders.view",
    search=[Order.number, Order.customer_name],
    sort="-placed_at",
    extensible=Order,
)


@command(needs="orders.view")
async def get_order(ctx: Ctx, order_id: UUID) -> OrderShown:
    """An order of any channel with its lines and payments."""
    return await _shown(ctx, order_id)


@command(needs="orders.view")
async def get_pos_order(ctx: Ctx, order_id: UUID) -> OrderShown:
    """A sale at the till with its lines and payments."""
    return await _shown(ctx, order_id, "pos")


class OrderInFull(OrderShown, frozen=True):
    """An order with what it moved in the books, for who may see them."""

    ledger: list[BookedLine] = []


@command(needs="orders.view")
async def get_order_in_full(ctx: Ctx, order_id: UUID) -> OrderInFull:
    """An order of any channel with its lines, its payments and its lines in the ledger."""
    ledger = await ctx.of(Accounting).booked(order_id) if ctx.may("journal.view") else []
    return extended(OrderInFull, await _shown(ctx, order_id), ledger=ledger)


async def _shown(ctx: Ctx, order_id: UUID, channel: str | None = None) -> OrderShown:
    found = view(OrderHead, Order).where(Order.id == order_id)
    head = await ctx.one(found if channel is None else found.where(Order.channel == channel))
    lines = await ctx.all(view(LineShown, OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.position))
    payments = await ctx.of(Payments).paid([order_id])
    change = sum((p.tendered - p.amount for p in payments), Decimal("0.00"))
    return extended(OrderShown, head, lines=lines, payments=payments, change=change)


class SalesMonth(msgspec.Struct, frozen=True):
    """The sales of a month: documents and lines counted, exact sums of quantity × unit price."""

    month: str
    lines: int
    invoices: int
    credit_notes: int
    sales: Money
    credits: Money
    adjustments: Money
    net: Money


@command(needs="orders.view")
async def sales_report(
    ctx: Ctx, by: str = "month", from_: date | None = None, to: date | None = None, entity: UUID | None = None
) -> list[SalesMonth]:
    """Sales by month, day or year (of the tenant's time zone), of all days or those from one to another, both included.
    Credits and adjustments carry their own sign, so `net` is the sum of the three."""
    shapes = {"month": "YYYY-MM", "day": "YYYY-MM-DD", "year": "YYYY"}
    if by not in shapes:
        raise Invalid.field("by", "must be one of {allowed}", allowed=list(shapes))
    zone = await ctx.house.settings.value(ctx, "platform.timezone")
    if from_ is not None and to is not None and from_ > to:
        raise Invalid.field("from", "must not be after the end")
    rows = await ctx.connection.fetch(_SALES, shapes[by], by, zone, entity, from_, to)
    return [
        SalesMonth(
            row["period"],
            row["lines"],
            row["invoices"],
            row["credit_notes"],
            *(_exact(row[name]) for name in ("sales", "credits", "adjustments", "net")),
        )
        for row in rows
    ]


def _exact(amount: Any) -> Any:
    """At least two decimals, no more than there are."""
    text = plain(amount)
    whole, _, decimals = text.partition(".")
    return type(amount)(f"{whole}.{decimals.rstrip('0').ljust(2, '0')}")


async def unpaid(ctx: Ctx, order_id: UUID | None) -> list[Obstacle]:
    """Orders that wait for their money."""
    rows = await ctx.connection.fetch(_UNPAID, order_id, MOST)
    return [
        Obstacle(
            entity="order",
            entity_id=row["id"],
            name=row["number"],
            reason=says("{amount} {currency} is not paid yet", amount=row["total"], currency=row["currency"]),
            since=row["placed_at"],
            button="Take the next step",
            path=".",
        )
        for row in rows
    ]


# ── offered ──


async def selling_from(ctx: Ctx) -> UUID:
    """The warehouse that the till of this business entity sells from unless a sale says otherwise."""
    return await ctx.recall(("warehouse", ctx.entity_id), lambda: ctx.of(Inventory).default_warehouse(ctx.entity_id))


@command(needs="pos.sell")
async def get_pos_catalogue(ctx: Ctx) -> PosCatalogue:
    """What the till of this business entity sells: prices, tax rates and stock now. What has no tax rate today cannot
    be sold and is left out."""
    entity = await ctx.recall(("entity", ctx.entity_id), lambda: ctx.of(Identity).entity(ctx.entity_id))
    today = ctx.now.astimezone(await ctx.house.settings.zone(ctx)).date()
    country = entity.country
    rates = await ctx.recall(("rates", country, today), lambda: ctx.of(Tax).rates(country, today))
    warehouse_id = await selling_from(ctx)
    shelf = await ctx.of(Catalog).shelf()
    counted = [card.sku for card in shelf if card.kind == ProductKind.stocked]
    stock = {a.sku: a.available for a in await ctx.of(Inventory).available(warehouse_id, counted)}
    by_category = {rate.category: rate for rate in rates}
    items = [
        ShelfItem(
            card.variant_id,
            card.sku,
            card.name,
            card.barcode,
            card.category,
            card.price,
            by_category[card.tax_category].code,
            by_category[card.tax_category].rate,
            card.unit,
            stock.get(card.sku),
        )
        for card in shelf
        if card.tax_category in by_category
    ]
    found = PosCatalogue(
        "",
        ctx.entity_id,
        entity.legal_name,
        entity.address,
        entity.vat_number,
        entity.currency,
        await ctx.house.settings.value(ctx, "orders.pos_prices_include_tax"),
        warehouse_id,
        await ctx.house.settings.value(ctx, "orders.till_needs_shift"),
        items,
    )
    return msgspec.structs.replace(found, version=hashlib.sha256(encode(found)).hexdigest()[:24])


async def cards(ctx: Ctx, ids: list[UUID]) -> list[OrderCard]:
    return await ctx.rows(
        OrderCard,
        "SELECT id, number, channel, state, total, currency FROM orders.sales_order WHERE id = ANY($1)",
        ids,
    )


_UNPAID = """
SELECT id, number, total, currency, placed_at FROM orders.sales_order
WHERE state = 'pending' AND ($1::uuid IS NULL OR id = $1) ORDER BY placed_at, id LIMIT $2
"""
# Each order is counted with its lines first, in the order both are kept in: to tell orders apart among all lines is to sort them.
_SALES = """
SELECT to_char(period, $1) AS period,
       coalesce(sum(lines) FILTER (WHERE kind <> 'adjustment'), 0)::bigint AS lines,
       coalesce(sum(orders) FILTER (WHERE kind = 'sale'), 0)::bigint AS invoices,
       coalesce(sum(orders) FILTER (WHERE kind = 'credit'), 0)::bigint AS credit_notes,
       coalesce(sum(amount) FILTER (WHERE kind = 'sale'), 0) AS sales,
       coalesce(sum(amount) FILTER (WHERE kind = 'credit'), 0) AS credits,
       coalesce(sum(amount) FILTER (WHERE kind = 'adjustment'), 0) AS adjustments,
       coalesce(sum(amount), 0) AS net
FROM (
    SELECT date_trunc($2, placed_at AT TIME ZONE $3) AS period, kind, count(*) AS orders, sum(lines) AS lines,
           sum(amount) AS amount
    FROM (
        SELECT o.placed_at, o.kind, count(*) AS lines, sum(l.quantity * l.unit_price) AS amount
        FROM orders.sales_order o JOIN orders.order_line l ON l.order_id = o.id AND l.tenant_id = o.tenant_id
        WHERE o.state NOT IN ('draft', 'cancelled') AND ($4::uuid IS NULL OR o.entity_id = $4)
          AND ($5::date IS NULL OR o.placed_at >= $5::date::timestamp AT TIME ZONE $3)
          AND ($6::date IS NULL OR o.placed_at < ($6::date + 1)::timestamp AT TIME ZONE $3)
        GROUP BY o.tenant_id, o.id
    ) placed GROUP BY 1, 2
) counted GROUP BY period ORDER BY period
"""
