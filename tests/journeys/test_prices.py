"""What tills know of products holds from the moment it is changed, in one process and as services."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import UUID

import pytest

from entrepot.kernel.units import unit
from entrepot.modules.catalog import commands
from entrepot.modules.catalog.contract import Catalog
from tests.journeys.shop import product, sale


async def test_a_sale_has_the_price_of_its_moment(world):
    shop = await world.tenant()
    made = await product(shop)
    path = f"/products/{made['id']}"
    variant = f"{path}/variants/{made['variants'][0]['id']}"

    async def sold() -> tuple[str, str, str, str]:
        order = await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
        line = order["lines"][0]
        return line["name"], line["unit_price"], line["tax_rate"], order["total"]

    assert [await sold() for _ in range(2)] == [("Coffee", "2.50", "21", "2.50")] * 2
    assert (await shop.call("PATCH", variant, {"price": "2.75"})).status_code == 200
    assert await sold() == ("Coffee", "2.75", "21", "2.75")
    assert (await shop.call("PATCH", path, {"tax_category": "reduced"})).status_code == 200
    assert await sold() == ("Coffee", "2.75", "9", "2.75")
    before = len(await shop.get("/orders"))
    await shop.post(f"{path}/archive", {}, status=200)
    problem = await shop.refused("POST", "/orders/pos", sale(("COFFEE", "1")), status=422)
    assert problem["fields"] == [{"field": "lines[0].sku", "problem": "this product is no longer sold"}]
    assert len(await shop.get("/orders")) == before == 4
    await shop.post(f"{path}/restore", {}, status=200)
    assert await sold() == ("Coffee", "2.75", "9", "2.75")


async def test_a_product_can_be_sold_as_soon_as_it_is_there(world):
    shop = await world.tenant()
    body = sale(("TEA", "1"))
    problem = await shop.refused("POST", "/orders/pos", body, status=422)
    assert problem["fields"] == [{"field": "lines[0].sku", "problem": "there is no such product"}]
    await product(shop, "TEA", "3.00")
    order = await shop.post("/orders/pos", body, status=201)
    assert (order["total"], order["lines"][0]["sku"]) == ("3.00", "TEA")


async def test_who_changes_a_product_sees_it_changed(world):
    """In the very transaction: what was remembered before is asked again."""
    shop = await world.tenant()
    made = await product(shop)
    product_id, variant_id = UUID(made["id"]), UUID(made["variants"][0]["id"])
    house = world.house_of("catalog")
    steps = [
        (
            lambda ctx: commands.change_price(ctx, product_id, variant_id, price=Decimal("2.75")),
            ("2.75", "standard", True),
        ),
        (lambda ctx: commands.change_product(ctx, product_id, tax_category="reduced"), ("2.75", "reduced", True)),
        (lambda ctx: commands.archive_product(ctx, product_id), ("2.75", "reduced", False)),
        (lambda ctx: commands.restore_product(ctx, product_id), ("2.75", "reduced", True)),
    ]

    async def card(ctx) -> tuple[str, str, bool]:
        (found,) = await ctx.of(Catalog).variants(["COFFEE"], [])
        return str(found.price), found.tax_category, found.active

    before = ("2.50", "standard", True)
    for change, after in steps:
        await asyncio.sleep(0.1)  # for the notice of the change before, which would help here
        async with unit(house, shop.tenant) as ctx:
            assert await card(ctx) == before
            await change(ctx)
            assert await card(ctx) == after
        before = after


async def test_what_was_never_there_is_not_sold(world):
    """A unit that makes a product sees it; when it is undone, nobody else does."""
    shop = await world.tenant()
    made = await product(shop)
    house = world.house_of("catalog")
    entity_id = UUID((await shop.get("/business-entities"))[0]["id"])

    async def make_tea(ctx) -> None:
        await commands.create_products(ctx, [commands.NewProduct(name="Tea", sku="TEA", price=Decimal("3.00"))])

    async def make_large(ctx) -> None:
        await commands.add_variant(ctx, UUID(made["id"]), "LARGE", Decimal("3.00"))

    for sku, make in (("TEA", make_tea), ("LARGE", make_large)):
        with pytest.raises(RuntimeError):
            async with unit(house, shop.tenant, entity_id=entity_id) as ctx:
                await make(ctx)
                (found,) = await ctx.of(Catalog).variants([sku], [])
                assert (found.sku, found.price) == (sku, Decimal("3.00"))
                raise RuntimeError
        async with unit(house, shop.tenant) as ctx:
            assert await ctx.of(Catalog).variants([sku], []) == []
        problem = await shop.refused("POST", "/orders/pos", sale((sku, "1")), status=422)
        assert problem["fields"] == [{"field": "lines[0].sku", "problem": "there is no such product"}]
