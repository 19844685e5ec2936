"""Near and far are the same to whoever calls: results, refusals, facts, and nothing left behind."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import pytest

from entrepot.assembly import web_of
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.facade import Call, WiringError, offer, sign
from entrepot.kernel.house import House
from entrepot.kernel.topology import sender
from entrepot.kernel.units import unit
from entrepot.pure.errors import Conflict, NotFound, Refusal
from entrepot.pure.facade import Facade, ask, tell
from entrepot.pure.ids import new_id
from entrepot.testing.world import World, one_process
from tests.kernel.conftest import MakeWorld
from tests.kernel.trial.commands import make_thing
from tests.kernel.trial.contract import Stock, Store


class Place:
    """Where a caller and the store stand: in one house, or each in its own."""

    def __init__(self, caller: House, store: House, tenant: UUID) -> None:
        self.caller, self.store, self.tenant = caller, store, tenant
        self.sent: list[dict[str, Any]] = []
        self.lose: str | None = None

    def unit(self, **options: Any) -> Any:
        return unit(self.caller, self.tenant, **options)

    async def left(self, name: str = "bolts") -> tuple[Decimal, int]:
        """(amount, how many were taken) as the store's database has it."""
        async with unit(self.store, self.tenant) as ctx:
            return (
                await ctx.value("SELECT amount FROM trial.thing WHERE name = $1", name),
                await ctx.value("SELECT count(*) FROM trial.taken"),
            )


@pytest.fixture(params=["near", "far"])
async def place(
    request: pytest.FixtureRequest, make_world: MakeWorld, server: str, tmp_path: Any
) -> AsyncIterator[Place]:
    world = await make_world()
    store = world.house_of("trial")
    tenant = (await world.tenant()).tenant
    async with unit(store, tenant) as ctx:
        await make_thing(ctx, "bolts", Decimal("10.50"))
    if request.param == "near":
        yield Place(store, store, tenant)
        return
    alone = await one_process(server, tmp_path, modules=["identity", "platform"])
    caller = alone.house_of("identity")
    place = Place(caller, store, tenant)
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(web_of(store)), base_url="http://store")
    send = sender(client, "http://store", timeout=10)

    async def door(body: bytes, headers: dict[str, str]) -> bytes:
        call = msgspec.json.decode(body)
        place.sent.append(call)
        answer = await send(body, headers)
        if place.lose == call["operation"]:
            raise Conflict("a part of the system cannot be reached; nothing was done", retry=True)
        return answer

    caller.topology.far["store"] = door
    yield place
    await client.aclose()
    await alone.close()


async def test_results_are_the_same(place: Place) -> None:
    async with place.unit() as ctx:
        store = ctx.of(Store)
        assert await store.left("bolts") == Stock("bolts", Decimal("10.50"))
        assert str((await store.left(name="bolts")).amount) == "10.50"
        assert await store.all_left(["bolts", "nuts"], Decimal("0.01")) == [Stock("bolts", Decimal("10.50"))]
        assert await store.all_left([], least=Decimal(0)) == []
        assert await store.take(new_id(), "bolts", Decimal("0.25")) == Stock("bolts", Decimal("10.25"))
        assert await store.put_back(new_id()) is None
    assert await place.left() == (Decimal("10.25"), 1)


async def test_refusals_are_the_same_with_the_same_facts(place: Place) -> None:
    reference = new_id()
    refusals: list[Refusal] = []
    async with place.unit() as ctx:
        for name, wanted in (("bolts", "99"), ("nuts", "1")):
            with pytest.raises(Conflict) as refused:
                async with ctx.attempt():
                    await ctx.of(Store).take(reference, name, Decimal(wanted))
            refusals.append(refused.value)
        with pytest.raises(NotFound) as missing:
            async with ctx.attempt():
                await ctx.of(Store).left("nuts")
    assert [(r.message, r.facts) for r in refusals] == [
        (
            "there is not enough {name}",
            {"name": "bolts", "available": "10.50", "wanted": "99", "ids": [str(reference)]},
        ),
        ("there is not enough {name}", {"name": "nuts", "available": "1", "wanted": "1", "ids": [str(reference)]}),
    ]
    assert str(refusals[0]) == "there is not enough bolts"
    assert missing.value.facts == {"what": "thing", "name": "nuts"}
    assert await place.left() == (Decimal("10.50"), 0)


async def test_a_swallowed_refusal_makes_the_unit_fail(place: Place) -> None:
    with pytest.raises(Conflict, match="there is not enough bolts"):
        async with place.unit() as ctx:
            with suppress(Conflict):  # without ctx.attempt, what it wrote before it refused would be committed
                await ctx.of(Store).take(new_id(), "bolts", Decimal(99))
            # A later attempt that fails and is handled well does not make up for it.
            with pytest.raises(Conflict):
                async with ctx.attempt():
                    await ctx.of(Store).take(new_id(), "bolts", Decimal(98))
    assert await place.left() == (Decimal("10.50"), 0)


async def test_attempt_undoes_exactly_what_was_attempted(place: Place) -> None:
    kept, undone = new_id(), new_id()
    async with place.unit() as ctx:
        await ctx.of(Store).take(kept, "bolts", Decimal(1))
        with pytest.raises(ZeroDivisionError):
            async with ctx.attempt():
                await ctx.of(Store).take(undone, "bolts", Decimal(2))
                raise ZeroDivisionError
    assert await place.left() == (Decimal("9.50"), 1)


async def test_a_unit_that_fails_gives_back_what_it_took(place: Place) -> None:
    with pytest.raises(ZeroDivisionError):
        async with place.unit() as ctx:
            await ctx.of(Store).take(new_id(), "bolts", Decimal(1))
            await ctx.of(Store).take(new_id(), "bolts", Decimal(2))
            raise ZeroDivisionError
    assert await place.left() == (Decimal("10.50"), 0)
    assert [call["operation"] for call in place.sent] in ([], ["take", "take", "put_back", "put_back"])


async def test_a_refused_tell_is_not_undone_because_it_took_nothing(place: Place) -> None:
    """The same reference may have taken something before: an undo would give that away."""
    reference = new_id()
    async with place.unit() as ctx:
        await ctx.of(Store).take(reference, "bolts", Decimal(1))
    with pytest.raises(Conflict):
        async with place.unit() as ctx:
            await ctx.of(Store).take(new_id(), "bolts", Decimal(99))
    assert await place.left() == (Decimal("9.50"), 1)
    assert "put_back" not in [call["operation"] for call in place.sent]


async def test_a_preview_leaves_nothing_anywhere(place: Place) -> None:
    async with place.unit(preview=True) as ctx:
        assert await ctx.of(Store).take(new_id(), "bolts", Decimal(1)) == Stock("bolts", Decimal("9.50"))
    assert await place.left() == (Decimal("10.50"), 0)


@pytest.mark.parametrize("place", ["far"], indirect=True)
async def test_a_lost_answer_is_undone(place: Place) -> None:
    place.lose = "take"
    with pytest.raises(Conflict) as refused:
        async with place.unit() as ctx:
            await ctx.of(Store).take(new_id(), "bolts", Decimal(1))
    assert refused.value.facts == {"retry": True}
    assert [call["operation"] for call in place.sent] == ["take", "put_back"]
    assert await place.left() == (Decimal("10.50"), 0)


async def test_a_neighbour_that_cannot_be_reached_is_a_conflict(fresh: World) -> None:
    client = httpx2.AsyncClient()
    send = sender(client, "http://127.0.0.1:9", timeout=5)
    with pytest.raises(Conflict) as refused:
        await send(b"{}", {})
    await client.aclose()
    assert refused.value.facts == {"retry": True}


async def test_only_what_this_house_signed_lately_is_answered(fresh: World) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    async with unit(house, tenant) as ctx:
        await make_thing(ctx, "bolts", Decimal(1))
        call = Call(
            facade="store",
            operation="left",
            tenant=tenant,
            entity=ctx.entity_id,
            actor=ctx.actor,
            caller=ctx.caller,
            locale="en",
            arguments={"name": msgspec.Raw(b'"bolts"')},
        )
    body = msgspec.json.encode(call)
    secret = house.config.secret
    good = sign(secret, body)

    async def status(headers: dict[str, str], content: bytes = body, door: str = "facade") -> int:
        answer = await fresh.client.post(f"/internal/{door}", content=content, headers=headers)
        if answer.status_code != 200:
            assert answer.json()["code"] == "unauthenticated"
        return answer.status_code

    assert await status(good) == 200
    for headers in (
        {},
        sign("another secret", body),
        sign(secret, body + b" "),
        sign(secret, body, at=time.time() - 300),
        sign(secret, body, at=time.time() + 300),
        {**good, "x-entrepot-time": str(int(good["x-entrepot-time"]) + 1)},
        {**good, "x-entrepot-time": b"\xb2"},
        {**good, "x-entrepot-signature": b"\xe9"},
    ):
        assert await status(headers) == 401, headers
        assert await status(headers, door="events") == 401, headers


class Little(Facade, name="little"):
    @ask
    async def look(self, id: UUID) -> int:
        raise AssertionError

    @tell(undo="drop")
    async def keep(self, id: UUID, amount: Decimal) -> None:
        raise AssertionError

    @tell()
    async def drop(self, id: UUID) -> None:
        raise AssertionError


async def look(ctx: Ctx, id: UUID) -> int:
    return 1


async def keep(ctx: Ctx, id: UUID, amount: Decimal) -> None: ...


async def drop(ctx: Ctx, id: UUID) -> None: ...


def test_what_is_offered_must_be_what_was_promised() -> None:
    assert set(offer(Little, look, keep, drop).functions) == {"look", "keep", "drop"}

    async def extra(ctx: Ctx) -> None: ...

    async def renamed(ctx: Ctx, identifier: UUID) -> int:
        return 1

    renamed.__name__ = "look"

    async def retyped(ctx: Ctx, id: str) -> int:
        return 1

    retyped.__name__ = "look"

    async def reresult(ctx: Ctx, id: UUID) -> str:
        return ""

    reresult.__name__ = "look"

    async def more(ctx: Ctx, id: UUID, more: int) -> int:
        return 1

    more.__name__ = "look"

    class Careless(Facade, name="careless"):
        @tell(undo="nothing")
        async def drop(self, id: UUID) -> None:
            raise AssertionError

    for facade, functions, problem in (
        (Little, (look, keep), "without drop"),
        (Little, (look, keep, drop, extra), "has no extra"),
        (Little, (renamed, keep, drop), "promises"),
        (Little, (retyped, keep, drop), "promises"),
        (Little, (reresult, keep, drop), "promises"),
        (Little, (more, keep, drop), "promises"),
        (Careless, (drop,), "undone by nothing"),
    ):
        with pytest.raises(WiringError, match=problem):
            offer(facade, *functions)


async def test_nobody_offers_it(fresh: World) -> None:
    async with fresh.unit((await fresh.tenant()).tenant, "trial") as ctx:
        with pytest.raises(WiringError, match="nobody offers Little"):
            ctx.of(Little)
