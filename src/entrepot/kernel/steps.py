"""Works that take turns in one task: a task of its own for each would cost more than most of them do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any


class Step:
    """One of several works that take turns in one task, as far as it has come."""

    __slots__ = ("failed", "over", "result", "waits", "work")

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.work = work
        self.waits: Any = None  # the future without which it cannot go on
        self.over = False
        self.result: Any = None
        self.failed: BaseException | None = None

    @property
    def ready(self) -> bool:
        """Whether it can go on."""
        return not self.over and (self.waits is None or self.waits.done())

    def goes_on(self) -> bool:
        """Let it go as far as it can; whether there is more of it."""
        while self.ready:
            try:
                self.waits = self.work.send(None)
            except StopIteration as end:
                self.over, self.result = True, end.value
            except (Exception, asyncio.CancelledError) as error:
                self.over, self.failed = True, error
            else:
                if self.waits is None:
                    self.waits = asyncio.ensure_future(asyncio.sleep(0))  # it only lets others go first
                else:
                    self.waits._asyncio_future_blocking = False  # as a task does that takes a future from its coroutine
        return not self.over

    def end(self) -> None:
        """Stop it where it is, as a task does that is cancelled."""
        if not self.over:
            self.over = True
            if self.waits is not None:
                self.waits.cancel()
            try:
                self.work.throw(asyncio.CancelledError())
            except (StopIteration, Exception, asyncio.CancelledError) as error:
                self.failed = error
            else:
                self.work.close()


async def any_of(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until one of these is done, whatever came of it; `asyncio.wait` asks more of each than most of them take."""
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(_done: asyncio.Future[Any]) -> None:
        if not waiter.done():
            waiter.set_result(None)

    for future in futures:
        future.add_done_callback(wake)
    try:
        await waiter
    finally:
        for future in futures:
            future.remove_done_callback(wake)


async def in_step(
    works: Iterable[Coroutine[Any, Any, Any]],
    asks: Callable[[Step], bool],
    answer: Callable[[Sequence[Step]], Awaitable[None]],
) -> list[Any]:
    """What these come to. As soon as each of them has ended or `asks`, those that do get their `answer`; what waits for
    anything else is waited for first. When one fails, that is raised when all have come to their end.

    What counts on its task (a timeout, a call over HTTP) is awaited in one of its own."""
    steps = [Step(work) for work in works]
    try:
        while left := [step for step in steps if step.goes_on()]:
            elsewhere = [step.waits for step in left if not asks(step)]
            if elsewhere:
                await any_of(elsewhere)
            else:
                await answer(left)
    finally:
        for step in steps:
            step.end()
    for step in steps:
        if step.failed is not None:
            raise step.failed
    return [step.result for step in steps]
