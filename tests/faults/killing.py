"""Run as a program: a sale at the till, the relay after it, and a sale that is booked at once, each killed before every
statement in turn (SIGKILL).

Writes one JSON line per kill to reports.jsonl in the home: where it died, and what was found after the restart. Forks
before any event loop exists, so a child dies as a whole process does.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from entrepot import assembly
from entrepot.kernel import at_once, postgres
from entrepot.kernel.ctx import SYSTEM
from entrepot.kernel.database import Database, Databases
from entrepot.kernel.house import House
from entrepot.kernel.module import Catalogue
from entrepot.kernel.units import unit
from entrepot.modules.accounting.queries.balances import trial_balance
from entrepot.modules.accounting.queries.proving import balances_equal_recount
from entrepot.modules.catalog.commands import NewProduct, create_product
from entrepot.modules.identity.commands import tenancy
from entrepot.modules.inventory.commands.stocking import adjust_stock
from entrepot.modules.inventory.queries import levels_equal_ledger
from entrepot.modules.orders.commands.recording import PosSale
from entrepot.modules.orders.commands.selling import sell
from entrepot.modules.orders.rules.selling import SaleLine, SalePayment
from entrepot.modules.payments.contract import PaymentMethod
from entrepot.testing.world import test_config

# Loaded before the first fork, so that a child starts at once.
MODULES = assembly.load_modules()


class Killer:
    """Counts what goes to the database and ends the process without a word after the n-th time."""

    left: int | None = None

    @classmethod
    def count(cls) -> None:
        if cls.left is not None:
            if cls.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            cls.left -= 1


def arm() -> None:
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        original = getattr(asyncpg.Connection, name)

        async def counted(self: Any, *arguments: Any, _original: Any = original, **named: Any) -> Any:
            Killer.count()
            return await _original(self, *arguments, **named)

        setattr(asyncpg.Connection, name, counted)


def house_on(url: str, home: Path) -> House:
    config = test_config(home)
    return House(config, Catalogue(MODULES), Databases(Database(url, size=4)), works=False)


def in_child(work: Any) -> int:
    """Run a coroutine function in a forked process; returns how it ended (negative: by that signal)."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work())
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    home = Path(sys.argv[1])
    with postgres.ensure(home) as server:
        state = home / "state.json"

        async def prepare() -> None:
            config = test_config(home)
            url = await assembly.prepare_database(config, server.server.url, "killing", assembly.module_names())
            house = house_on(url, home)
            await house.start()
            tenant = await tenancy.create_tenant(house, "shop", "Shop")
            await house.relay.drain()
            async with unit(house, tenant) as ctx:
                ctx.entity_id = await ctx.value("SELECT id FROM identity.business_entity")
                entity = ctx.entity_id
                await create_product(ctx, NewProduct(name="Tea", sku="TEA", price=Decimal("3.00")))
            await house.relay.drain()
            async with unit(house, tenant, entity_id=entity) as ctx:
                await adjust_stock(ctx, "TEA", Decimal(1000), "opening", None, Decimal("1.00"))
            await house.relay.drain()
            await house.stop()
            state.write_text(json.dumps({"url": url, "tenant": str(tenant), "entity": str(entity)}))

        assert in_child(prepare) == 0
        known = json.loads(state.read_text())
        tenant, entity = UUID(known["tenant"]), UUID(known["entity"])

        async def sale(client_id: str, kill_after: int | None, booked: bool = False) -> None:
            house = house_on(known["url"], home)
            await house.start()
            arm()
            Killer.left = kill_after
            pos = PosSale(
                client_id=client_id,
                lines=[SaleLine(sku="TEA", quantity=Decimal(2))],
                payments=[SalePayment(method=PaymentMethod.cash, amount=Decimal(10))],
            )
            async with unit(house, tenant, SYSTEM, entity_id=entity) as ctx:
                await sell(ctx, pos)
                if booked:
                    await at_once.handle(ctx)
            Killer.left = None
            await house.stop()

        async def relay(kill_after: int | None) -> None:
            house = house_on(known["url"], home)
            await house.start()
            arm()
            Killer.left = kill_after
            for name in ("accounting.keep_books",):
                while await house.relay.step(house.databases.main, house.relay.reactions[name], wait=True):
                    pass
            Killer.left = None
            await house.stop()

        async def look() -> None:
            house = house_on(known["url"], home)
            await house.start()
            async with unit(house, tenant, SYSTEM, entity_id=entity, read_only=True) as ctx:
                found = {
                    "orders": await ctx.value("SELECT count(*) FROM orders.sales_order"),
                    "lines": await ctx.value("SELECT count(*) FROM orders.order_line"),
                    "paid": str(await ctx.value("SELECT coalesce(sum(amount), 0) FROM payments.payment")),
                    "stock": str(await ctx.value("SELECT on_hand FROM inventory.stock_level WHERE sku = 'TEA'")),
                    "numbers": await ctx.value("SELECT count(DISTINCT number) FROM orders.sales_order"),
                    "entries": await ctx.value(
                        "SELECT array_agg(number ORDER BY number) FROM accounting.journal_entry"
                    ),
                    "trial": {r.code: str(r.debit - r.credit) for r in await trial_balance(ctx)},
                    "wrong": await balances_equal_recount(ctx) + await levels_equal_ledger(ctx),
                }
            await house.stop()
            (home / "found.json").write_text(json.dumps(found))

        def found() -> dict[str, Any]:
            assert in_child(look) == 0
            return json.loads((home / "found.json").read_text())

        for what in ("sale", "relay", "booked"):
            step = 0
            while True:
                client_id = f"{what}-{step}"
                if what == "relay":
                    assert in_child(lambda: sale(client_id, None)) == 0  # noqa: B023
                    ended = in_child(lambda: relay(step))  # noqa: B023
                else:
                    ended = in_child(lambda: sale(client_id, step, what == "booked"))  # noqa: B023
                    between = found()
                    assert in_child(lambda: sale(client_id, None, what == "booked")) == 0  # noqa: B023
                assert in_child(lambda: relay(None)) == 0
                report = {"what": what, "step": step, "ended": ended, "after": found()}
                if what != "relay":
                    report["between"] = between
                with (home / "reports.jsonl").open("a") as reports:
                    reports.write(json.dumps(report) + "\n")
                if ended == 0:
                    break
                step += 1


if __name__ == "__main__":
    main()
