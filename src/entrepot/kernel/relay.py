"""Carries events from the log to their subscribers, each exactly once in its own database and in order per entity."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

import structlog

from entrepot.kernel import positions
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.database import Database
from entrepot.kernel.delivery import Batch, Failed, behind, pass_by
from entrepot.kernel.log import Bell
from entrepot.kernel.logs import about
from entrepot.kernel.positions import BATCH
from entrepot.pure.events import Event

if TYPE_CHECKING:
    from entrepot.kernel.house import House

POLL = 1.0
PACE = 0.002
Carry = Callable[[Sequence[Any]], Awaitable[None]]
logger = structlog.get_logger("entrepot.relay")


@dataclass(frozen=True, slots=True)
class Reaction:
    """A handler with the events it hears; `batch` handlers get a list of consecutive events of one tenant. Or a
    carrier: `forward` gets every event that began in this house. What is handled `at_once` is done in the transaction that
    told it, where that is run by `at_once.handle`."""

    name: str
    events: dict[str, type[Event]]
    handler: Callable[[Ctx, Any], Awaitable[None]]
    batch: bool
    from_start: bool = False
    patterns: tuple[str, ...] = ()
    between_services: bool = False
    forward: Carry | None = None
    at_once: bool = False

    async def hear(self, ctx: Ctx, events: Sequence[Event]) -> None:
        """Let the handler handle events of one business entity, as whom the unit acts now: a list of them or, where it takes
        no batches, the only one. Raises what spoiled the unit, too."""
        with ctx.house.metrics.timed(self.name):
            await self.handler(ctx, events if self.batch else events[0])
        if ctx.spoiled is not None:
            raise ctx.spoiled


_REACTIONS = "__reaction__"


def on(
    *kinds: type[Event] | str, from_start: bool = False, between_services: bool = False, at_once: bool = False
) -> Callable[[Callable[[Ctx, Any], Awaitable[None]]], Any]:
    """Mark an event handler. A handler whose second parameter is a list takes batches of up to three hundred.

    Beside events themselves, patterns of their names are heard: `order.*` is everything that happens to orders.
    A handler that is added to a house in use hears what happens from now on; with `from_start` also everything that
    ever happened. In a new database every handler begins at the beginning. A handler that is only about what services
    tell each other (`between_services`) is not served where every module is in one process. A handler of batches for whom
    an event means the same whatever happened to its subject before may handle it `at_once`, in the transaction that
    tells it: then there is nothing between cause and effect. Only what nearly never fails should ask for that."""

    def mark(function: Callable[[Ctx, Any], Awaitable[None]]) -> Callable[[Ctx, Any], Awaitable[None]]:
        setattr(function, _REACTIONS, (kinds, from_start, between_services, at_once))
        return function

    return mark


def reactions_of(module: str, room: Any) -> list[Reaction]:
    """The handlers of a module's `reactions` room."""
    found = []
    for name, function in sorted(vars(room).items()):
        marked = getattr(function, _REACTIONS, None)
        if marked is None or function.__module__ != room.__name__:
            continue
        kinds, from_start, between_services, at_once = marked
        parameter = list(inspect.signature(function).parameters)[1]
        batch = get_origin(get_type_hints(function)[parameter]) in (list, Sequence)
        events = {kind.event_name: kind for kind in kinds if not isinstance(kind, str)}
        patterns = tuple(kind for kind in kinds if isinstance(kind, str))
        if at_once and not batch:
            raise TypeError(f"{module}.{name} handles events at once, so it must take a list of them")
        found.append(
            Reaction(
                f"{module}.{name}", events, function, batch, from_start, patterns, between_services, at_once=at_once
            )
        )
    return found


def resolved(reaction: Reaction, known: dict[str, type[Event]], aliases: dict[str, str]) -> Reaction:
    """The reaction with every event that its patterns mean, by canonical name or alias."""
    if not reaction.patterns:
        return reaction
    names = {name for pattern in reaction.patterns for name in fnmatch.filter([*known, *aliases], pattern)}
    meant = {aliases.get(name, name) for name in names}
    return replace(reaction, events={**{name: known[name] for name in sorted(meant)}, **reaction.events})


class Relay:
    """Runs every subscription of the house over each of its databases until stopped."""

    def __init__(self, house: House, reactions: Sequence[Reaction], *, workers: bool = True) -> None:
        self.house = house
        apart = bool(house.topology.far)
        self.reactions = {r.name: r for r in reactions if apart or not r.between_services}
        self.at_once = [r for r in self.reactions.values() if r.at_once]
        self.workers = workers
        self._bells: dict[str, Bell] = {}
        self._deaf: set[str] = set()
        self._heard_by: dict[str, set[str]] = {}
        self._wakers: dict[str, dict[str, asyncio.Event]] = {}
        self._turns: dict[str, dict[str, asyncio.Lock]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def forward(self, name: str, carry: Carry) -> None:
        """Also hand every event that began in this house to a carrier; before `start`."""
        self.reactions[name] = Reaction(name, {}, _nobody, batch=True, forward=carry)

    async def start(self) -> None:
        """Register the subscriptions and, where this process works, serve them."""
        for database in self.house.databases.all():
            await self.take_up(database)

    async def take_up(self, database: Database) -> None:
        """Register the subscriptions in a database and serve them there."""
        async with database.connection() as connection:
            await positions.register(connection, list(self.reactions), [r.from_start for r in self.reactions.values()])
        wakers = self._wakers[database.name] = {
            name: asyncio.Event() for name in (self.reactions if self.workers else ())
        }
        self._turns[database.name] = {name: asyncio.Lock() for name in wakers}
        bell = self._bells[database.name] = Bell(database)
        await bell.open(partial(self._wake_here, database), self.house.forget, partial(self._hears, database))
        for name, waker in wakers.items():
            self._spawn(self._serve(database, self.reactions[name], waker), f"relay-{name}")
        if wakers:
            self._spawn(self._watch(database), f"watch-{database.name}")

    async def stop(self) -> None:
        """Let running batches finish, then end."""
        self._stopping.set()
        for wakers in self._wakers.values():
            for waker in wakers.values():
                waker.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=10)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for bell in self._bells.values():
            await bell.close()

    def wake(self, database: Database, names: Collection[str], served: Collection[str] = ()) -> None:
        """Events of these names were committed: look now, here and in the other processes. The `served` subscriptions
        have handled theirs."""
        heard = {name for name in names if not self._hearers(name) <= set(served)}
        if not heard:
            return
        self._wake_here(database, heard, served)
        bell = self._bells.get(database.name)
        if bell is not None:
            bell.ring(heard)

    def _hearers(self, name: str) -> set[str]:
        """The subscriptions of this house that hear an event of this name, in whichever process they are served."""
        found = self._heard_by.get(name)
        if found is None:
            found = {r.name for r in self.reactions.values() if r.forward is not None or name in r.events}
            self._heard_by[name] = found
        return found

    async def drain(self) -> int:
        """Handle everything there is, here and now, in rounds until nothing new appears; for tests and commands.

        Returns how many events were handled."""
        total = 0
        while True:
            before = total
            for database in self.house.databases.all():
                behind = await self._behind(database)
                for reaction in (r for name, r in self.reactions.items() if name in behind):
                    while handled := await self.step(database, reaction, wait=True):
                        total += handled
            if total == before:
                return total

    async def step(self, database: Database, reaction: Reaction, *, wait: bool = False) -> int:
        """One batch of one subscription; returns how many events it looked at."""
        started = time.perf_counter()
        waker = self._wakers.get(database.name, {}).get(reaction.name)
        # What was committed until the batch reads is read; who rings from there on rings for what may be missed.
        batch = Batch(self.house, database, reaction, waker.clear if waker is not None else _nothing)
        with about(subscription=reaction.name):
            try:
                handled = await batch.run(wait=wait)
            except Failed as failed:
                logger.info("relay.careful", error=repr(failed.__cause__))
                handled = await batch.run(wait=wait, careful=True)
            if batch.told:
                self.wake(database, batch.told)
            if handled:
                took = round((time.perf_counter() - started) * 1000, 1)
                logger.info("relay.handled", events=handled, ms=took)
        return handled

    # ── how it runs ──

    def _spawn(self, work: Any, name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _wake_here(self, database: Database, names: Collection[str], served: Collection[str] = ()) -> None:
        """An empty collection of names means that anything may have happened."""
        hearers = set().union(*(self._hearers(name) for name in names))
        for name, waker in self._wakers.get(database.name, {}).items():
            if not names or (name in hearers and name not in served):
                waker.set()

    def _hears(self, database: Database, stands: bool) -> None:
        """What comes from another service nobody here is told of."""
        (self._deaf.discard if stands else self._deaf.add)(database.name)
        self.house.memory.hears(not self._deaf and not self.house.topology.far)

    async def _serve(self, database: Database, reaction: Reaction, waker: asyncio.Event) -> None:
        pause = 0.0
        waker.set()
        while not self._stopping.is_set():
            await waker.wait()
            try:
                # A batch that was not full has left nothing: what came since has set the waker again.
                while not self._stopping.is_set() and await self._in_turn(database, reaction) >= BATCH:
                    pass
                pause = 0.0
                # Under load the events of a few milliseconds make one batch instead of several small ones.
                await asyncio.sleep(PACE)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                pause = min(max(0.1, pause * 2), 5.0)
                logger.warning("relay.failed", subscription=reaction.name, error=repr(error), pause=pause)
                waker.set()
                await self._rest(pause)

    async def _in_turn(self, database: Database, reaction: Reaction) -> int:
        # The watch may hold the position for a moment; a batch that found it locked would leave what it was woken for.
        async with self._turns[database.name][reaction.name]:
            return await self.step(database, reaction)

    async def _watch(self, database: Database) -> None:
        """Wake what is behind although nobody rang: its ringer died, or the time of a parked event has come."""
        while not self._stopping.is_set():
            await self._rest(POLL * random.uniform(0.8, 1.2))
            try:
                waiting = await self._behind(database)
            except Exception as error:
                logger.warning("relay.unwatched", database=database.name, error=repr(error))
                continue
            for name, waker in self._wakers[database.name].items():
                if name in waiting:
                    waker.set()

    async def _behind(self, database: Database) -> set[str]:
        """The subscriptions that must look into the log. Most have nothing to hear in it: they are moved on together."""
        turns = self._turns[database.name]
        async with database.connection() as connection:
            late = await behind(connection)
            hearing = {
                name: reaction.events.keys()
                for name, reaction in self.reactions.items()
                if name in late and reaction.forward is None and not (name in turns and turns[name].locked())
            }
            if not hearing:
                return set(late)
            async with contextlib.AsyncExitStack() as stack:
                for name in hearing:  # in one order for everybody
                    if name in turns:
                        await stack.enter_async_context(turns[name])
                idle = await pass_by(connection, hearing)
        return {name for name, due in late.items() if due or name not in idle}

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _nothing() -> None:
    """What is to be done when nobody waits to be woken."""


async def _nobody(_ctx: Ctx, _events: Any) -> None:
    """The handler of a forwarding subscription, which has none."""
