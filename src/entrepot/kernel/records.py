"""Records: things with no rules of their own are declared, and get everything a coded thing has."""

from __future__ import annotations

import csv
import io
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
from entrepot.kernel.routes import Route, delete, get, handler, listing, patch, post
from entrepot.kernel.sheets import FORMULA
from entrepot.pure.errors import Conflict, Invalid, Malformed, Refusal
from entrepot.pure.events import Event
from entrepot.pure.events import event as named

MOST_ROWS = 10_000
KERNEL_COLUMNS = ("tenant_id", "id", "created_at", "updated_at", "version", "archived_at", "custom")


class Recorded(db.Extensible):
    """The columns every record has beside its own."""

    archived_at = db.moment_or_none()


class RefusedRow(msgspec.Struct, frozen=True):
    """A row of a file that did not come in, and why; counted from 1, the header not."""

    row: int
    reason: str


class BroughtIn(msgspec.Struct, frozen=True):
    """What an import did."""

    created: int
    refused: list[RefusedRow]


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
        self.bring_in = self._import()

    # ── what the manifest gathers ──

    def routes(self) -> list[Route]:
        one = self.path + "/{id}"
        return [
            post(self.path, self.create, then=self.read, created=True),
            listing(self.path, self.listing),
            handler(
                "POST",
                f"{self.path}/import",
                self.bring_in,
                needs=f"{self.needs}.edit",
                consumes="text/csv",
            ),
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

    def _import(self) -> Any:
        new = self._input(partial=False)

        async def bring_in(ctx: Ctx, request: Any) -> BroughtIn:
            made, refused = 0, []
            for number, row in enumerate(_sheet(await request.body()), start=1):
                if number > MOST_ROWS:
                    raise Invalid.field("file", "must be at most {most} rows", most=MOST_ROWS)
                try:
                    body = msgspec.convert(_cells(row, new), new, strict=False)
                    async with ctx.attempt():
                        await self.create(ctx, body)
                    made += 1
                except (Refusal, msgspec.ValidationError) as problem:
                    refused.append(RefusedRow(number, str(problem)))
            return BroughtIn(made, refused)

        bring_in.__name__ = f"import_{self.entity}"
        bring_in.__module__ = self.table.__module__
        bring_in.__doc__ = (
            f"Bring in a CSV file of {self.title.lower()} rows; each comes in or is listed with the reason."
        )
        return bring_in

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


def _sheet(content: bytes) -> list[dict[str | None, Any]]:
    """The rows of a CSV file; refuses with Malformed what is none."""
    try:
        text = content.decode("utf-8-sig")
        if "\x00" in text:
            raise csv.Error
        return list(csv.DictReader(io.StringIO(text), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed("this is not a CSV file in UTF-8") from error


def _cells(row: dict[str | None, Any], new: type[msgspec.Struct]) -> dict[str, Any]:
    """A row of a sheet as the values of a new record: empty cells are left out, `custom.x` is a field of the tenant's
    own, and what only the system writes is passed over, so that an export can come back in."""
    values: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for name, text in row.items():
        if name is None or text in (None, "") or name in KERNEL_COLUMNS:
            continue
        if name.startswith("custom."):
            custom[name.removeprefix("custom.")] = text
        else:
            # The leading quote is what an export puts before text that a spreadsheet would take for a formula.
            values[name] = text[1:] if text.startswith("'") and text[1:2] in FORMULA else text
    if custom:
        values["custom"] = custom
    return values


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
