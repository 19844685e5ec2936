"""What inventory does when others tell something."""

from __future__ import annotations

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import on
from entrepot.modules.catalog.events import ProductCreated, VariantCreated
from entrepot.modules.identity.events import EntityCreated
from entrepot.modules.inventory.commands import confirming, returning, stocking
from entrepot.modules.inventory.contract import Want
from entrepot.modules.orders.events import OrderCompleted, OrderReturned


@on(ProductCreated)
async def stock_new_products_at_zero(ctx: Ctx, events: list[ProductCreated]) -> None:
    """New goods have a level of zero in every warehouse."""
    await stocking.start_at_zero(ctx, [sku for event in events if event.kind == "stocked" for sku in event.skus])


@on(VariantCreated)
async def stock_new_variants_at_zero(ctx: Ctx, events: list[VariantCreated]) -> None:
    """A new variant has a level of zero in every warehouse."""
    await stocking.start_at_zero(ctx, [event.sku for event in events if event.kind == "stocked"])


@on(EntityCreated)
async def open_first_warehouse(ctx: Ctx, event: EntityCreated) -> None:
    """A business entity can keep stock from the start."""
    await stocking.open_warehouse(ctx, event.code, event.name, standard=True)


@on(OrderCompleted, between_services=True)
async def confirm_goods_of_sales(ctx: Ctx, events: list[OrderCompleted]) -> None:
    """What a sale took is firm once the sale is told."""
    await confirming.confirm(
        ctx,
        [
            confirming.Confirmed(
                event.order_id,
                event.warehouse_id,
                [Want(line.sku, line.quantity) for line in event.lines if line.stocked],
            )
            for event in events
            if event.original_id is None
        ],
    )


@on(OrderReturned)
async def take_back_returned_goods(ctx: Ctx, events: list[OrderReturned]) -> None:
    """What a customer brought back to the till is stock again."""
    for event in events:
        await returning.take_back(
            ctx,
            event.order_id,
            event.original_id,
            event.warehouse_id,
            event.entity_id,
            [Want(line.sku, line.quantity) for line in event.goods],
            event.at,
        )
