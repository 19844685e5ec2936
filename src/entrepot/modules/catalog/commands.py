"""Writes of catalog."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.catalog import rules
from entrepot.modules.catalog.contract import ProductKind, Wanted
from entrepot.modules.catalog.events import (
    PriceChanged,
    ProductArchived,
    ProductCreated,
    ProductUpdated,
    VariantCreated,
)
from entrepot.modules.catalog.queries import ProductHead, VariantShown
from entrepot.modules.catalog.tables import Category, Product, Variant
from entrepot.modules.identity.contract import Identity
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.ids import new_id
from entrepot.pure.money import NonNegativeMoney
from entrepot.pure.quantities import UNITS


class NewProduct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product with its first variant. Prices are in the currency of the business entity."""

    name: str
    sku: str
    price: NonNegativeMoney
    description: str = ""
    kind: ProductKind = ProductKind.stocked
    tax_category: str = "standard"
    unit: str = "piece"
    category_id: UUID | None = None
    barcode: str | None = None
    wholesale_price: NonNegativeMoney | None = None
    cost: NonNegativeMoney | None = None
    custom: dict[str, Any] = {}


@command(needs="products.edit")
async def create_product(ctx: Ctx, body: NewProduct) -> UUID:
    """A product with its first variant. Refuses with Conflict a SKU or barcode that is taken."""
    return (await create_products(ctx, [body]))[0]


async def create_products(ctx: Ctx, products: list[NewProduct]) -> list[UUID]:
    """Many products at once, with a fixed number of statements."""
    currency = (await ctx.of(Identity).entity(ctx.entity_id)).currency
    heads: list[dict[str, Any]] = []
    first_variants: list[dict[str, Any]] = []
    for body in products:
        _check(body.name, body.tax_category, body.unit)
        head: dict[str, Any] = {
            "id": new_id(),
            "name": body.name,
            "description": body.description,
            "kind": body.kind.value,
            "tax_category": body.tax_category,
            "unit": body.unit,
            "category_id": body.category_id,
            "custom": await ctx.house.fields.checked(ctx, "product", body.custom),
        }
        heads.append(head)
        first_variants.append(
            {
                "product_id": head["id"],
                "sku": rules.check_sku(body.sku),
                "name": body.name,
                "barcode": rules.check_barcode(body.barcode),
                "price": body.price,
                "wholesale_price": body.wholesale_price,
                "cost": body.cost,
                "currency": currency,
            }
        )
    await _categories_exist(ctx, [body.category_id for body in products if body.category_id])
    await ctx.add_many(Product, heads)
    await ctx.add_many(Variant, first_variants)
    ctx.forget()  # what this unit sees of them may be undone
    ids = [head["id"] for head in heads]
    await status.begin(ctx, rules.PRODUCT, ids)
    for head, variant in zip(heads, first_variants, strict=True):
        ctx.emit(ProductCreated(product_id=head["id"], name=head["name"], kind=head["kind"], skus=[variant["sku"]]))
    return ids


async def ensure(ctx: Ctx, batch: UUID, products: list[Wanted]) -> list[str]:
    known = {
        row["sku"]
        for row in await ctx.connection.fetch(
            "SELECT sku FROM catalog.variant WHERE sku = ANY($1)", [product.sku for product in products]
        )
    }
    fresh = {product.sku: product for product in products if product.sku not in known}
    await create_products(
        ctx,
        [
            NewProduct(name=p.name, sku=p.sku, price=p.price, tax_category=p.tax_category, kind=p.kind, cost=p.cost)
            for p in fresh.values()
        ],
    )
    return list(fresh)


@command(needs="products.edit")
async def change_product(
    ctx: Ctx,
    product_id: UUID,
    name: str | None = None,
    description: str | None = None,
    tax_category: str | None = None,
    category_id: UUID | None = None,
    custom: dict[str, Any] | None = None,
) -> None:
    """Change what is given."""
    product = await ctx.hold(view(ProductHead, Product).where(Product.id == product_id))
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = name
    if description is not None:
        changes["description"] = description
    if tax_category is not None:
        changes["tax_category"] = tax_category
    if category_id is not None:
        await _categories_exist(ctx, [category_id])
        changes["category_id"] = category_id
    if custom is not None:
        checked = await ctx.house.fields.checked(ctx, "product", custom, whole=False)
        changes["custom"] = {k: v for k, v in {**product.custom, **checked}.items() if v is not None}
    if not changes:
        raise Invalid("nothing to change", fields=[])
    _check(changes.get("name", product.name), changes.get("tax_category", product.tax_category), product.unit)
    await ctx.change(Product, product_id, **changes)
    ctx.forget()
    ctx.emit(ProductUpdated(product_id=product_id, fields=sorted(changes)))


@command(needs="products.edit")
async def add_variant(
    ctx: Ctx,
    product_id: UUID,
    sku: str,
    price: NonNegativeMoney,
    name: str = "",
    barcode: str | None = None,
    wholesale_price: NonNegativeMoney | None = None,
    cost: NonNegativeMoney | None = None,
) -> UUID:
    """Another variant of a product: a size, a colour. Refuses with Conflict a SKU or barcode that is taken."""
    product = await ctx.hold(view(ProductHead, Product).where(Product.id == product_id))
    if product.state == "archived":
        raise Conflict("this {what} is archived", what="product")
    variant_id = await ctx.add(
        Variant,
        product_id=product_id,
        sku=rules.check_sku(sku),
        name=name or product.name,
        barcode=rules.check_barcode(barcode),
        price=price,
        wholesale_price=wholesale_price,
        cost=cost,
        currency=(await ctx.of(Identity).entity(ctx.entity_id)).currency,
    )
    ctx.forget()
    ctx.emit(VariantCreated(product_id=product_id, variant_id=variant_id, sku=sku, kind=product.kind))
    return variant_id


@command(needs="products.price")
async def change_price(
    ctx: Ctx,
    product_id: UUID,
    variant_id: UUID,
    price: NonNegativeMoney | None = None,
    wholesale_price: NonNegativeMoney | None = None,
) -> None:
    """A new price from now on. Orders keep the price they were made with."""
    variant = await ctx.hold(
        view(VariantShown, Variant).where(Variant.id == variant_id, Variant.product_id == product_id)
    )
    changes: dict[str, Any] = {}
    if price is not None:
        changes["price"] = price
    if wholesale_price is not None:
        changes["wholesale_price"] = wholesale_price
    if not changes:
        raise Invalid("nothing to change", fields=[])
    await ctx.change(Variant, variant_id, **changes)
    ctx.forget()
    if price is not None and price != variant.price:
        ctx.emit(
            PriceChanged(
                variant_id=variant_id, sku=variant.sku, old=variant.price, new=price, currency=variant.currency
            )
        )


@command(needs="products.edit")
async def archive_product(ctx: Ctx, product_id: UUID, reason: str | None = None) -> None:
    """Sell it no longer; what was sold stays as it was."""
    await status.move(ctx, _stateful(ctx), product_id, "archive", reason=reason, archived_at=ctx.now)
    ctx.forget()
    skus = await ctx.value(
        "SELECT coalesce(array_agg(sku ORDER BY sku), '{}') FROM catalog.variant WHERE product_id = $1", product_id
    )
    ctx.emit(ProductArchived(product_id=product_id, skus=skus))


@command(needs="products.edit")
async def restore_product(ctx: Ctx, product_id: UUID, reason: str | None = None) -> None:
    """Sell it again."""
    await status.move(ctx, _stateful(ctx), product_id, "restore", reason=reason, archived_at=None)
    ctx.forget()
    ctx.emit(ProductUpdated(product_id=product_id, fields=["state"]))


def _stateful(ctx: Ctx) -> Any:
    return ctx.house.catalogue.machines["product"]


def _check(name: str, tax_category: str, unit: str) -> None:
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    if tax_category not in ("standard", "reduced", "zero", "exempt"):
        raise Invalid.field(
            "tax_category", "must be one of {allowed}", allowed=["standard", "reduced", "zero", "exempt"]
        )
    if unit not in UNITS:
        raise Invalid.field("unit", "must be one of {allowed}", allowed=sorted(UNITS))


async def _categories_exist(ctx: Ctx, ids: list[UUID]) -> None:
    if not ids:
        return
    known = await ctx.value("SELECT count(*) FROM catalog.category WHERE id = ANY($1)", list(set(ids)))
    if known != len(set(ids)):
        raise Invalid.field("category_id", "there is no such {what}", what=Category.entity)
