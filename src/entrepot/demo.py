"""The demo tenant: five companies of one group, with products, stock and a month of sales to look at."""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from entrepot.kernel import numbers
from entrepot.kernel.access import Access
from entrepot.kernel.ctx import NIL, SYSTEM
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.modules.catalog.commands import NewProduct, create_products
from entrepot.modules.catalog.contract import ProductKind
from entrepot.modules.identity.commands import people, pins, tenancy
from entrepot.modules.inventory.commands.stocking import receive
from entrepot.modules.inventory.contract import Cost
from entrepot.modules.inventory.queries import default_warehouse
from entrepot.modules.orders.commands.recording import PosSale, Sale
from entrepot.modules.orders.commands.selling import ring_up
from entrepot.modules.orders.rules.selling import SaleLine, SalePayment
from entrepot.modules.parties.commands import NewCustomer, create_customer
from entrepot.modules.payments.contract import PaymentMethod
from entrepot.pure.ids import new_id

# code, name, document types with the numbers they use
ENTITIES = (
    ("CC", "ChargeCars", ("order", "quote", "invoice", "work_order", "support_ticket")),
    ("LT", "LaderThuis", ("order", "quote", "invoice", "work_order")),
    ("MK", "MeterKastThuis", ("order", "quote", "invoice", "work_order")),
    ("ZS", "Zaptec Shop", ("order", "quote", "invoice")),
    ("RS", "Ratio Shop", ("order", "quote", "invoice")),
)
PREFIX = {"order": "ORD", "quote": "QUO", "invoice": "INV", "work_order": "WO", "support_ticket": "SUP"}
# SKU, name, price with tax, cost, stock, kind
PRODUCTS = (
    ("ZAP-GO-2", "Zaptec Go 2 charger", "749.00", "512.00", 40, "stocked"),
    ("ZAP-PRO", "Zaptec Pro charger", "1129.00", "818.00", 18, "stocked"),
    ("RATIO-IO6", "Ratio io6 charger", "699.00", "471.00", 32, "stocked"),
    ("RATIO-IO7", "Ratio io7 charger", "849.00", "588.00", 21, "stocked"),
    ("CABLE-T2-5M", "Charging cable type 2, 5 m", "169.00", "88.50", 120, "stocked"),
    ("CABLE-T2-7M", "Charging cable type 2, 7.5 m", "199.00", "104.00", 75, "stocked"),
    ("POLE-STEEL", "Steel mounting pole", "239.00", "131.00", 12, "stocked"),
    ("RCD-40A-B", "Residual current device 40 A type B", "189.00", "109.90", 64, "stocked"),
    ("RFID-CARD", "Charge card", "9.95", "2.10", 500, "stocked"),
    ("METER-P1", "P1 meter cable, 3 m", "14.95", "4.35", 210, "stocked"),
    ("INSTALL-HOME", "Installation at home", "549.00", "0", 0, "service"),
    ("CONFIG-LB", "Load balancing set-up", "125.00", "0", 0, "service"),
)
CUSTOMERS = (
    ("Groendus B.V.", "orders@groendus.example"),
    ("Essent Zakelijk", "inkoop@essent.example"),
    ("Eneco eMobility", "laadpalen@eneco.example"),
    ("50five", "partners@50five.example"),
    ("Alva Charging", "hello@alva.example"),
)
USERS = (
    ("administrator", "admin@demo.test", "Anna Admin", ["*"]),
    (
        "bookkeeper",
        "books@demo.test",
        "Bram Boek",
        [
            "accounts.*",
            "journal.*",
            "periods.*",
            "reports.*",
            "payments.view",
            "pos.report",
            "orders.view",
            "tax.*",
            "audit.view",
            "documents.*",
        ],
    ),
    ("warehouse", "stock@demo.test", "Wies Magazijn", ["stock.*", "products.view", "orders.view", "documents.view"]),
    (
        "cashier",
        "till@demo.test",
        "Kees Kassa",
        ["pos.*", "products.view", "stock.view", "orders.view", "documents.view"],
    ),
)


async def seed_when_empty(house: House, told: Callable[[str], None] = lambda _: None) -> bool:
    """Fill an empty database with the demo; returns whether it did."""
    async with unit(house, NIL, SYSTEM, read_only=True) as ctx:
        if await ctx.of(Access).tenants():
            return False
    told("filling the demo tenant")
    tenant = await tenancy.create_tenant(house, "demo", "Demo group", entity_code="CC", entity_name="ChargeCars")
    logins = await _people(house, tenant)
    entities = await _entities(house, tenant)
    await house.relay.drain()
    await _goods(house, tenant, entities["CC"])
    await house.relay.drain()
    await _sales(house, tenant, entities["CC"])
    await house.relay.drain()
    _keep(house.config.folder, logins)
    return True


def logins(folder: Path) -> list[dict[str, str]]:
    """The log-ins of the demo, as they were made on this machine."""
    file = folder / "demo-logins.json"
    return json.loads(file.read_text()) if file.exists() else []


async def _people(house: House, tenant: UUID) -> list[dict[str, str]]:
    found = []
    async with unit(house, tenant, SYSTEM) as ctx:
        ctx.entity_id = await ctx.value("SELECT id FROM identity.business_entity")
        for role, email, name, permissions in USERS:
            code = "admin" if permissions == ["*"] else role
            if code != "admin":
                await people.create_role(ctx, code, role.capitalize(), permissions)
            password = f"{secrets.token_hex(3)}-{secrets.token_hex(3)}-{role}"
            user_id = await people.create_user(ctx, email, name, password, [code])
            found.append({"role": role, "email": email, "password": password})
            if code in ("admin", "cashier"):
                pin = f"{secrets.choice(range(20, 90))}{secrets.choice(range(5, 10))}0"
                await pins.set_pin(ctx, user_id, pin)
                found[-1]["pin"] = pin
    return found


async def _entities(house: House, tenant: UUID) -> dict[str, UUID]:
    found: dict[str, UUID] = {}
    async with unit(house, tenant, SYSTEM) as ctx:
        for code, name, documents in ENTITIES:
            known = await ctx.value("SELECT id FROM identity.business_entity WHERE code = $1", code)
            found[code] = known or await tenancy.create_entity(ctx, code, name, email=f"info@{code.lower()}.example")
            for document in documents:
                if document in house.catalogue.series:
                    await numbers.define(
                        ctx,
                        document,
                        pattern=f"{code}-{PREFIX[document]}-{{year}}-{{number}}",
                        padding=5,
                        next=1,
                        year=ctx.now.year,
                        entity_id=found[code],
                    )
        for name, email in CUSTOMERS:
            await create_customer(ctx, NewCustomer(name=name, email=email, segment="partner"))
    return found


async def _goods(house: House, tenant: UUID, entity: UUID) -> None:
    async with unit(house, tenant, SYSTEM, entity_id=entity) as ctx:
        await create_products(
            ctx,
            [
                NewProduct(sku=sku, name=name, price=Decimal(price), cost=Decimal(cost), kind=ProductKind(kind))
                for sku, name, price, cost, _, kind in PRODUCTS
            ],
        )
    await house.relay.drain()
    async with unit(house, tenant, SYSTEM, entity_id=entity) as ctx:
        goods = [
            Cost(sku, Decimal(stock), Decimal(cost) * stock)
            for sku, _, _, cost, stock, kind in PRODUCTS
            if kind == "stocked"
        ]
        await receive(ctx, new_id(), await default_warehouse(ctx, entity), goods, ctx.now - timedelta(days=31))


async def _sales(house: House, tenant: UUID, entity: UUID) -> None:
    chance = random.Random(2026)
    small = [sku for sku, _, price, _, _, kind in PRODUCTS if kind == "stocked" and Decimal(price) < 250]
    large = [sku for sku, _, price, _, _, kind in PRODUCTS if kind == "stocked" and Decimal(price) >= 250]
    async with unit(house, tenant, SYSTEM, entity_id=entity) as ctx:
        sales: list[Sale] = []
        for day in range(30, -1, -1):
            for _ in range(chance.randint(1, 5)):
                at = ctx.now - timedelta(days=day, minutes=chance.randint(5, 480))
                skus = chance.sample(small, chance.randint(1, 3)) + (
                    chance.sample(large, 1) if chance.random() < 0.3 else []
                )
                pos = PosSale(
                    lines=[SaleLine(sku=sku, quantity=Decimal(1)) for sku in skus],
                    payments=[
                        SalePayment(method=chance.choice([PaymentMethod.card, PaymentMethod.card, PaymentMethod.cash]))
                    ],
                    client_id=f"demo-{day}-{chance.randint(0, 10**9)}",
                    terminal_id="till-1",
                )
                sales.append(Sale(new_id(), pos, at))
        sales.sort(key=lambda sale: sale.placed_at)
        await ring_up(ctx, sales)


def _keep(folder: Path, logins: list[dict[str, Any]]) -> None:
    descriptor = os.open(folder / "demo-logins.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(logins, stream)
