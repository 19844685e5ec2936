"""Numbers that must be unique and increasing but may leave gaps: taken beside the transaction, so nobody waits.

A gapless series stays locked until its transaction is on disk, which makes everybody who needs a number queue behind
it. Orders and quotes need no such thing (C10). Their numbers are taken on a connection of its own, for all who ask at
that moment with one statement. That connection does not wait for the disk: the number's record stands before that of
the order in the write-ahead log, so an order that survives a crash has kept its number from being given again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import UUID

from entrepot.kernel.database import TROUBLE, Connection, Database, give_up

Key = tuple[UUID, UUID, str, int, str, int]  # tenant, business entity, document type, year, pattern, padding
Taken = tuple[int, str, int]  # the first number, pattern, padding

_TAKE = "SELECT following, number_pattern, number_padding FROM kernel.take_numbers($1, $2, $3, $4, $5, $6, $7)"


class Counters:
    """One per database: answers all who ask at once with one statement per series."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection: Connection | None = None
        self._asked: dict[Key, list[tuple[int, asyncio.Future[Taken]]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def take(self, key: Key, count: int) -> Taken:
        """The first of `count` consecutive numbers, and how they look."""
        answer: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append((count, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer_all(), name=f"counters-{self.database.name}")
        return await answer

    async def close(self) -> None:
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()

    async def _answer_all(self) -> None:
        while self._asked:
            key, asked = next(iter(self._asked.items()))
            del self._asked[key]
            try:
                row = await self._row(key, sum(count for count, _ in asked))
            except TROUBLE as error:
                give_up(self._connection, error)
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            first = row["following"] - sum(count for count, _ in asked)
            for count, answer in asked:
                if not answer.done():
                    answer.set_result((first, row["number_pattern"], row["number_padding"]))
                first += count

    async def _row(self, key: Key, count: int) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self.database.dedicated()
            await self._connection.execute("SET synchronous_commit = off")
        return await self._connection.fetchrow(_TAKE, *key[:4], count, *key[4:])
