"""Requests of one moment done together: while a transaction is under way those who come wait, and the next one does the
work of them all with the statements of one.

Who comes alone runs alone, at once and by the plain command. Each request keeps its own answer, its own refusal, its own
idempotency key and its own name in the audit trail. What cannot be done together, for whatever reason, is done one by
one instead."""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import msgspec
import structlog

from entrepot.kernel import idempotency
from entrepot.kernel.ctx import SYSTEM, Origin, unit
from entrepot.kernel.exchange import AGAIN, GONE, JSON, Headers, encode, etag
from entrepot.pure.errors import Refusal

if TYPE_CHECKING:
    from entrepot.kernel.house import House

B = TypeVar("B")
Answer = tuple[int, Headers, bytes]
Group = tuple[UUID, UUID]  # tenant and business entity
MOST = 64  # requests in one transaction
AT_ONCE = 2  # transactions of one business entity under way: the database works on one, this process on the other
PATIENCE = 5  # milliseconds for which a crowd as large as the last one is waited for

logger = structlog.get_logger("entrepot.together")


class Asked(msgspec.Struct, Generic[B], frozen=True):
    """One of several who ask for the same at once: the body they sent, and whose work it will be."""

    body: B
    origin: Origin


class _Turn(enum.Enum):
    LEAD = "the transaction before has ended; do the work of all who wait now"
    ALONE = "it could not be done together"


class Request:
    """One request on its way, with the idempotency key it came under, if any."""

    __slots__ = ("asked", "fingerprint", "key", "lock", "turn")

    def __init__(self, tenant_id: UUID, asked: Asked[Any], key: str, fingerprint: bytes) -> None:
        self.asked = asked
        self.key = key
        self.fingerprint = fingerprint
        self.lock = idempotency.lock_of(tenant_id, key) if key else None
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
    """Who asks for one business entity: how many transactions are under way, who waits for the next, and how many
    went along with the last."""

    __slots__ = ("last", "running", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Request] = deque()
        self.running = 0
        self.last = 1

    async def gather(self) -> None:
        """Under load the requests of a few milliseconds make one transaction instead of many small ones. Who came alone
        last time comes alone again, and waits for nobody."""
        for _ in range(PATIENCE):
            if len(self.waiting) + 1 >= self.last:
                return
            await asyncio.sleep(0.001)


class Together:
    """Gathers the requests of one route, for each business entity by itself."""

    def __init__(self, house: House, function: Callable[..., Awaitable[Sequence[Any]]], status: int) -> None:
        self.house = house
        self.function = function
        self.status = status
        self._crowds: dict[Group, _Crowd] = {}

    async def answer(self, group: Group, mine: Request, alone: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to this request, whoever did the work. `alone` is how it is done by itself."""
        crowd = self._crowds.get(group)
        if crowd is None:
            crowd = self._crowds[group] = _Crowd()
        if crowd.running < AT_ONCE:
            crowd.running += 1
        else:
            crowd.waiting.append(mine)
            try:
                told = await mine.turn
            except asyncio.CancelledError:
                if mine.turn.done() and not mine.turn.cancelled() and mine.turn.result() is _Turn.LEAD:
                    self._pass_on(group, crowd)
                raise
            if told is _Turn.ALONE:
                return await alone()
            if not isinstance(told, _Turn):
                return told
        try:
            await crowd.gather()
            batch = _joined(crowd.waiting, mine)
            crowd.last = len(batch)
            if len(batch) == 1:
                return await alone()
            return await self._lead(group, batch, alone)
        finally:
            self._pass_on(group, crowd)

    def _pass_on(self, group: Group, crowd: _Crowd) -> None:
        while crowd.waiting:
            following = crowd.waiting.popleft()
            if not following.turn.done():
                following.tell(_Turn.LEAD)
                return
        crowd.running -= 1
        if not crowd.running:
            del self._crowds[group]

    async def _lead(self, group: Group, batch: list[Request], alone: Callable[[], Awaitable[Answer]]) -> Answer:
        others = batch[1:]
        try:
            answers = await self._tried(group, batch)
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
            logger.info("together.apart", requests=len(batch), error=repr(error))
            for other in others:
                other.tell(_Turn.ALONE)
            return await alone()
        for other, answer in zip(others, answers[1:], strict=True):
            other.tell(answer)
        if isinstance(answers[0], Refusal):
            raise answers[0]
        return answers[0]

    async def _tried(self, group: Group, batch: list[Request]) -> list[Answer | Refusal]:
        with contextlib.suppress(*AGAIN):
            return await self._run(group, batch)
        return await self._run(group, batch)

    async def _run(self, group: Group, batch: list[Request]) -> list[Answer | Refusal]:
        tenant_id, entity_id = group
        locks = [request.lock for request in batch if request.lock is not None]
        answers: dict[int, Answer | Refusal] = {}
        async with unit(self.house, tenant_id, SYSTEM, entity_id=entity_id, locks=locks) as ctx:
            known = await idempotency.kept_many(ctx, [request.key for request in batch if request.key])
            fresh = []
            for at, request in enumerate(batch):
                if request.key not in known:
                    fresh.append(at)
                    continue
                try:
                    kept = known[request.key].for_the_same(request.fingerprint)
                    answers[at] = (kept.status, [(b"content-type", JSON), (b"idempotent-replay", b"true")], kept.body)
                except Refusal as refusal:
                    answers[at] = refusal
            results = await self.function(ctx, [batch[at].asked for at in fresh]) if fresh else []
            earned: dict[str, idempotency.Kept] = {}
            for at, result in zip(fresh, results, strict=True):
                if isinstance(result, Refusal):
                    answers[at] = result
                    continue
                body = encode({"data": result})
                answers[at] = (self.status, [(b"content-type", JSON), *etag(result)], body)
                if batch[at].key:
                    earned[batch[at].key] = idempotency.Kept(batch[at].fingerprint, self.status, body)
            if earned:
                await idempotency.keep_many(ctx, earned)
        return [answers[at] for at in range(len(batch))]


def _joined(waiting: deque[Request], mine: Request) -> list[Request]:
    """Who goes along now. A key goes along once: its second request waits for the answer of the first."""
    batch, keys, later = [mine], {mine.key} - {""}, []
    while waiting and len(batch) < MOST:
        request = waiting.popleft()
        if request.turn.done():
            continue
        if request.key in keys:
            later.append(request)
        else:
            batch.append(request)
            keys |= {request.key} - {""}
    waiting.extendleft(reversed(later))
    return batch
