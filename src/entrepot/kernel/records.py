"""Records: things with no rules of their own are declared, and get everything a coded thing has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from entrepot.kernel import db
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.lists import Listing
from entrepot.kernel.routes import Route, delete, get, listing, patch, post
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.events import Event
from entrepot.pure.events import event as named

KERNEL_COLUMNS = ("tenant_id", "id", "created_at", "updated_at", "version", "archived_at", "custom")


class Recorded(db.Extensible):
    """The columns every record has beside its own."""

    archived_at = db.moment_or_none()


class RecordEvent(Event, frozen=True):
    """A record was created, changed or archived; `fields` are its values then."""

    id: UUID
    fields: dict[str, Any]


class Record:
    """`Record(tables.Tag, needs="orders", search=["name"])` gives create, read, update, archive, list with filter, sort
    and search, import and export, routes, pages, events and audit. The day it gets a rule, it gets a command."""

    def __init__(
        self,
        table: type[db.Table],
        *,
        needs: str,
        path: str = "",
        search: Sequence[str] = ("name",),
        sort: str = "name",
        title: str = "",
    ) -> None:
        self.table = table
        self.entity = table.entity
        self.needs = needs
        self.path = path or f"/{table.entity.replace('_', '-')}s"
        self.title = title or table.entity.replace("_", " ").capitalize()
        self.own = [c for c in table.table.columns if c.name not in KERNEL_COLUMNS]
        self.shape = self._shape()
        self.view = db.view(self.shape, table)
        self.listing = Listing(
            name=f"{self.entity}s",
            view=self.view,
            needs=f"{needs}.view",
            search=[table.table.c[name] for name in search],
            sort=sort,
            extensible=table,
            doc=f"Every {self.title.lower()}.",
        )
        self._events = {what: self._event(what) for what in ("created", "updated", "archived")}
        self.create, self.read, self.update, self.archive = self._functions()

    # ── what the manifest gathers ──

    def routes(self) -> list[Route]:
        one = self.path + "/{id}"
        return [
            post(self.path, self.create, then=self.read, created=True),
            listing(self.path, self.listing),
            get(one, self.read),
            patch(one, self.update, then=self.read, table=self.table),
            delete(one, self.archive, then=self.read, table=self.table),
        ]

    def events(self) -> list[type[Event]]:
        return list(self._events.values())

    def permissions(self) -> dict[str, str]:
        """Records live under the permissions of the module that declares them."""
        return {}

    # ── how it is made ──

    def _shape(self) -> type[msgspec.Struct]:
        fields: list[tuple[str, Any]] = [("id", UUID)]
        fields += [(c.name, python_type(c)) for c in self.own]
        fields += [("custom", dict[str, Any]), ("archived_at", datetime | None)]
        fields += [("created_at", datetime), ("updated_at", datetime), ("version", int)]
        return msgspec.defstruct(_title(self.entity), fields, frozen=True, module=self.table.__module__)

    def _input(self, *, partial: bool) -> type[msgspec.Struct]:
        fields: list[Any] = []
        for column in self.own:
            kind = python_type(column)
            if partial or column.nullable or column.server_default is not None:
                fields.append((column.name, kind | msgspec.UnsetType, msgspec.UNSET))
            else:
                fields.append((column.name, kind))
        fields.append(("custom", dict[str, Any], msgspec.field(default_factory=dict)))
        name = f"{'Change' if partial else 'New'}{_title(self.entity)}"
        return msgspec.defstruct(
            name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True, module=self.table.__module__
        )

    def _event(self, what: str) -> type[Event]:
        kind: Any = msgspec.defstruct(
            f"{_title(self.entity)}{what.capitalize()}",
            [],
            bases=(RecordEvent,),
            frozen=True,
            kw_only=True,
            module=self.table.__module__,
            namespace={"__doc__": f"A {self.title.lower()} was {what}; `fields` are its values then."},
        )
        return named(f"{self.entity}.{what}", about="id")(kind)

    def _functions(self) -> tuple[Any, Any, Any, Any]:
        table, entity, shape, view = self.table, self.entity, self.shape, self.view
        new, changed = self._input(partial=False), self._input(partial=True)
        told = self._events

        async def create(ctx: Ctx, body: Any) -> UUID:
            values = _given(body)
            values["custom"] = await ctx.house.fields.checked(ctx, entity, body.custom)
            identifier = await ctx.add(table, **values)
            ctx.emit(told["created"](id=identifier, fields=values))
            return identifier

        async def read(ctx: Ctx, id: UUID) -> Any:
            return await ctx.one(view.where(table.table.c.id == id))

        async def update(ctx: Ctx, id: UUID, body: Any) -> None:
            before: Any = await ctx.hold(view.where(table.table.c.id == id))
            if before.archived_at is not None:
                raise Conflict("this {what} is archived", what=entity)
            values = _given(body)
            if body.custom:
                checked = await ctx.house.fields.checked(ctx, entity, body.custom, whole=False)
                values["custom"] = {k: v for k, v in {**before.custom, **checked}.items() if v is not None}
            if not values:
                raise Invalid("nothing to change", fields=[])
            await ctx.change(table, id, **values)
            ctx.emit(told["updated"](id=id, fields=values))

        async def archive(ctx: Ctx, id: UUID) -> None:
            before: Any = await ctx.hold(view.where(table.table.c.id == id))
            if before.archived_at is None:
                await ctx.change(table, id, archived_at=ctx.now)
                ctx.emit(told["archived"](id=id, fields={}))

        create.__annotations__.update(ctx=Ctx, body=new)
        update.__annotations__.update(ctx=Ctx, id=UUID, body=changed)
        read.__annotations__.update(ctx=Ctx, id=UUID)
        read.__annotations__["return"] = shape
        archive.__annotations__.update(ctx=Ctx, id=UUID)
        create.__annotations__["return"] = UUID
        for function, verb in ((create, "create"), (read, "get"), (update, "change"), (archive, "archive")):
            function.__name__ = f"{verb}_{entity}"
            function.__module__ = table.__module__
            function.__doc__ = f"{verb.capitalize()} a {self.title.lower()}."
        return (
            command(f"{self.needs}.edit")(create),
            command(f"{self.needs}.view")(read),
            command(f"{self.needs}.edit")(update),
            command(f"{self.needs}.edit")(archive),
        )


def python_type(column: sa.Column[Any]) -> Any:
    """The Python type of a column's values."""
    kinds: list[tuple[type, Any]] = [
        (sa.Text, str),
        (sa.Boolean, bool),
        (sa.Integer, int),
        (sa.Numeric, Decimal),
        (sa.DateTime, datetime),
        (sa.Date, date),
        (sa.Uuid, UUID),
        (pg.ARRAY, list[str]),
        (pg.JSONB, Any),
    ]
    kind = next((found for sql, found in kinds if isinstance(column.type, sql)), Any)
    return kind | None if column.nullable and kind is not Any else kind


def _given(body: Any) -> dict[str, Any]:
    return {
        name: getattr(body, name)
        for name in body.__struct_fields__
        if name != "custom" and getattr(body, name) is not msgspec.UNSET
    }


def _title(entity: str) -> str:
    return "".join(part.capitalize() for part in entity.split("_"))
