"""Requests of one moment done together: while a transaction is prepared those who come wait, and the next one does the
work of many with the statements of one. It is prepared while the database writes the one before.

Who comes alone is a crowd of one, at once; where several came together a moment ago, who comes first waits for as many,
though not longer than two milliseconds. Each request keeps its own answer, its own refusal, its own idempotency key and
its own name in the audit trail. What cannot be done together, for whatever reason, is done one by one by the plain
command instead.

A business entity for which several ask at the same moment has crowds of its own. The others go along with whoever comes at
that moment, of whatever tenant: they share a transaction, and each does its own work in it (`units.shared_units`)."""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import msgspec
import structlog

from entrepot.kernel import at_once, idempotency
from entrepot.kernel.ctx import SYSTEM, Ctx, Origin
from entrepot.kernel.exchange import AGAIN, GONE, JSON, Headers, etag
from entrepot.kernel.origins import NIL
from entrepot.kernel.units import PATIENCE, shared_units, unit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Refusal
from entrepot.pure.groups import grouped

if TYPE_CHECKING:
    from entrepot.kernel.house import House

B = TypeVar("B")
Answer = tuple[int, Headers, bytes]
Group = tuple[UUID, UUID]  # tenant and business entity
Along = tuple[UUID, UUID | str]  # who goes along with one another: a group, or all others of a database
Prepared = Callable[[], None]  # says that all that is left of a transaction is the database's work
Alone = Callable[[Prepared], Awaitable[Answer]]
Fresh = Callable[[], Coroutine[Any, Any, list[int]]]
# What does for several requests what a command does for one: `(ctx, asked, fresh)`. Which of them were not answered before
# `fresh()` says, to be asked beside what else must be known; these get a result or a Refusal each, by their place.
Crowded = Callable[[Any, Sequence[Any], Fresh], Awaitable[Mapping[int, Any]]]
MOST = 64  # requests in one transaction
GATHER = 0.002  # seconds that the first waits for the others at most
FEW = 16  # requests whose effects are handled with them; those of more are handled beside the next crowd
_CROWDED = "several asked together"
_APART = "who shared a transaction with others could not"

logger = structlog.get_logger("entrepot.together")


class Asked(msgspec.Struct, Generic[B], frozen=True):
    """One of several who ask for the same at once: the body they sent, and whose work it will be."""

    body: B
    origin: Origin


class _Turn(enum.Enum):
    LEAD = "the transaction before is prepared; do the work of all who wait now"
    ALONE = "it could not be done together"


class Request:
    """One request on its way, with the idempotency key it came under, if any, and what must be locked for it."""

    __slots__ = ("asked", "fingerprint", "group", "key", "locks", "turn")

    def __init__(
        self, group: Group, asked: Asked[Any], key: str, fingerprint: bytes, locks: Sequence[idempotency.Lock]
    ) -> None:
        self.group = group
        self.asked = asked
        self.key = key
        self.fingerprint = fingerprint
        self.locks = locks
        self.turn: asyncio.Future[Answer | _Turn] = asyncio.get_running_loop().create_future()

    def tell(self, outcome: Answer | BaseException | _Turn) -> None:
        """Wake who waits, unless they have gone."""
        if self.turn.done():
            return
        if isinstance(outcome, BaseException):
            self.turn.set_exception(outcome)
        else:
            self.turn.set_result(outcome)


class _Crowd:
    """Who goes along with one another: whether a transaction is being prepared, who waits for the next, how many transactions
    are under way and how many requests with them."""

    __slots__ = ("_all_here", "_most", "going", "preparing", "under_way", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Request] = deque()
        self.preparing = False
        self.under_way = 0
        self.going = 0
        self._most = MOST
        self._all_here: asyncio.Future[None] | None = None

    def wait(self, request: Request) -> None:
        """Go along with the next transaction, which need not wait for others when these are enough."""
        self.waiting.append(request)
        if self._all_here is not None and len(self.waiting) + 1 >= self._most:
            _let(self._all_here)

    async def gather(self, most: int) -> None:
        """Wait for others, until there are so many or a moment has passed."""
        if len(self.waiting) + 1 >= most:
            return
        loop = asyncio.get_running_loop()
        self._most, self._all_here = most, loop.create_future()
        passed = loop.call_later(GATHER, _let, self._all_here)
        try:
            await self._all_here
        finally:
            passed.cancel()
            self._all_here = None

    def joined(self, mine: Request, tenants: int) -> list[Request]:
        """Who goes along now, of so many tenants at most. A key goes along once: its second request waits for the answer of
        the first. So does another business entity of the same tenant, as what both want would be locked for neither."""
        batch, later = [mine], []
        keys, entities = {(mine.group, mine.key)}, dict([mine.group])
        while self.waiting and len(batch) < MOST:
            request = self.waiting.popleft()
            if request.turn.done():
                continue
            tenant_id, entity_id = request.group
            new = len(entities) < tenants
            twice = request.key and (request.group, request.key) in keys
            if twice or entities.get(tenant_id, entity_id if new else None) != entity_id:
                later.append(request)
            else:
                batch.append(request)
                keys.add((request.group, request.key))
                entities[tenant_id] = entity_id
        self.waiting.extendleft(reversed(later))
        return batch


class Together:
    """Gathers the requests of one route: those for a business entity that is asked for a lot by themselves, and all others
    of a database."""

    def __init__(self, house: House, function: Crowded, status: int) -> None:
        self.house = house
        self.function = function
        self.status = status
        self._crowds: dict[Along, _Crowd] = {}

    async def answer(self, mine: Request, alone: Alone) -> Answer:
        """The answer to this request, whoever did the work. `alone` is how it is done by itself."""
        along = self._along_with(mine.group)
        crowd = self._crowds.get(along)
        if crowd is None:
            crowd = self._crowds[along] = _Crowd()
        if not crowd.preparing:
            crowd.preparing = True
        else:
            crowd.wait(mine)
            try:
                told = await mine.turn
            except asyncio.CancelledError:
                if mine.turn.done() and not mine.turn.cancelled() and mine.turn.result() is _Turn.LEAD:
                    _pass_on(crowd)
                    self._let_go(along, crowd)
                raise
            if told is _Turn.ALONE:
                return await alone(nobody_waits)
            if not isinstance(told, _Turn):
                return told
        crowd.under_way += 1
        prepared = _Once(partial(_pass_on, crowd))
        batch: list[Request] = []
        held_up = None
        try:
            if along == mine.group:
                # They were answered at the same moment, so they ask again at nearly the same.
                enough = self._noted(_CROWDED, along) or 1
            else:
                # Half of them, so that we reckon for one half while the database writes for the other.
                here = self._came(along, crowd.going + len(crowd.waiting) + 1)
                enough = (here + 1) // 2
                # Somebody's rows may be held for long by others; that is nobody else's business.
                held_up = asyncio.get_running_loop().call_later(PATIENCE, prepared)
            await crowd.gather(enough)
            batch = crowd.joined(mine, enough)
            crowd.going += len(batch)
            parts = grouped(batch, attrgetter("group"))
            for group, part in parts.items():
                self._came(group, len(part))
            return await self._lead(batch, parts, alone, prepared)
        finally:
            if held_up is not None:
                held_up.cancel()
            crowd.under_way -= 1
            crowd.going -= len(batch)
            prepared()
            self._let_go(along, crowd)

    def _along_with(self, group: Group) -> Along:
        """With whom a request of this business entity goes along: with others of it, where there are some or where sharing
        failed a moment ago; else with everybody of its database."""
        if self._noted(_CROWDED, group) or self._noted(_APART, group):
            return group
        return NIL, self.house.databases.of(group[0]).name

    def _let_go(self, along: Along, crowd: _Crowd) -> None:
        if not crowd.preparing and not crowd.under_way:
            self._crowds.pop(along, None)

    def _noted(self, what: str, along: Along) -> int | None:
        found: int | None = self.house.memory.noted(along[0], (what, self.function, along[1]))
        return found

    def _note(self, what: str, along: Along, many: int) -> None:
        self.house.memory.note(along[0], (what, self.function, along[1]), many)

    def _came(self, along: Along, many: int) -> int:
        """So many came together, or more a moment ago: who is missing once may only be late, so a crowd is forgotten one by
        one. Returns how many to reckon with."""
        before = self._noted(_CROWDED, along) or 1
        if before > 1 or many > 1:
            self._note(_CROWDED, along, max(many, before - 1))
        return max(many, before - 1)

    async def _lead(
        self, batch: list[Request], parts: Mapping[Group, list[Request]], alone: Alone, prepared: Prepared
    ) -> Answer:
        others = batch[1:]
        try:
            if len(parts) > 1:
                answers = await self._share(batch, parts, prepared)
            else:
                answers = await self._tried(batch, prepared)
        except GONE as error:
            # Nobody knows whether it was committed, so nobody may do it once more on their own account.
            for other in others:
                other.tell(error)
            raise
        except asyncio.CancelledError:
            for other in others:
                other.tell(ConnectionAbortedError("who did this for several was ended"))
            raise
        except Exception as error:
            if isinstance(error, Refusal) and not others:
                raise
            logger.info("together.apart", requests=len(batch), tenants=len(parts), error=repr(error))
            if len(parts) > 1:
                prepared()
                for group in parts:
                    self._note(_APART, group, 1)
            for other in others:
                other.tell(_Turn.ALONE)
            return await alone(prepared)
        for other, answer in zip(others, answers[1:], strict=True):
            other.tell(answer)
        if isinstance(answers[0], Refusal):
            raise answers[0]
        return answers[0]

    async def _tried(self, batch: list[Request], prepared: Prepared) -> list[Answer | Refusal]:
        # Once because goods went short, once because something was sent before: then it is known how to go about it.
        for _ in range(2):
            with contextlib.suppress(*AGAIN):
                return await self._run(batch, prepared)
        return await self._run(batch, prepared)

    async def _run(self, batch: list[Request], prepared: Prepared) -> list[Answer | Refusal]:
        tenant_id, entity_id = batch[0].group
        locks = [lock for request in batch for lock in request.locks]
        async with unit(self.house, tenant_id, SYSTEM, entity_id=entity_id, locks=locks, hot=True) as ctx:
            return await self._work(ctx, batch, prepared)

    async def _share(
        self, batch: list[Request], parts: Mapping[Group, list[Request]], prepared: Prepared
    ) -> list[Answer | Refusal]:
        """Each part in a unit of its own, all in one transaction."""
        database = self.house.databases.of(batch[0].group[0])
        locks = [lock for request in batch for lock in request.locks]
        ready = _Last(len(parts), prepared)
        async with shared_units(self.house, database, locks) as units:
            found = await units.do(
                (*group, partial(self._work, batch=part, prepared=ready)) for group, part in parts.items()
            )
        answers = {group: iter(told) for group, told in zip(parts, found, strict=True)}
        return [next(answers[one.group]) for one in batch]

    async def _work(self, ctx: Ctx, batch: list[Request], prepared: Prepared) -> list[Answer | Refusal]:
        """The answers to requests of one business entity, in its unit."""
        answers: dict[int, Answer | Refusal] = {}
        fresh: list[int] | None = None

        async def look() -> list[int]:
            nonlocal fresh
            fresh = await _fresh(ctx, batch, answers)
            return fresh

        results = await self.function(ctx, [one.asked for one in batch], look)
        if fresh is None or results.keys() != set(fresh):
            raise TypeError(f"{self.function} answers something else than what is fresh")
        earned: dict[str, idempotency.Kept] = {}
        for at, result in results.items():
            if isinstance(result, Refusal):
                answers[at] = result
                continue
            body = encode({"data": result})
            answers[at] = (self.status, [(b"content-type", JSON), *etag(result)], body)
            if batch[at].key:
                earned[batch[at].key] = idempotency.Kept(batch[at].fingerprint, self.status, body)
        if earned:
            await idempotency.keep_many(ctx, earned)
        prepared()
        if len(batch) <= FEW:
            await at_once.handle(ctx)
        return [answers[at] for at in range(len(batch))]


async def _fresh(ctx: Ctx, batch: Sequence[Request], answers: dict[int, Answer | Refusal]) -> list[int]:
    """Which of these requests were not answered before; the others get that answer, or are refused."""
    keys = [request.key for request in batch if request.key]
    known = await idempotency.kept_many(ctx, keys) if keys else {}
    for at, request in enumerate(batch):
        if request.key in known:
            try:
                answers[at] = replayed(known[request.key].for_the_same(request.fingerprint))
            except Refusal as refusal:
                answers[at] = refusal
    return [at for at in range(len(batch)) if at not in answers]


def replayed(kept: idempotency.Kept) -> Answer:
    """An answer given once more."""
    return kept.status, [(b"content-type", JSON), (b"idempotent-replay", b"true")], kept.body


def _let(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _pass_on(crowd: _Crowd) -> None:
    while crowd.waiting:
        following = crowd.waiting.popleft()
        if not following.turn.done():
            following.tell(_Turn.LEAD)
            return
    crowd.preparing = False


class _Once:
    """Calls once, however often it is called."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def __call__(self) -> None:
        call, self.call = self.call, None
        if call is not None:
            call()


class _Last:
    """Calls when it has been called so many times."""

    __slots__ = ("call", "left")

    def __init__(self, many: int, call: Callable[[], object]) -> None:
        self.left = many
        self.call = call

    def __call__(self) -> None:
        self.left -= 1
        if not self.left:
            self.call()


def nobody_waits() -> None:
    """The end of a preparation that nobody waits for."""
