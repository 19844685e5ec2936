"""Reads of catalog."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import extended, maker, view
from entrepot.kernel.lists import Listing
from entrepot.modules.catalog.contract import ProductKind, ShelfCard, VariantCard
from entrepot.modules.catalog.rules import ProductState
from entrepot.modules.catalog.tables import Product, Variant
from entrepot.pure.errors import NotFound
from entrepot.pure.money import Money


class VariantShown(msgspec.Struct, frozen=True):
    id: UUID
    product_id: UUID
    sku: str
    name: str
    barcode: str | None
    price: Money
    wholesale_price: Money | None
    cost: Money | None
    currency: str
    state: str
    custom: dict[str, Any]
    version: int


class ProductShown(msgspec.Struct, frozen=True):
    """A product with its variants."""

    id: UUID
    name: str
    description: str
    kind: ProductKind
    tax_category: str
    unit: str
    category_id: UUID | None
    state: ProductState
    custom: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int
    variants: list[VariantShown] = []


class ProductRow(msgspec.Struct, frozen=True):
    """A line of the product list: one per variant, because that is what people look for."""

    id: UUID
    product_id: UUID
    sku: str
    name: str
    product_name: str
    barcode: str | None
    kind: ProductKind
    tax_category: str
    category_id: UUID | None
    price: Money
    currency: str
    state: ProductState
    updated_at: datetime


class ProductHead(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    description: str
    kind: ProductKind
    tax_category: str
    unit: str
    category_id: UUID | None
    state: ProductState
    custom: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


PRODUCTS = Listing(
    name="products",
    view=view(
        ProductRow,
        Variant,
        product_name=Product.name,
        kind=Product.kind,
        tax_category=Product.tax_category,
        category_id=Product.category_id,
        state=Product.state,
    ).join(Product, Product.id == Variant.product_id),
    needs="products.view",
    search=[Variant.sku, Variant.name, Variant.barcode, Product.name],
    sort="sku",
)


@command(needs="products.view")
async def get_product(ctx: Ctx, product_id: UUID) -> ProductShown:
    """A product with its variants."""
    head = await ctx.one(view(ProductHead, Product).where(Product.id == product_id))
    variants = await ctx.all(view(VariantShown, Variant).where(Variant.product_id == product_id).order_by(Variant.sku))
    return extended(ProductShown, head, variants=variants)


@command(needs="products.view")
async def get_product_by_sku(ctx: Ctx, sku: str) -> ProductShown:
    """The product that a SKU or barcode belongs to; letter case counts."""
    product_id = await ctx.value("SELECT product_id FROM catalog.variant WHERE sku = $1 OR barcode = $1", sku)
    if product_id is None:
        raise NotFound("there is no such {what}", what="product", sku=sku)
    return await get_product(ctx, product_id)


async def variants(ctx: Ctx, skus: list[str], ids: list[UUID]) -> list[VariantCard]:
    # Tills ask by SKU alone, for the same goods all day.
    if ids:
        return await _cards(ctx, _CARDS, skus, ids)
    return list((await ctx.recall_each("cards", skus, partial(_by_sku, ctx))).values())


async def _by_sku(ctx: Ctx, skus: Collection[str]) -> dict[str, VariantCard]:
    return {card.sku: card for card in await _cards(ctx, _CARDS_OF_SKUS, skus)}


async def _cards(ctx: Ctx, sql: str, *sought: Collection[Any]) -> list[VariantCard]:
    make = maker(VariantCard)
    return [make(row) for row in await ctx.ask(sql, *sought, tables=("catalog.variant", "catalog.product"))]


async def shelf(ctx: Ctx) -> list[ShelfCard]:
    return await ctx.rows(ShelfCard, _SHELF)


_SHELF = """
SELECT v.id, v.sku, v.name, v.barcode, coalesce(c.name, ''), v.price, p.tax_category, p.kind, p.unit
FROM catalog.variant v JOIN catalog.product p ON p.id = v.product_id AND p.tenant_id = v.tenant_id
LEFT JOIN catalog.category c ON c.id = p.category_id AND c.tenant_id = p.tenant_id
WHERE v.state = 'active' AND p.state = 'active' ORDER BY v.name, v.sku
"""

_CARDS_OF_SKUS = """
SELECT v.id, v.product_id, v.sku, v.name, v.price, v.wholesale_price, v.currency, p.tax_category, p.kind, p.unit,
       v.state = 'active' AND p.state = 'active'
FROM catalog.variant v JOIN catalog.product p ON p.id = v.product_id AND p.tenant_id = v.tenant_id
WHERE v.sku = ANY($1::text[])"""
_CARDS = f"{_CARDS_OF_SKUS} OR v.id = ANY($2::uuid[])"
