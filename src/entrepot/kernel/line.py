"""The line of one unit to its database. Writes whose result nobody waits for are kept back, and travel as one statement
with the next that must be sent: a round trip costs more than many a write, and rows that others want stay locked for
less.

Who reads or writes the plain way never notices, because everything that was kept back goes first. Only who asks for
`ahead` overtakes it, and says which tables that concerns."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec

from entrepot.kernel.database import Connection
from entrepot.pure.errors import Conflict

_PARAMETER = re.compile(r"\$(\d+)")
_TOGETHER: dict[tuple[str, ...], str] = {}


class Write(NamedTuple):
    """A write that was kept back: the table it writes (`schema.name`), and what its refusal by a unique key means."""

    table: str
    sql: str
    arguments: Sequence[Any]
    twice: Callable[[], BaseException]


class Line:
    """A connection in a transaction, with what is still to be sent on it."""

    __slots__ = ("_context", "_kept", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._kept: list[Write] = []
        self._context: str | None = None

    # ── at once, after what was kept back ──

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        await self.settle()
        return await self.connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        await self.settle()
        return await self.connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        await self.settle()
        return await self.connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> Any:
        await self.settle()
        return await self.connection.execute(sql, *arguments)

    # ── later ──

    async def later(self, kept: Write) -> None:
        """Keep a write back. What is kept back does not see one another, so a table that is among it already is settled
        first."""
        if any(each.table == kept.table for each in self._kept):
            await self.settle()
        self._kept.append(kept)

    def context(self, facts: str) -> None:
        """From the next write on the audit trail says this (JSON) of whose work it is."""
        self._context = facts

    async def ahead(self, *tables: str) -> Connection:
        """The connection itself, for a statement that overtakes what was kept back. It looks only at these tables
        (`schema.name`) and leaves nothing in the audit trail."""
        if any(each.table in tables for each in self._kept):
            await self.settle()
        return self.connection

    async def settle(self) -> None:
        """Send what was kept back, as one statement; it refuses what the database refuses."""
        if not self._kept and self._context is None:
            return
        kept, self._kept = self._kept, []
        facts, self._context = self._context, None
        arguments = [argument for each in kept for argument in each.arguments]
        if facts is not None:
            arguments.append(facts)
        try:
            await self.connection.execute(_together(kept, named=facts is not None), *arguments)
        except asyncpg.UniqueViolationError as error:
            table = f"{error.schema_name}.{error.table_name}"
            raise next((each.twice() for each in kept if each.table == table), error) from error
        except asyncpg.PostgresError as error:
            raise refusal_of(error) from error

    def drop(self) -> None:
        """Forget what was kept back: its transaction is rolled back."""
        self._kept.clear()
        self._context = None

    def is_closed(self) -> bool:
        return bool(self.connection.is_closed())

    def is_in_transaction(self) -> bool:
        return bool(self.connection.is_in_transaction())


def _together(kept: Sequence[Write], *, named: bool) -> str:
    """One statement of many, each with its own parameters. What writes runs to its end although nobody reads from it,
    and its triggers come after all of it: they see the context that the main query sets."""
    if len(kept) == 1 and not named:
        return kept[0].sql
    key = (*(each.sql for each in kept), str(named))
    found = _TOGETHER.get(key)
    if found is None:
        parts, before = [], 0
        for at, each in enumerate(kept):
            parts.append(f"write_{at} AS ({_shifted(each.sql, before)})")
            before += len(each.arguments)
        ends = f"SELECT set_config('app.context', ${before + 1}, true)" if named else "SELECT 1"
        found = _TOGETHER[key] = f"WITH {', '.join(parts)} {ends}" if parts else ends
    return found


def _shifted(sql: str, by: int) -> str:
    return _PARAMETER.sub(lambda match: f"${int(match[1]) + by}", sql.strip())


async def written(execution: Awaitable[Any], entity: str) -> str:
    """The outcome of a write; what the database refuses in our own words is a refusal."""
    try:
        status: str = await execution
    except asyncpg.UniqueViolationError as error:
        raise Conflict(
            "there already is a {what} like this", what=entity, constraint=error.constraint_name or ""
        ) from error
    except asyncpg.PostgresError as error:
        raise refusal_of(error) from error
    return status


def refusal_of(error: asyncpg.PostgresError) -> BaseException:
    """What the database refuses in our own words (SQLSTATE class `EN`) is a refusal; anything else stays an error."""
    if error.sqlstate == "EN409":
        return Conflict(str(error.message), **(msgspec.json.decode(error.detail) if error.detail else {}))
    found: BaseException = error
    return found
