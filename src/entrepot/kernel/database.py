"""Pools of connections: one for the common database, one for each tenant that was given a database of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
import msgspec
import structlog
from asyncpg.pgproto.pgproto import UUID as DriversUUID

from entrepot.pure import ids
from entrepot.pure.encoding import encode

ids.made_as(DriversUUID)  # an id that was made here is then like one that was read

Connection = Any  # asyncpg.Connection or its pool proxy; asyncpg ships no types
# The server is gone, or refuses, or died while the driver was in the middle of something.
TROUBLE = (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_JSONB = b"\x01"
FIRST_PLANS = 1.0  # seconds that the first plans of a connection are kept
logger = structlog.get_logger("entrepot.database")
_decode = msgspec.json.Decoder().decode


class Database:
    """One database as the application role, which owns nothing and is bound by every policy."""

    def __init__(self, url: str, *, name: str = "main", size: int = 10) -> None:
        self.url = url
        self.name = name
        self.size = size
        self._pool: Any = None
        self._ending: set[asyncio.Task[None]] = set()
        self._planned: WeakKeyDictionary[Connection, tuple[float, float]] = WeakKeyDictionary()
        self._functions: dict[int, set[str]] = {}  # by the process of the server that a connection talks to

    async def open(self) -> None:
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=self.size,
                init=self._begin,
                reset=self._plan_anew,
                max_inactive_connection_lifetime=300,
                statement_cache_size=1000,
                command_timeout=None,
            )

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    @asynccontextmanager
    async def connection(self, *, last: str = "") -> AsyncIterator[Connection]:
        """A connection outside any transaction. Where all went well, the `last` statement is sent by itself, while who had
        the connection goes on."""
        pool = self._pool  # `close` waits for what is still out of it
        connection = await pool.acquire()
        try:
            yield connection
        except BaseException as error:
            # Where the server died while the driver was in the middle of something, this line is of no use any more.
            give_up(connection, error)
            await pool.release(connection)
            raise
        if last:
            ending = asyncio.create_task(_end(pool, connection, last), name="database-end")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        else:
            await pool.release(connection)

    async def dedicated(self) -> Connection:
        """A connection of one's own, for LISTEN; the caller closes it."""
        connection = await asyncpg.connect(self.url)
        await _prepare(connection)
        return connection

    def functions_of(self, connection: Connection) -> set[str]:
        """The names of the functions that were made for this connection, which end with it."""
        found: set[str] = self._functions[connection.get_server_pid()]
        return found

    async def _begin(self, connection: Connection) -> None:
        process = connection.get_server_pid()
        self._functions[process] = set()
        connection.add_termination_listener(lambda _ended: self._functions.pop(process, None))
        await _prepare(connection)

    async def _plan_anew(self, connection: Connection) -> None:
        """Hot statements keep their plan, and one made while a table was nearly empty reads all of it as it grows. So plans
        are made anew when a connection is a second old, and each time its age has doubled: by then ANALYZE takes over.

        All else that we set is SET LOCAL and ends with its transaction, so nothing has to be reset."""
        now = time.monotonic()
        born, until = self._planned.setdefault(connection, (now, now + FIRST_PLANS))
        if now >= until:
            self._planned[connection] = (born, now + (now - born))
            await connection.execute("DISCARD PLANS")

    def idle(self) -> tuple[int, int]:
        """(connections open, connections idle), for the metrics."""
        return (self._pool.get_size(), self._pool.get_idle_size()) if self._pool else (0, 0)


class Databases:
    """Which database holds a tenant. Most share `main`; a placement names the others."""

    def __init__(self, main: Database, placed: dict[UUID, Database] | None = None) -> None:
        self.main = main
        self.placed = placed or {}

    def of(self, tenant: UUID | None) -> Database:
        return self.placed.get(tenant, self.main) if tenant is not None else self.main

    def all(self) -> list[Database]:
        return [self.main, *{id(d): d for d in self.placed.values()}.values()]

    async def open(self) -> None:
        for database in self.all():
            await database.open()

    async def close(self) -> None:
        for database in self.all():
            await database.close()


def give_up(connection: Connection | None, error: BaseException) -> None:
    """End a line on which the driver lost its way: it is of no use any more, and says so only when it is closed."""
    if connection is not None and isinstance(error, asyncpg.InternalClientError):
        connection.terminate()


async def _end(pool: Any, connection: Connection, last: str) -> None:
    try:
        await connection.execute(last)
    except TROUBLE as error:
        # What was read was read; the next who needs the server will hear of it.
        logger.info("database.lost", error=repr(error))
        give_up(connection, error)
    finally:
        await pool.release(connection)


async def _prepare(connection: Connection) -> None:
    """JSON travels as the bytes it is made of; those of jsonb begin with the version of their format."""
    await connection.set_type_codec("json", encoder=_as_json, decoder=_decode, schema="pg_catalog", format="binary")
    await connection.set_type_codec(
        "jsonb",
        encoder=lambda value: _JSONB + _as_json(value),
        decoder=lambda found: _decode(memoryview(found)[1:]),
        schema="pg_catalog",
        format="binary",
    )


def _as_json(value: Any) -> bytes:
    return bytes(value) if isinstance(value, msgspec.Raw) else encode(value)
