"""Makes tenants with goods and customers in a home, and prints how to sell there; run by `System.shops`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from decimal import Decimal

from bench.shop import Shop
from entrepot.cli.running import run
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.modules.catalog.contract import Catalog, Wanted
from entrepot.modules.identity.commands import people, sessions, tenancy
from entrepot.modules.inventory.contract import Cost, Inventory
from entrepot.modules.parties.tables import Party
from entrepot.pure.ids import derived_id, new_id


async def make(house: House, tenants: int, products: int, customers: int, stock: int, slug: str) -> list[Shop]:
    """The tenants; their prices run from 2.00 upwards, and goods cost 40 percent of their price."""
    made = []
    for number in range(tenants):
        name = f"{slug}-{number}-{new_id().hex[-6:]}"
        tenant = await tenancy.create_tenant(house, name, name.title())
        async with unit(house, tenant) as ctx:
            await people.create_user(ctx, f"owner@{name}.test", "Olga Owner", None, ["admin"])
        made.append((tenant, name))
    await house.relay.drain()  # warehouses, charts and tax rates come by events
    wanted = [Wanted(f"SKU-{i:04d}", f"Product {i}", Decimal(200 + 37 * i) / 100) for i in range(products)]
    shops = []
    for tenant, name in made:
        people_here = [new_id() for _ in range(customers)]
        async with unit(house, tenant) as ctx:
            ctx.entity_id = await ctx.value("SELECT default_entity_id FROM identity.tenant WHERE id = $1", tenant)
            await ctx.of(Catalog).ensure(derived_id(tenant, "bench products"), wanted)
            goods = [Cost(w.sku, Decimal(stock), (w.price * stock * 2 / 5).quantize(Decimal("0.01"))) for w in wanted]
            warehouse = await ctx.of(Inventory).default_warehouse(ctx.entity_id)
            await ctx.of(Inventory).receive(derived_id(tenant, "bench stock"), warehouse, goods)
            await ctx.add_many(
                Party,
                [{"id": id, "name": f"Customer {at}", "is_customer": True} for at, id in enumerate(people_here)],
            )
        token = await sessions.token_for(house, tenant, None)
        shops.append(Shop(str(tenant), name, token, [w.sku for w in wanted], [str(id) for id in people_here]))
    await house.relay.drain()
    return shops


def main() -> None:
    tenants, products, customers, stock = (int(word) for word in sys.argv[1:5])
    shops = run(lambda house: make(house, tenants, products, customers, stock, sys.argv[5]))
    print(json.dumps([asdict(shop) for shop in shops]))


if __name__ == "__main__":
    main()
