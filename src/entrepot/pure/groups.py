"""Things put together by what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")
Key = TypeVar("Key")


def grouped(things: Iterable[Thing], by: Callable[[Thing], Key]) -> dict[Key, list[Thing]]:
    """The things of each key in their own order; keys in the order in which they first come."""
    found: dict[Key, list[Thing]] = {}
    for thing in things:
        found.setdefault(by(thing), []).append(thing)
    return found
