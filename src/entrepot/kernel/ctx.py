"""`ctx`, the one thing that travels: tenant, actor, transaction, clock and topology of one request, message or job."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Container, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from entrepot.kernel import db
from entrepot.kernel.database import Connection, Database
from entrepot.kernel.line import Again, Line, Write, written
from entrepot.kernel.log import Pending
from entrepot.kernel.memory import Memory
from entrepot.kernel.origins import (
    NIL,
    NOBODY_ELSE,
    SYSTEM,
    Actor,
    Caller,
    Origin,
    Origins,
    by_reference,
    context_of,
)
from entrepot.kernel.writes import insert_sql, update_sql
from entrepot.pure.errors import Conflict, Denied, NotFound, Refusal
from entrepot.pure.events import Event
from entrepot.pure.facade import Facade
from entrepot.pure.ids import new_id

if TYPE_CHECKING:
    from entrepot.kernel.house import House

S = TypeVar("S")
K = TypeVar("K")
Twice = Callable[[], BaseException]  # what it means that a unique key refused a row
F = TypeVar("F", bound=Facade)

__all__ = [
    "NIL",
    "SYSTEM",
    "Actor",
    "Again",
    "Caller",
    "Ctx",
    "Origin",
    "utc_now",
]


class Ctx:
    """One tenant, one transaction. Commands check, ask, change and tell through it; nobody commits but `unit`."""

    __slots__ = (
        "_far",
        "_memory",
        "_now",
        "_spoiled",
        "actor",
        "at_once",
        "caller",
        "changed",
        "connection",
        "database",
        "entity_id",
        "held",
        "house",
        "locale",
        "numbered",
        "origins",
        "pending",
        "preview",
        "served",
        "tenant_id",
        "told",
    )

    def __init__(
        self,
        house: House,
        database: Database,
        connection: Connection | Line,
        tenant_id: UUID,
        actor: Actor,
        *,
        entity_id: UUID | None = None,
        caller: Caller | None = None,
        locale: str | None = None,
        preview: bool = False,
    ) -> None:
        self.house = house
        self.database = database
        self.connection = connection if isinstance(connection, Line) else Line(connection)
        self.tenant_id = tenant_id
        self.actor = actor
        self.entity_id = entity_id or NIL
        self.caller = caller or Caller()
        self.locale = locale or actor.locale
        self.preview = preview
        self.pending: list[Pending] = []
        self.told: set[str] = set()
        self.served: set[str] = set()
        self.origins: Origins = NOBODY_ELSE
        self._now: datetime | None = None
        self._spoiled: Refusal | None = None
        self._far: list[tuple[type[Facade], str, UUID]] = []
        self.changed: set[UUID] = set()
        self.at_once = False  # what is handled now was told by this very unit: nobody can have handled it before
        self.held: dict[Any, Any] = {}  # what was locked ahead of who needs it, and read with its locks
        self.numbered: set[Any] = set()  # the series it took numbers of, which are wrong when it is rolled back
        self._memory = Memory() if preview else house.memory

    # ── who and when ──

    @property
    def now(self) -> datetime:
        """The moment of this unit; the same however often it is asked."""
        if self._now is None:
            self._now = self.house.clock()
        return self._now

    def may(self, permission: str) -> bool:
        return self.actor.may(permission)

    def need(self, permission: str) -> None:
        """Refuses with Denied(missing=...) when the actor lacks the permission."""
        if not self.actor.may(permission):
            raise Denied("you need the permission {missing} for this", missing=permission)

    def origin(self, reference: UUID | str) -> Origin:
        """Whose work it is what concerns this reference: the unit's own, unless it acts for several at once."""
        if self.origins:
            found = self.origins.get(reference) or self.origins.get(str(reference))
            if found is not None:
                return found
        return Origin(self.actor, self.caller)

    async def act_for(self, origins: Mapping[UUID, Origin]) -> None:
        """From here on what concerns one of these references is the work of its own origin: the audit trail, the status
        history and the events say so."""
        await self.connection.settle()
        self.origins = by_reference(origins)
        self.connection.context(partial(context_of, self.actor, self.caller, self.origins))

    async def recall(self, key: Any, ask: Callable[[], Awaitable[S]], good: Callable[[S], bool] | None = None) -> S:
        """What `ask` answers, remembered until somebody changes it; for master data only, and where not every answer is
        worth it those that are `good`. What a preview reads, or a unit that changed some of it, may be undone: they
        remember for themselves."""
        return await self._memory.recall(self.tenant_id, key, ask, good)

    async def recall_each(
        self, kind: Any, keys: Collection[K], ask: Callable[[Collection[K]], Awaitable[Mapping[K, S]]]
    ) -> dict[K, S]:
        """The same one by one, for what a tenant may have many of: `ask` answers for those that are not remembered."""
        return await self._memory.recall_each(self.tenant_id, kind, keys, ask)

    def forget(self) -> None:
        """This unit changed what is remembered of its tenant: it asks again, and so does everybody after the commit."""
        self.changed.add(self.tenant_id)
        self._memory = Memory()

    # ── reading ──

    async def all(self, view: db.View[S]) -> list[S]:
        sql, arguments = db.compiled(view.select)
        return [view.make(row) for row in await self.connection.fetch(sql, *arguments)]

    async def first(self, view: db.View[S]) -> S | None:
        sql, arguments = db.compiled(view.select.limit(1))
        row = await self.connection.fetchrow(sql, *arguments)
        return None if row is None else view.make(row)

    async def one(self, view: db.View[S]) -> S:
        """The one row; NotFound when there is none (or it belongs to another tenant)."""
        found = await self.first(view)
        if found is None:
            raise NotFound("there is no such {what}", what=_what(view))
        return found

    async def hold(self, view: db.View[S]) -> S:
        """The one row, locked until the end of the unit, so that nobody decides on it at the same time."""
        return await self.one(view.locked())

    async def exists(self, table: type[db.Table], *conditions: Any) -> bool:
        select = sa.select(sa.literal(1)).select_from(table.table).where(*conditions).limit(1)
        sql, arguments = db.compiled(select)
        return await self.connection.fetchval(sql, *arguments) is not None

    # ── named raw SQL, for measured hot paths ──

    async def ask(self, sql: str, *arguments: Any, tables: Collection[str]) -> list[Any]:
        """Rows, columns by position, of a statement that overtakes what is written later, because it looks at no other
        tables than these (`schema.name`). What is asked `side_by_side` goes as one statement."""
        return await self.connection.ask(sql, *arguments, tables=tables)

    async def side_by_side(self, *works: Coroutine[Any, Any, Any]) -> list[Any]:
        """What these come to, done beside each other in this transaction."""
        return await self.connection.side_by_side(*works)

    async def rows(self, shape: type[S], sql: str, *arguments: Any) -> list[S]:
        make = db.maker(shape)
        return [make(row) for row in await self.connection.fetch(sql, *arguments)]

    async def row(self, shape: type[S], sql: str, *arguments: Any) -> S | None:
        found = await self.connection.fetchrow(sql, *arguments)
        return None if found is None else db.maker(shape)(found)

    async def value(self, sql: str, *arguments: Any) -> Any:
        return await self.connection.fetchval(sql, *arguments)

    async def run(self, sql: str, *arguments: Any) -> int:
        """Run a statement and say how many rows it touched."""
        status: str = await self.connection.execute(sql, *arguments)
        tail = status.rsplit(" ", 1)[-1]
        return int(tail) if tail.isdigit() else 0

    # ── writing ──

    async def add(self, table: type[db.Table], /, **values: Any) -> UUID:
        """Insert one row and return its id (made here unless given)."""
        moments, identified = self._stamps(table, values)
        row = {**values, **moments} if identified else {**values, **moments, "id": new_id()}
        sql = insert_sql(table, row, many=False)
        await written(self.connection.execute(sql, *row.values()), table.entity)
        return row.get("id", NIL)  # type: ignore[no-any-return]

    async def add_many(
        self,
        table: type[db.Table],
        rows: Iterable[Mapping[str, Any]],
        *,
        alike: Mapping[str, Any] = MappingProxyType({}),
        skip_conflicts: bool = False,
    ) -> int:
        """Insert many rows of the same columns with one statement; returns how many were inserted. Columns that are
        `alike` in all of them need not be in each."""
        sql, arguments = self._many(table, rows, alike, skip_conflicts)
        if not arguments:
            return 0
        status = await written(self.connection.execute(sql, *arguments), table.entity)
        return int(status.rsplit(" ", 1)[-1])

    async def add_later(
        self,
        table: type[db.Table],
        rows: Iterable[Mapping[str, Any]],
        *,
        alike: Mapping[str, Any] = MappingProxyType({}),
        skip_conflicts: bool = False,
        twice: Twice | None = None,
    ) -> None:
        """Insert many rows, as `add_many` does, when the unit next needs the database, together with what else is written
        until then. What a unique key refuses is Conflict, or `twice()`."""
        sql, arguments = self._many(table, rows, alike, skip_conflicts)
        if arguments:
            name = f"{table.table.schema}.{table.table.name}"
            await self.connection.later(Write(name, sql, arguments, twice or partial(_like_this, table.entity)))

    async def run_later(
        self,
        table: str,
        sql: str,
        *arguments: Any,
        twice: Twice | None = None,
        more: int = 0,
        first: bool = False,
    ) -> None:
        """Run a write of one table (`schema.name`) when the unit next needs the database. Where more may come, so many (`more`)
        of the first arguments are lists of new rows, and what is written twice until then is written once with the rows of
        both. What must be locked before the others comes `first`."""
        await self.connection.later(Write(table, sql, arguments, twice or partial(_like_this, table), more, first))

    def _many(
        self, table: type[db.Table], rows: Iterable[Mapping[str, Any]], alike: Mapping[str, Any], skip_conflicts: bool
    ) -> tuple[str, tuple[Any, ...]]:
        """The statement and its arguments; without rows there are none."""
        given = list(rows)
        if not given:
            return "", ()
        names = given[0].keys()
        if any(row.keys() != names for row in given):
            raise TypeError(f"rows of {table.qualified()} with different columns")
        moments, identified = self._stamps(table, {*names, *alike})
        if not identified:
            given = [{**row, "id": new_id()} for row in given]
        once = {**alike, **moments}
        if table.tenanted:
            once["tenant_id"] = self.tenant_id  # its default would be worked out for each row
        sql = insert_sql(table, given[0], alike=once, many=True, skip_conflicts=skip_conflicts)
        return sql, (given, *once.values())

    def _stamps(self, table: type[db.Table], brought: Container[str]) -> tuple[dict[str, datetime], bool]:
        """The moments a new row gets of itself where it does not bring them, and whether it needs no id any more."""
        missing = [name for name in table.stamps if name not in brought]
        return {name: self.now for name in missing if name != "id"}, "id" not in missing

    async def change(self, table: type[db.Table], id: UUID, /, **values: Any) -> None:
        """Change the row with this id and count its version up; NotFound when there is none."""
        if "updated_at" in table.table.c:
            values.setdefault("updated_at", self.now)
        sql = update_sql(table, values)
        status = await written(self.connection.execute(sql, id, *values.values()), table.entity)
        if status == "UPDATE 0":
            raise NotFound("there is no such {what}", what=table.entity)

    async def remove(self, table: type[db.Table], id: UUID, /) -> None:
        """Delete the row with this id; NotFound when there is none."""
        status = await self.connection.execute(f"DELETE FROM {table.qualified()} WHERE id = $1", id)  # noqa: S608
        if status == "DELETE 0":
            raise NotFound("there is no such {what}", what=table.entity)

    # ── telling and asking others ──

    def emit(self, event: Event, *, entity_id: UUID | None = None, about: UUID | None = None) -> None:
        """Write an event to the log in this transaction; it is handled after the commit. `about` is the reference whose
        origin caused it, where that is not the event's own subject."""
        subject = event.subject
        origin = self.origin(about or subject)
        self.pending.append(Pending(new_id(), event, subject, entity_id or self.entity_id, origin))

    def of(self, facade: type[F]) -> F:
        """The facade of another module, near or far."""
        return self.house.topology.of(self, facade)

    def far_told(self, facade: type[Facade], operation: str, reference: UUID) -> None:
        """Remember a hold taken elsewhere, so that it can be given back when this unit fails."""
        self._far.append((facade, operation, reference))

    def far_refused(self) -> None:
        """The last far call was refused, so there is nothing to give back; what an earlier one took stays taken."""
        self._far.pop()

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Try something that may be refused and go on afterwards: what was refused has left nothing behind."""
        pending, far, spoiled = len(self.pending), len(self._far), self._spoiled
        # By hand, for the driver nests only in transactions it began itself. Of equal names the last one is meant.
        await self.connection.execute("SAVEPOINT attempt")
        try:
            yield
            await self.connection.settle()
        except BaseException:
            self.connection.drop()
            if not self.connection.is_closed():
                await self.connection.execute("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
            del self.pending[pending:]
            self.held.clear()  # what was locked since the savepoint is not any more
            self._spoiled = spoiled
            await self.give_back(far)
            raise
        await self.connection.execute("RELEASE SAVEPOINT attempt")

    @asynccontextmanager
    async def everywhere(self) -> AsyncIterator[None]:
        """Step into the system role, which sees the marked tables of every tenant; for the tenant directory alone."""
        await self.connection.execute("SET LOCAL ROLE entrepot_system")
        try:
            yield
        finally:
            # A failed transaction takes no more statements; its end, or that of its savepoint, resets the role.
            with contextlib.suppress(asyncpg.InFailedSQLTransactionError, asyncpg.InterfaceError):
                await self.connection.execute("RESET ROLE")

    def spoil(self, refusal: Refusal) -> None:
        """A neighbour refused after it may have written: this unit must not commit unless `attempt` undid it."""
        self._spoiled = refusal

    @property
    def spoiled(self) -> Refusal | None:
        return self._spoiled

    async def give_back(self, since: int = 0) -> None:
        """Undo the holds taken elsewhere since then; what cannot be reached expires there by itself."""
        for facade, operation, reference in reversed(self._far[since:]):
            await self.house.topology.undo(self, facade, operation, reference)
        del self._far[since:]


def _like_this(entity: str) -> Conflict:
    return Conflict("there already is a {what} like this", what=entity)


def utc_now() -> datetime:
    return datetime.now(UTC)


def _what(view: db.View[Any]) -> str:
    source: Any = view.select.get_final_froms()
    first = source[0]
    while hasattr(first, "left"):
        first = first.left
    return str(first.info["class"].entity) if getattr(first, "info", None) else "row"
