"""Reckoning over many things lets others have a turn: who waits for one answer does not wait for a hundred."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")
EACH = 16  # things between two turns: a millisecond or two


async def in_turns(things: Iterable[T]) -> AsyncIterator[T]:
    """The things one by one, with a turn for others now and then."""
    for at, thing in enumerate(things, start=1):
        yield thing
        if at % EACH == 0:
            await asyncio.sleep(0)
