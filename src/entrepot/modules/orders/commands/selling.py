"""Selling at the till: priced, taxed, paid, stock taken, all in one step. Many sales at once cost as many statements as one."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import numbers, status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Actor, Again, Ctx
from entrepot.kernel.db import extended
from entrepot.kernel.together import Asked, Fresh
from entrepot.kernel.turns import in_turns
from entrepot.modules.catalog.contract import Catalog, ProductKind
from entrepot.modules.documents.contract import DocumentCard
from entrepot.modules.identity.contract import Identity
from entrepot.modules.inventory.contract import Inventory, Take, Taken, Want
from entrepot.modules.orders.commands import recording
from entrepot.modules.orders.commands.receipts import print_receipt
from entrepot.modules.orders.commands.recording import PosSale, Rung, Sale
from entrepot.modules.orders.queries.orders import OrderShown, get_order, selling_from
from entrepot.modules.orders.rules import selling as rules
from entrepot.modules.orders.rules.selling import OrderState
from entrepot.modules.orders.tables import Order, OrderLine
from entrepot.modules.payments.contract import Payments, Tender
from entrepot.modules.tax.contract import RateCard, Tax
from entrepot.pure.errors import Conflict, Denied, Invalid, Refusal
from entrepot.pure.groups import grouped
from entrepot.pure.ids import derived_id, new_id

MOST_LINES = 1000
SHORT = "a crowd ran short of goods"
BUSY = "several sold at the same moment"


class Way(enum.Enum):
    """In which order a sale is written, which decides how long the goods are locked and what a refusal costs."""

    ALONE = "goods, money, order: neighbours are told nothing before the goods are there"
    GOODS_LAST = "money, order, goods: others wait least; one sale that goes short makes all begin again"
    GOODS_FIRST = "goods, then the sales that got theirs: one that goes short costs the others nothing"
    BY_ITSELF = "goods, then the only sale of its unit, which waits for nothing after that: its number is guessed"


class Outcome(msgspec.Struct, frozen=True):
    """What became of a sale: its order, or why not."""

    order_id: UUID
    refusal: Refusal | None = None
    repeated: bool = False
    shown: OrderShown | None = None


class SoldOrder(OrderShown, frozen=True):
    """The order of a sale, with its receipt when it was asked for."""

    receipt: DocumentCard | None = None


@command(needs="pos.sell")
async def sell(ctx: Ctx, body: PosSale) -> SoldOrder:
    """Sell, take the payment and the goods in one step, or refuse and leave nothing behind.

    Refuses with Conflict(available=...) when the goods are not there."""
    sale = as_sale(ctx, body, ctx.actor)
    way = Way.ALONE if ctx.house.topology.far else Way.GOODS_FIRST
    outcome = (await ring_up(ctx, [sale], way, show=True))[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    found = outcome.shown or await get_order(ctx, outcome.order_id)
    return extended(SoldOrder, found, receipt=await print_receipt(ctx, found.id) if body.receipt else None)


async def sell_together(ctx: Ctx, asked: Sequence[Asked[PosSale]], fresh: Fresh) -> dict[int, SoldOrder | Refusal]:
    """What `sell` does, for all tills that ask at the same moment: each sale all or nothing, first come first served. No
    two units at once may have a sale of the same client id, as the route sees to (`once`)."""
    answers: dict[int, SoldOrder | Refusal] = {}
    sales: dict[int, Sale] = {}
    for at, one in enumerate(asked):
        try:
            sales[at] = as_sale(ctx, one.body, one.origin.actor)
        except Refusal as refusal:
            answers[at] = refusal
    these = list(sales.values())
    way = _way(ctx, len(asked))
    works = [_known(ctx, these), _shop(ctx, these), fresh()]
    if way is Way.BY_ITSELF:
        works += [_hold_goods(ctx, one) for one in these]
    known, shop, left, *_ = await ctx.side_by_side(*works)
    found: Found | None = (known, shop)
    sales = {at: sales[at] for at in left if at in sales}
    while sales:
        # Of one client id the first goes first; what else came under it is judged when that one is in, or refused.
        first = {sale.id: at for at, sale in reversed(sales.items())}
        now = sorted(first.values())
        these = [sales[at] for at in now]
        await ctx.act_for({sales[at].id: asked[at].origin for at in now})
        outcomes = await ring_up(ctx, these, way, show=True, found=found, guarded=True)
        for at, outcome in zip(now, outcomes, strict=True):
            answers[at] = outcome.refusal or extended(
                SoldOrder, outcome.shown or await get_order(ctx, outcome.order_id)
            )
        sales = {at: sale for at, sale in sales.items() if at not in answers}
        found = None
    return {at: answers[at] for at in left}


def _way(ctx: Ctx, many: int) -> Way:
    """Goods last where others want them as well; where nobody else sells, or goods ran short a moment ago, they come first:
    a sale that goes short then costs nothing, not even an order number."""
    memory = ctx.house.memory
    if many > 1:
        memory.note(ctx.tenant_id, BUSY)
    if memory.noted(ctx.tenant_id, BUSY) and not memory.noted(ctx.tenant_id, SHORT):
        return Way.GOODS_LAST
    return Way.GOODS_FIRST if many > 1 else Way.BY_ITSELF


def as_sale(ctx: Ctx, pos: PosSale, actor: Actor, *, forced: bool = False) -> Sale:
    """The sale under the id that its client id determines."""
    if pos.client_id is not None and not 1 <= len(pos.client_id) <= 100:
        raise Invalid.field("client_id", "must be 1 to {most} characters", most=100)
    if len(pos.lines) > MOST_LINES:
        raise Invalid.field("lines", "must be at most {most} lines", most=MOST_LINES)
    if not pos.lines:
        raise Invalid.field("lines", "needs at least one line")
    order_id = derived_id(ctx.tenant_id, f"pos:{pos.client_id}") if pos.client_id is not None else new_id()
    return Sale(order_id, pos, pos.offline_at or ctx.now if forced else ctx.now, forced, actor.may("orders.price"))


async def ring_up(
    ctx: Ctx,
    sales: Sequence[Sale],
    way: Way = Way.GOODS_FIRST,
    *,
    show: bool = False,
    found: Found | None = None,
    guarded: bool = False,
    ready: Callable[[], Awaitable[None]] | None = None,
) -> list[Outcome]:
    """Ring up many sales of one business entity, each all or nothing, with a fixed number of statements.

    A sale that is alone in its unit tells inventory with an undo, so that another service gives the goods back at
    once when the unit fails; in a batch they come back when nobody confirms the sale. With `show` a new order is told
    as it would be read back. `found` is what `look` found for these sales. Where nothing has `guarded` against the
    same sale in two units at once, lines are sent before a number is taken. `ready` is waited for when everything is
    priced and nothing is locked or written yet."""
    known, shop = found or await look(ctx, sales)
    outcomes = {sale.id: Outcome(sale.id, repeated=True) for sale in sales if sale.id in known}
    fresh = list({sale.id: sale for sale in sales if sale.id not in known}.values())
    priced = await _priced(shop, fresh, outcomes)
    if ready is not None:
        await ready()
    sold, numbered = await _RING_UP[way](ctx, priced, outcomes, guarded) if priced else ([], {})
    for one in sold:
        seen = recording.shown(ctx, one, numbered[one.sale.id]) if show else None
        outcomes[one.sale.id] = Outcome(one.sale.id, shown=seen)
    return [outcomes[sale.id] for sale in sales]


Outcomes = dict[UUID, Outcome]
Sold = tuple[list[Rung], dict[UUID, str]]


async def _priced(shop: Shop, sales: Sequence[Sale], outcomes: Outcomes) -> list[Rung]:
    """The sales that can be rung up as far as prices, rights and payments go."""
    rung: list[Rung] = []
    async for sale in in_turns(sales):
        try:
            rung.append(_price(shop, sale))
        except Refusal as refusal:
            outcomes[sale.id] = Outcome(sale.id, refusal)
    return rung


async def _alone(ctx: Ctx, rung: list[Rung], outcomes: Outcomes, guarded: bool) -> Sold:
    # Neighbours are told after the goods, money last: a refusal leaves nothing with any of them.
    return await _write(ctx, _served(rung, await _take_goods(ctx, rung, alone=True), outcomes), guarded)


async def _goods_last(ctx: Ctx, rung: list[Rung], outcomes: Outcomes, guarded: bool) -> Sold:
    written = await _write(ctx, rung, guarded)
    taken = await _take_goods(ctx, rung)
    if len(_served(rung, taken, outcomes)) < len(rung):
        ctx.house.memory.note(ctx.tenant_id, SHORT)
        raise Again
    return written


async def _goods_first(ctx: Ctx, rung: list[Rung], outcomes: Outcomes, guarded: bool) -> Sold:
    return await _write(ctx, _served(rung, await _take_goods(ctx, rung), outcomes), guarded)


async def _by_itself(ctx: Ctx, rung: list[Rung], outcomes: Outcomes, guarded: bool) -> Sold:
    return await _write(ctx, _served(rung, await _take_goods(ctx, rung), outcomes), guarded, guess=True)


_RING_UP = {
    Way.ALONE: _alone,
    Way.GOODS_LAST: _goods_last,
    Way.GOODS_FIRST: _goods_first,
    Way.BY_ITSELF: _by_itself,
}


def _served(rung: Sequence[Rung], taken: dict[UUID, Taken], outcomes: Outcomes) -> list[Rung]:
    """Who got their goods; the others are told what is missing."""
    sold = []
    for one in rung:
        missing = taken[one.sale.id].missing if one.sale.id in taken else []
        if missing:
            outcomes[one.sale.id] = Outcome(one.sale.id, _sold_out(one, missing))
        else:
            sold.append(one)
    return sold


Found = tuple[set[UUID], "Shop"]


async def look(ctx: Ctx, sales: Sequence[Sale]) -> Found:
    """What ringing up must know: which of these were sold before, and the shop."""
    known, shop = await ctx.side_by_side(_known(ctx, sales), _shop(ctx, sales))
    return known, shop


class Shop(msgspec.Struct, frozen=True):
    """What pricing needs to know: asked once for all sales."""

    currency: str
    country: str
    inclusive: bool
    warehouse_id: UUID
    cards: rules.Cards
    rates: dict[datetime, dict[str, RateCard]]


async def _shop(ctx: Ctx, sales: Sequence[Sale]) -> Shop:
    entity = await ctx.recall(("entity", ctx.entity_id), lambda: ctx.of(Identity).entity(ctx.entity_id))
    skus = {line.sku for sale in sales for line in sale.pos.lines if line.sku is not None}
    ids = {line.variant_id for sale in sales for line in sale.pos.lines if line.variant_id is not None}
    cards = await ctx.of(Catalog).variants(sorted(skus), sorted(ids))
    rates: dict[datetime, dict[str, RateCard]] = {}
    zone = await ctx.house.settings.zone(ctx)
    by_day: dict[Any, dict[str, RateCard]] = {}
    for sale in sales:
        day = sale.placed_at.astimezone(zone).date()
        if day not in by_day:
            by_day[day] = await _rates(ctx, entity.country, day)
        rates[sale.placed_at] = by_day[day]
    return Shop(
        entity.currency,
        entity.country,
        await ctx.house.settings.value(ctx, "orders.pos_prices_include_tax"),
        await selling_from(ctx),
        rules.Cards.of(cards),
        rates,
    )


async def _rates(ctx: Ctx, country: str, day: date) -> dict[str, RateCard]:
    found = await ctx.recall(("rates", country, day), lambda: ctx.of(Tax).rates(country, day))
    return {rate.category: rate for rate in found}


def _price(shop: Shop, sale: Sale) -> Rung:
    pos = sale.pos
    currency = pos.currency or shop.currency
    if currency != shop.currency:
        raise Invalid.field("currency", "this till sells in {currency}", currency=shop.currency)
    if not sale.price_free and any(line.unit_price is not None or line.discount for line in pos.lines):
        raise Denied("you need the permission {missing} for this", missing="orders.price")
    cards = rules.match_cards(pos.lines, shop.cards)
    rates = shop.rates[sale.placed_at]
    for card in cards:
        if card.tax_category not in rates:
            raise Conflict(
                "there is no {category} tax rate for {country}", category=card.tax_category, country=shop.country
            )
    priced = rules.priced(pos.lines, cards, rates, currency, inclusive=shop.inclusive)
    payments = rules.counted(sale.id, pos.payments, priced.total, currency)
    line_ids = [new_id() for _ in priced.lines]
    return Rung(sale, pos.warehouse_id or shop.warehouse_id, currency, shop.inclusive, priced, payments, line_ids)


async def _take_goods(ctx: Ctx, rung: Sequence[Rung], *, alone: bool = False) -> dict[UUID, Taken]:
    far = bool(ctx.house.topology.far)
    by_warehouse: dict[UUID, list[Take]] = {}
    for one in rung:
        wants = [
            Want(line.card.sku, line.quantity) for line in one.priced.lines if line.card.kind == ProductKind.stocked
        ]
        if wants:
            by_warehouse.setdefault(one.warehouse_id, []).append(
                Take(one.sale.id, wants, one.sale.forced, one.sale.placed_at, first=not far)
            )
    taken: dict[UUID, Taken] = {}
    for warehouse_id in sorted(by_warehouse):
        takes = by_warehouse[warehouse_id]
        if alone:
            costs = await ctx.of(Inventory).deduct(takes[0].reference, warehouse_id, takes[0].wants)
            taken[takes[0].reference] = Taken(takes[0].reference, costs)
        else:
            for outcome in await ctx.of(Inventory).deduct_many(takes[0].reference, warehouse_id, takes):
                taken[outcome.reference] = outcome
    return taken


async def _hold_goods(ctx: Ctx, sale: Sale) -> None:
    """Lock the goods before their prices are known: nobody else sells here, and one round trip fewer is waited for."""
    if all(line.variant_id is None for line in sale.pos.lines):
        skus = [line.sku for line in sale.pos.lines if line.sku is not None]
        await ctx.of(Inventory).hold(sale.pos.warehouse_id or await selling_from(ctx), skus)


def _sold_out(one: Rung, missing: Sequence[Any]) -> Conflict:
    wanted: dict[str, Decimal] = {}
    for line in one.priced.lines:
        wanted[line.card.sku] = wanted.get(line.card.sku, Decimal(0)) + line.quantity
    return Conflict(
        "there is not enough stock",
        available=[
            {"sku": a.sku, "wanted": format(wanted[a.sku], "f"), "available": format(a.available, "f")} for a in missing
        ],
    )


async def _take_money(ctx: Ctx, sold: Sequence[Rung]) -> None:
    tenders = [
        Tender(
            payment.id,
            one.sale.id,
            "order",
            payment.method,
            payment.amount,
            payment.tendered,
            one.currency,
            one.sale.pos.terminal_id,
            payment.transaction_id,
        )
        for one in sold
        for payment in one.payments
    ]
    await ctx.of(Payments).take(sold[0].sale.id, tenders)


async def _write(ctx: Ctx, sold: list[Rung], guarded: bool, guess: bool = False) -> Sold:
    if not sold:
        return [], {}
    await ctx.add_later(OrderLine, [row for one in sold for row in recording.line_rows(one)], twice=Again)
    if not guarded:
        # The same client id may be sent twice at once: who comes second waits here for the first, and begins again to
        # find its order, before an order number is spent.
        await ctx.connection.settle()
    ids = [one.sale.id for one in sold]
    await status.begin(ctx, rules.ORDER, ids, OrderState.completed, move="sell")
    await _take_money(ctx, sold)
    return sold, await _write_orders(ctx, sold, guess)


async def _write_orders(ctx: Ctx, sold: Sequence[Rung], guess: bool) -> dict[UUID, str]:
    zone = await ctx.house.settings.zone(ctx)
    by_year = grouped(sold, lambda one: one.sale.placed_at.astimezone(zone).year)
    numbered: dict[UUID, str] = {}
    for _, these in sorted(by_year.items()):
        on = these[0].sale.placed_at.astimezone(zone).date()
        taken = await numbers.take_many(ctx, "order", len(these), on=on, guess=guess)
        numbered.update({one.sale.id: number for one, number in zip(these, taken, strict=True)})
    rows = [recording.order_row(ctx, one, numbered[one.sale.id]) for one in sold]
    await ctx.add_later(Order, rows, alike=recording.orders_alike(ctx, sold[0]), twice=Again)
    for one in sold:
        ctx.emit(recording.completed(ctx, one, numbered[one.sale.id]))
    return numbered


async def _known(ctx: Ctx, sales: Sequence[Sale]) -> set[UUID]:
    """Which of these were sold before, as the ids of their clients tell."""
    ids = [sale.id for sale in sales if sale.pos.client_id is not None]
    if not ids:
        return set()
    rows = await ctx.ask(_KNOWN, ids, tables=("orders.sales_order",))
    return {id for (id,) in rows}


_KNOWN = """
SELECT o.id FROM unnest($1::uuid[]) AS asked, LATERAL (SELECT id FROM orders.sales_order WHERE id = asked LIMIT 1) o
"""
