"""Events of several tenants that are handled in one batch."""

from __future__ import annotations

from decimal import Decimal

from tests.journeys.shop import product, sale, trial


async def test_the_books_of_several_tenants_are_kept_in_one_batch(world):
    people = [await world.tenant() for _ in range(3)]
    for person in people:
        await product(person)
    for person in people:
        await person.post("/orders/pos", sale(("COFFEE", "2")), status=201)
    await world.settle()
    for person in people:
        balances = await trial(person)
        assert balances["1020"] == Decimal("5.00")
        assert balances["5000"] == Decimal("1.60")
        assert sum(balances.values()) == 0
        entries = await person.call("GET", "/accounting/journal-entries?count=true&limit=1")
        assert entries.json()["total"] == 3
