"""What trials do about events."""

from __future__ import annotations

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import on
from entrepot.pure.events import Event
from tests.kernel.trial.commands import note
from tests.kernel.trial.events import ThingBatched, ThingEchoed, ThingPoked


@on(ThingPoked)
async def note_poke(ctx: Ctx, event: ThingPoked) -> None:
    await note(ctx, "poke", event.thing_id, event.number)


@on(ThingPoked)
async def echo_poke(ctx: Ctx, event: ThingPoked) -> None:
    ctx.emit(ThingEchoed(thing_id=event.thing_id, number=event.number))


@on(ThingBatched, at_once=True)
async def note_batch(ctx: Ctx, events: list[ThingBatched]) -> None:
    for event in events:
        await note(ctx, f"batch of {len(events)}" if event is events[0] else "batch", event.thing_id, event.number)


@on("thing.ech*")
async def note_pattern(ctx: Ctx, event: Event) -> None:
    assert isinstance(event, ThingEchoed)
    await note(ctx, "echo", event.thing_id, event.number)
