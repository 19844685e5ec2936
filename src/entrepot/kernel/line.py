"""The line of one unit to its database. Writes whose result nobody waits for are kept back, and travel as one statement
with the next that must be sent: a round trip costs more than many a write, and rows that others want stay locked for
less.

Who reads or writes the plain way never notices, because everything that was kept back goes first. Only who asks
overtakes it, and says which tables that concerns. What several ask side by side is one statement too."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec

from entrepot.kernel.database import Connection
from entrepot.kernel.steps import Step, in_step
from entrepot.pure.errors import Conflict

_PARAMETER = re.compile(r"\$(\d+)")
_TOGETHER: dict[tuple[str, ...], str] = {}
_SIDE_BY_SIDE: dict[tuple[str, ...], str] = {}


class Again(Exception):
    """Somebody else was a moment ahead and has won; run the unit again and find what they did."""


class Write(NamedTuple):
    """A write that was kept back: the table it writes (`schema.name`), and what its refusal by a unique key means."""

    table: str
    sql: str
    arguments: Sequence[Any]
    twice: Callable[[], BaseException]
    more: int = 0  # so many of the first arguments are lists of new rows, side by side, that may grow
    first: bool = False  # locks what the others wait for, so it comes before them


class Question(NamedTuple):
    """A statement somebody waits for, with the tables it looks at."""

    sql: str
    arguments: Sequence[Any]
    tables: Collection[str]
    answer: asyncio.Future[list[Any]]


class Line:
    """A connection in a transaction, with what is still to be sent on it."""

    __slots__ = ("_asked", "_context", "_driver", "_kept", "_turn", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._kept: dict[str, Write] = {}  # by table
        self._context: Callable[[], str] | None = None
        self._turn = asyncio.Lock()
        self._asked: list[Question] = []
        self._driver: asyncio.Task[Any] | None = None  # in which works take turns

    # ── at once, after what was kept back ──

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        async with self._turn:
            await self._settle()
            return await self.connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        async with self._turn:
            await self._settle()
            return await self.connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        async with self._turn:
            await self._settle()
            return await self.connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> Any:
        async with self._turn:
            await self._settle()
            return await self.connection.execute(sql, *arguments)

    # ── side by side, overtaking what was kept back ──

    async def ask(self, sql: str, *arguments: Any, tables: Collection[str]) -> list[Any]:
        """The rows of a statement that looks only at these tables (`schema.name`) and leaves nothing in the audit trail;
        columns by position. It overtakes what was kept back for others, and waits for those who ask beside it."""
        mine = Question(sql, arguments, tables, asyncio.get_running_loop().create_future())
        if self._driver is not asyncio.current_task():
            await self._answer([mine])
            return await mine.answer
        self._asked.append(mine)
        try:
            return await mine.answer
        except asyncio.CancelledError:
            if mine in self._asked:
                self._asked.remove(mine)
            raise

    async def side_by_side(self, *works: Coroutine[Any, Any, Any]) -> list[Any]:
        """What these come to, done beside each other: what they ask goes as one statement as soon as each of them has asked
        or is done. When one fails, that is raised when all have come to their end.

        They take turns in the task that waits for them; a task of its own for each would cost more than most ask. So what
        counts on its task (a timeout, a call over HTTP) is awaited in one of its own."""
        task = asyncio.current_task()
        before, self._driver = self._driver, task
        try:
            answer = self._answer_all if before is not task else _asked_by_others
            return await in_step(works, self._is_asked, answer)
        finally:
            self._driver = before

    def _is_asked(self, step: Step) -> bool:
        return any(question.answer is step.waits for question in self._asked)

    async def _answer_all(self, _steps: Sequence[Step]) -> None:
        asked, self._asked = self._asked, []
        await self._answer(asked)

    async def _answer(self, asked: Sequence[Question]) -> None:
        try:
            async with self._turn:
                if any(table in self._kept for question in asked for table in question.tables):
                    await self._settle()
                answers = await self._rows_of(asked)
        except Exception as error:
            for question in asked:
                if not question.answer.done():
                    question.answer.set_exception(error)
        except BaseException:
            for question in asked:
                question.answer.cancel()
            raise
        else:
            for question, rows in zip(asked, answers, strict=True):
                if not question.answer.done():
                    question.answer.set_result(rows)

    async def _rows_of(self, asked: Sequence[Question]) -> list[list[Any]]:
        if len(asked) == 1:
            return [await self.connection.fetch(asked[0].sql, *asked[0].arguments)]
        return list(await self.connection.fetchrow(side_by_side(asked), *arguments_of(asked)))

    # ── later ──

    async def later(self, kept: Write) -> None:
        """Keep a write back. What is kept back does not see one another, so a table that is among it already is settled
        first, unless these are more rows of the same."""
        while (each := self._kept.get(kept.table)) is not None:
            more = each.more
            if more and (more, each.sql, each.arguments[more:]) == (kept.more, kept.sql, kept.arguments[more:]):
                rows = [[*old, *new] for old, new in zip(each.arguments[:more], kept.arguments[:more], strict=True)]
                self._kept[kept.table] = each._replace(arguments=(*rows, *each.arguments[more:]))
                return
            await self.settle()  # and somebody beside us may write to it meanwhile
        self._kept[kept.table] = kept

    def context(self, say: Callable[[], str]) -> None:
        """From the next write on the audit trail says this (JSON) of whose work it is. It is spelt out when something is sent:
        who says it again before that has spared it."""
        self._context = say

    async def settle(self) -> None:
        """Send what was kept back, as one statement; it refuses what the database refuses."""
        async with self._turn:
            await self._settle()

    async def _settle(self) -> None:
        if not self._kept and self._context is None:
            return
        # PostgreSQL runs the writes of a statement that nobody reads from beginning with the last.
        kept, self._kept = sorted(self._kept.values(), key=lambda write: write.first), {}
        say, self._context = self._context, None
        facts = say() if say is not None else None
        try:
            await self._write(kept, facts)
        except asyncpg.UniqueViolationError as error:
            table = f"{error.schema_name}.{error.table_name}"
            raise next((each.twice() for each in kept if each.table == table), error) from error
        except asyncpg.PostgresError as error:
            raise refusal_of(error) from error

    async def _write(self, kept: Sequence[Write], facts: str | None) -> None:
        if facts is None:
            await self.connection.execute(together(kept), *arguments_of(kept))
        else:
            await self.connection.execute(together(kept, "app.context"), *arguments_of(kept), facts)

    def drop(self) -> None:
        """Forget what was kept back: its transaction is rolled back."""
        self._kept.clear()
        self._context = None

    def is_closed(self) -> bool:
        return bool(self.connection.is_closed())

    def is_in_transaction(self) -> bool:
        return bool(self.connection.is_in_transaction())


def together(kept: Sequence[Write], *settings: str) -> str:
    """One statement of many writes, each with its own parameters, and of these settings of the transaction, whose values come
    last. What writes runs to its end although nobody reads from it, and after the main query; its triggers come after all of
    it. So they all see what the main query sets."""
    if len(kept) == 1 and not settings:
        return kept[0].sql
    key = (*(each.sql for each in kept), *settings)
    found = _TOGETHER.get(key)
    if found is None:
        parts = parts_of(kept)
        first = sum(len(each.arguments) for each in kept) + 1
        sets = [f"set_config('{name}', ${at}, true)" for at, name in enumerate(settings, start=first)]
        ends = f"SELECT {', '.join(sets) or '1'}"
        found = _TOGETHER[key] = f"WITH {', '.join(parts)} {ends}" if parts else ends
    return found


def side_by_side(asked: Sequence[Question], *settings: str) -> str:
    """One statement that answers all, each with a list of its rows; with these settings of the transaction, whose values come
    last, set before any of them is looked up: CASE is what PostgreSQL promises to evaluate in its order."""
    key = (*(each.sql for each in asked), *settings)
    found = _SIDE_BY_SIDE.get(key)
    if found is None:
        first = sum(len(each.arguments) for each in asked) + 1
        sets = [f"set_config('{name}', ${at}, true) IS NOT NULL" for at, name in enumerate(settings, start=first)]
        # The names are made here, never given.
        answers = [f"ARRAY(SELECT row_{at} FROM part_{at} AS row_{at})" for at in range(len(asked))]  # noqa: S608
        if sets:
            answers = [f"CASE WHEN {' AND '.join(sets)} THEN {answer} END" for answer in answers]
        found = _SIDE_BY_SIDE[key] = f"WITH {', '.join(parts_of(asked))} SELECT {', '.join(answers)}"
    return found


def arguments_of(statements: Iterable[Write | Question]) -> list[Any]:
    """The arguments of all, in their order."""
    return [argument for each in statements for argument in each.arguments]


def parts_of(statements: Iterable[Write | Question]) -> list[str]:
    """Each as a part of one statement, with parameters of its own."""
    parts, before = [], 0
    for at, each in enumerate(statements):
        parts.append(f"part_{at} AS ({_shifted(each.sql, before)})")
        before += len(each.arguments)
    return parts


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
    """What the database refuses in our own words (SQLSTATE class `EN`) is a refusal, or Again; anything else stays an
    error."""
    if error.sqlstate == "EN409":
        return Conflict(str(error.message), **(msgspec.json.decode(error.detail) if error.detail else {}))
    found: BaseException = Again() if error.sqlstate == "EN001" else error
    return found


async def _asked_by_others(steps: Sequence[Step]) -> None:
    """Works among works wait for whoever asks for all of them."""
    await steps[0].waits
