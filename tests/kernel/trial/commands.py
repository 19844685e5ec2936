"""Writes of trials."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import jobs, numbers, status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.together import Asked, Fresh
from entrepot.pure.errors import Conflict, Invalid, Refusal
from entrepot.pure.ids import new_id
from tests.kernel.trial import rules
from tests.kernel.trial.contract import Stock
from tests.kernel.trial.events import ThingMade, ThingPoked
from tests.kernel.trial.tables import Fault, Handled, Taken, Thing


@command(needs="trial.edit")
async def make_thing(
    ctx: Ctx,
    name: str,
    amount: Decimal = Decimal(0),
    rank: int = 0,
    secret: str | None = None,
    due: date | None = None,
    custom: dict[str, Any] = {},  # noqa: B006 - copied for every call by the body struct
) -> UUID:
    """A new thing."""
    if not name:
        raise Invalid.field("name", "this field is required")
    checked = await ctx.house.fields.checked(ctx, "thing", custom)
    thing_id = await ctx.add(Thing, name=name, amount=amount, rank=rank, secret=secret, due=due, custom=checked)
    await status.begin(ctx, rules.THING, [thing_id])
    ctx.emit(ThingMade(thing_id=thing_id, name=name, amount=amount))
    return thing_id


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thing to be made, by itself or with others."""

    name: str
    rank: int = 0


@command(needs="trial.edit")
async def make_card(ctx: Ctx, body: Card) -> str:
    """One thing by itself: its rank says so."""
    if body.name == "none":
        raise Conflict("there is no such card")
    if body.name == "slow":
        await SLOW.wait()
    thing_id = await ctx.add(Thing, name=body.name, rank=-1)
    ctx.emit(ThingMade(thing_id=thing_id, name=body.name, amount=Decimal(0)))
    return body.name


async def make_cards(ctx: Ctx, asked: Sequence[Asked[Card]], fresh: Fresh) -> dict[int, str | Refusal]:
    """Several things at once: their rank says how many were asked for together."""
    these = {at: asked[at] for at in await fresh()}
    if any(one.body.name == "apart" for one in these.values()):
        raise ZeroDivisionError
    good = {new_id(): one for one in these.values() if one.body.name != "none"}
    await ctx.act_for({thing_id: one.origin for thing_id, one in good.items()})
    rows = [{"id": thing_id, "name": one.body.name, "rank": len(these)} for thing_id, one in good.items()]
    await ctx.add_many(Thing, rows)
    if any(one.body.name == "slow" for one in these.values()):
        await SLOW.wait()
    for thing_id, one in good.items():
        ctx.emit(ThingMade(thing_id=thing_id, name=one.body.name, amount=Decimal(0)))
    none = Conflict("there is no such card")
    return {at: one.body.name if one.body.name != "none" else none for at, one in these.items()}


SLOW = asyncio.Event()


@command(needs="trial.edit")
async def change_thing(ctx: Ctx, thing_id: UUID, name: str | None = None, amount: Decimal | None = None) -> None:
    """Change what is given."""
    changes: dict[str, Any] = {k: v for k, v in {"name": name, "amount": amount}.items() if v is not None}
    await ctx.change(Thing, thing_id, **changes)


@command(needs="trial.edit")
async def remove_thing(ctx: Ctx, thing_id: UUID) -> None:
    """Away with it."""
    await ctx.remove(Thing, thing_id)


@command(needs="trial.edit")
async def poke_thing(ctx: Ctx, thing_id: UUID, number: int, later: bool = False) -> None:
    """Let the reactions and, `later`, a job know."""
    ctx.emit(ThingPoked(thing_id=thing_id, number=number))
    if later:
        await jobs.enqueue(ctx, note_later, thing_id=thing_id, number=number)


@command(needs="trial.edit")
async def number_thing(ctx: Ctx, fail: bool = False) -> str:
    """Take a number, and perhaps think better of it."""
    number = await numbers.take(ctx, "thing")
    if fail:
        raise Conflict("thought better of {number}", number=number)
    return number


@command(needs="trial.edit")
async def change_status(
    ctx: Ctx,
    entity_type: str,
    entity_id: UUID,
    to_status: str,
    transition_reason: str | None = None,
    business_context: dict[str, Any] | None = None,
) -> None:
    """The universal status change."""
    await status.change_status(ctx, entity_type, entity_id, to_status, transition_reason, business_context)


# ── offered ──


async def take(ctx: Ctx, reference: UUID, name: str, amount: Decimal) -> Stock:
    if await ctx.exists(Taken, Taken.id == reference):
        return await stock(ctx, name)
    # Written before it is refused, so that a caller who swallows the refusal would commit it.
    await ctx.add(Taken, id=reference, name=name, amount=amount)
    left = await ctx.value("UPDATE trial.thing SET amount = amount - $2 WHERE name = $1 RETURNING amount", name, amount)
    if left is None or left < 0:
        raise Conflict(
            "there is not enough {name}",
            name=name,
            available=(left or Decimal(0)) + amount,
            wanted=amount,
            ids=[reference],
        )
    return await stock(ctx, name)


async def put_back(ctx: Ctx, reference: UUID) -> None:
    taken = await ctx.connection.fetchrow("DELETE FROM trial.taken WHERE id = $1 RETURNING name, amount", reference)
    if taken is not None:
        await ctx.run("UPDATE trial.thing SET amount = amount + $2 WHERE name = $1", taken["name"], taken["amount"])


async def stock(ctx: Ctx, name: str) -> Stock:
    found = await ctx.row(Stock, "SELECT name, amount FROM trial.thing WHERE name = $1", name)
    assert found is not None
    return found


# ── jobs ──


async def note_later(ctx: Ctx, thing_id: UUID, number: int) -> None:
    """Leaves a note, unless there is a fault."""
    assert isinstance(thing_id, UUID)
    await note(ctx, "job", thing_id, number)


async def every_hour(ctx: Ctx) -> None:
    await note(ctx, "hourly", ctx.tenant_id, 0)


async def note(ctx: Ctx, reaction: str, thing_id: UUID, number: int) -> None:
    """Leaves a trace in the order of the effects; fails after it when a fault says so."""
    order = await ctx.value("SELECT coalesce(max(at), 0) + 1 FROM trial.handled")
    text = f"{ctx.caller.correlation} {ctx.caller.causation}"
    await ctx.add(Handled, at=order, reaction=reaction, thing_id=thing_id, number=number, note=text)
    kind = reaction.split(" ", 1)[0]
    if os.environ.get("TRIAL_STALL") == f"{kind} {number}":
        print("stalled", flush=True)
        await asyncio.sleep(3600)
    if await ctx.exists(Fault, Fault.reaction == kind, Fault.thing_id == thing_id, Fault.number == number):
        raise RuntimeError(f"cannot bear {number}")
