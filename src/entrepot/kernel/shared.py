"""A transaction that units of several tenants share: one BEGIN and one COMMIT, and what they send at the same moment travels
together. It commits for all of them or for none.

Each sees the rows of its own tenant and no others, because the policies say so as ever: whatever is sent names its tenant
before it looks at anything. Where PostgreSQL promises no order within a statement, as of writes beside a query, a function
of the connection does one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from entrepot.kernel.database import Connection, Database
from entrepot.kernel.line import Line, Question, Write, arguments_of, parts_of, side_by_side, together
from entrepot.kernel.origins import said_sql
from entrepot.kernel.steps import Step, any_of
from entrepot.pure.groups import grouped

ASKED, WRITTEN = "asked", "written"
# What begins so is about the transaction, which is not one unit's own.
_NOBODYS = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "RESET"})


class Sent(NamedTuple):
    """What a unit has sent and waits for: how it is sent (`ASKED`, `WRITTEN`, or the driver's own name for it)."""

    share: Share
    how: str
    sql: str
    arguments: Sequence[Any]
    kept: Sequence[Write]
    answer: asyncio.Future[Any]


class Shared:
    """A connection in a transaction of several units, each of another tenant. While the database does what some of them have
    sent, the others go on, and what they send meanwhile goes together when it is their turn.

    They go on in the order of their tenants, so that two such transactions that want the same rows hardly ever wait for one
    another in a circle."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.connection = connection
        self.made: set[str] = set()  # the functions that stay on this connection when it is committed
        self._there = database.functions_of(connection)
        self._sent: list[Sent] = []
        self._sending: Step | None = None

    def line(self, tenant_id: UUID, context: str) -> SharedLine:
        """What a unit of this tenant has of the connection; `context` (JSON) says whose work it does."""
        return SharedLine(Share(self, tenant_id, context))

    async def do(self, works: Sequence[tuple[SharedLine, Coroutine[Any, Any, Any]]]) -> list[Any]:
        """What these come to, each of which has a line of its own. Where one fails the others are ended, as what they do is
        undone."""
        steps = [Step(work) for _, work in works]
        shares = [(step, line.connection) for step, (line, _) in zip(steps, works, strict=True)]
        in_order = sorted(shares, key=lambda each: each[1].tenant_id)
        try:
            while waits := await self._go_on(in_order):
                await any_of(waits)
        finally:
            for step in steps:
                step.end()
            await self._answered()
        return [step.result for step in steps]

    async def _go_on(self, steps: Sequence[tuple[Step, Share]]) -> list[asyncio.Future[Any]]:
        """Let all go as far as they can, and say what they wait for: the connection, as a rule. Raises what one of them
        failed with."""
        self._send()
        while True:
            waits = []
            for step, share in steps:
                if step.ready and self._sending is not None:
                    await asyncio.sleep(0)  # what was sent may be done, and the database need not wait for what follows
                    self._send()
                if step.goes_on() and not share.waiting:
                    waits.append(step.waits)
                if step.failed is not None:
                    raise step.failed
                if self._sent and self._sent[-1].how != ASKED:
                    self._send()
            self._send()  # all that was asked by now at once, as it takes less time than to send it
            if self._sending is not None:
                waits.append(self._sending.waits)
            if waits or all(step.over for step, _ in steps):
                return waits

    def send(self, sent: Sent) -> None:
        sent.share.waiting += 1
        self._sent.append(sent)

    def _send(self) -> None:
        """Send what waits for it, unless the connection is in use."""
        while self._sending is None or not self._sending.goes_on():
            if not self._sent:
                self._sending = None
                return
            sent, self._sent = self._sent, []
            self._sending = Step(self._answer(sent))

    async def _answered(self) -> None:
        """The connection is free, whatever came of what was sent."""
        while self._sending is not None and self._sending.goes_on():
            await any_of([self._sending.waits])

    async def _answer(self, sent: Sequence[Sent]) -> None:
        try:
            for these in grouped(sent, lambda each: (each.how, each.sql)).values():
                for each, answer in zip(these, await self._answers(these), strict=True):
                    each.share.waiting -= 1
                    each.answer.set_result(answer)
        except Exception as error:
            for each in sent:
                if not each.answer.done():
                    each.share.waiting -= 1
                    each.answer.set_exception(error)

    async def _answers(self, these: Sequence[Sent]) -> Sequence[Any]:
        first, arguments = these[0], [each.arguments for each in these]
        if first.how == ASKED:
            found: Sequence[Any] = await self.connection.fetchmany(first.sql, arguments)
            return found
        if first.how == WRITTEN:
            await self.connection.executemany(await self._call_of(first), arguments)
            return [None] * len(these)
        return [await self._by_itself(each) for each in these]

    async def _by_itself(self, sent: Sent) -> Any:
        await self.connection.execute(said_sql(sent.share.tenant_id, sent.share.said))
        return await getattr(self.connection, sent.how)(sent.sql, *sent.arguments)

    async def _call_of(self, sent: Sent) -> str:
        """The statement that calls the function of these writes, which is made where the connection has none yet."""
        name, call = _named(sent.sql, len(sent.arguments))
        if name not in self.made and name not in self._there:
            kinds = (await self.connection.prepare(sent.sql)).get_parameters()
            signature = ", ".join([*(f"{kind.schema}.{kind.name}" for kind in kinds), "text", "text"])
            body = _BODY.format(tenant=len(kinds) + 1, context=len(kinds) + 2, parts=", ".join(parts_of(sent.kept)))
            await self.connection.execute(f"CREATE FUNCTION {name}({signature}) {body}")
            self.made.add(name)
        return call


class Share:
    """What a unit sees of the connection it shares: what it sends waits for what the others send."""

    __slots__ = ("_shared", "said", "tenant", "tenant_id", "waiting")

    def __init__(self, shared: Shared, tenant_id: UUID, context: str) -> None:
        self._shared = shared
        self.tenant_id = tenant_id
        self.tenant = str(UUID(int=tenant_id.int))
        self.said = context
        self.waiting = 0  # so many of its statements have been sent and not answered

    async def send(self, how: str, sql: str, arguments: Sequence[Any], kept: Sequence[Write] = ()) -> Any:
        if sql.split(None, 1)[0].upper() in _NOBODYS:
            raise TypeError("this concerns the transaction, which several units share")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._shared.send(Sent(self, how, sql, arguments, kept, answer))
        return await answer

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        return await self.send("fetch", sql, arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        return await self.send("fetchrow", sql, arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        return await self.send("fetchval", sql, arguments)

    async def execute(self, sql: str, *arguments: Any) -> Any:
        return await self.send("execute", sql, arguments)

    def is_closed(self) -> bool:
        return bool(self._shared.connection.is_closed())

    def is_in_transaction(self) -> bool:
        return bool(self._shared.connection.is_in_transaction())


class SharedLine(Line):
    """The line of one of several units that share a connection."""

    __slots__ = ()

    connection: Share

    async def _rows_of(self, asked: Sequence[Question]) -> list[list[Any]]:
        share = self.connection
        sql = side_by_side(asked, "app.tenant")
        return list(await share.send(ASKED, sql, (*arguments_of(asked), share.tenant)))

    async def _write(self, kept: Sequence[Write], facts: str | None) -> None:
        share = self.connection
        share.said = facts or share.said
        if kept:
            await share.send(WRITTEN, together(kept), (*arguments_of(kept), share.tenant, share.said), kept)


def _named(sql: str, arguments: int) -> tuple[str, str]:
    """The name of the function that does what a statement does, and its call."""
    found = _NAMED.get(sql)
    if found is None:
        name = f"pg_temp.written_{blake2b(sql.encode(), digest_size=12).hexdigest()}"
        places = ", ".join(f"${at}" for at in range(1, arguments + 1))
        found = _NAMED[sql] = name, f"SELECT {name}({places})"
    return found


_NAMED: dict[str, tuple[str, str]] = {}

# The names of what is selected and written are never those of parameters, which have none.
_BODY = """RETURNS void LANGUAGE plpgsql AS $written$
#variable_conflict use_column
DECLARE
    done int;
BEGIN
    PERFORM set_config('app.tenant', ${tenant}, true), set_config('app.context', ${context}, true);
    WITH {parts} SELECT 1 INTO done;
END
$written$"""
