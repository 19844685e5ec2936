"""The grammar of every list: filter, sort, search, cursor, count. A list is declared; its SQL follows."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.sql import visitors

from entrepot.kernel import db
from entrepot.kernel.ctx import Ctx
from entrepot.pure.dates import utc
from entrepot.pure.errors import Invalid, Malformed
from entrepot.pure.ids import parse_id
from entrepot.pure.money import parse as parse_decimal
from entrepot.pure.paging import decode_cursor, encode_cursor

S = TypeVar("S")
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "": lambda column, value: column == value,
    "gte": lambda column, value: column >= value,
    "lte": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "lt": lambda column, value: column < value,
    "ne": lambda column, value: column.is_distinct_from(value),
}
ROUGHLY = {"": "", "gte": "gte", "gt": "gte", "lte": "lte", "lt": "lte"}
"""How a rank compares where an amount compares so."""
RESERVED = frozenset({"limit", "cursor", "sort", "q", "count", "format", "preview", "columns", "view"})
ACTOR: Any = sa.bindparam("actor", type_=pg.UUID(as_uuid=True))
"""Who asks, in the columns of a list with a `scope`."""
DEFAULT_LIMIT, MAX_LIMIT, EXPORT_LIMIT = 50, 200, 100_000


class Page(msgspec.Struct, Generic[S], omit_defaults=True):
    """One page of a list as the API shows it."""

    data: list[S]
    next_cursor: str | None
    total: int | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True)
class Listing(Generic[S]):
    """A list: the rows' shape, what may be searched, and the order when none is asked.

    Every field of the shape can be filtered, every field that is never empty can be sorted by. Rows that are alike in
    what was asked stand in the list's own order, and down is up reversed, so that one index serves both. `key` is the
    field that makes the order total; it must be unique and never empty. Numbers of a row with a currency are amounts of it,
    but for those that `quantities` names. `scope` says what of it the actor may see. The view joins and filters; it groups
    nothing and leaves nothing out that is alike, so that its rows can be counted without their columns."""

    name: str
    view: db.View[S]
    needs: str
    search: Sequence[Any] = ()
    sort: str = "-id"
    key: str = "id"
    hidden: Sequence[str] = ()
    doc: str = ""
    extensible: type[db.Table] | None = None
    quantities: Sequence[str] = ()
    scope: Callable[[Ctx], Sequence[Any]] | None = None
    _kinds: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> dict[str, Any]:
        """Field name to SQL expression."""
        found: dict[str, Any] | None = self.__dict__.get("_columns")
        if found is None:
            labels: list[Any] = list(self.view.select._raw_columns)
            found = {label.name: label.element for label in labels}
            object.__setattr__(self, "_columns", found)
        return found

    @property
    def kinds(self) -> dict[str, Any]:
        if not self._kinds:
            self._kinds.update(get_type_hints(self.view.shape))
        return self._kinds

    def sortable(self, name: str) -> bool:
        return name in self.columns and not _is_optional(self.kinds[name]) and _plain(self.kinds[name]) is not None

    def sought_by(self, name: str) -> Any:
        """The SQL expression that puts rows in the order of a field: an amount's rank where it has one."""
        column = self.columns[name]
        return column.info.get("rank", column) if isinstance(column, sa.Column) else column

    def filterable(self, name: str) -> bool:
        return name in self.columns and _plain(self.kinds[name]) is not None

    def scalar(self, name: str) -> Any:
        """The type a filterable field is compared as."""
        return _plain(self.kinds[name])

    def in_currency(self, name: str) -> bool:
        """Whether a field is an amount of the row's currency: such amounts add up within one currency only."""
        return "currency" in self.columns and name not in self.quantities

    def optional(self, name: str) -> bool:
        return _is_optional(self.kinds[name])


async def read_page(ctx: Ctx, listing: Listing[S], query: Mapping[str, str], *, most: int = MAX_LIMIT) -> Page[S]:
    """One page by the grammar of API.md; refuses with Invalid what names no field or does not fit its type."""
    limit = _limit(query.get("limit"), most)
    order = _order(listing, query.get("sort") or listing.sort)
    conditions = [*conditions_of(listing, query), *scope_of(ctx, listing)]
    sought = [listing.sought_by(name) for name, _ in order]
    select = listing.view.select.where(*conditions).order_by(
        *(column.desc() if down else column.asc() for column, (_, down) in zip(sought, order, strict=True))
    )
    stretches: list[Any] = [sa.true()]
    after = query.get("cursor")
    if after:
        try:
            values = decode_cursor(after, [_plain(listing.kinds[name]) for name, _ in order])
        except Malformed as error:
            raise Invalid.field("cursor", "the cursor is not one of ours") from error
        stretches = _behind(sought, [down for _, down in order], values)
    rows: list[S] = []
    for stretch in stretches:
        sql, arguments = db.compiled(asked_by(ctx, listing, select.where(stretch).limit(limit + 1 - len(rows))))
        rows += [listing.view.make(row) for row in await ctx.connection.fetch(sql, *arguments)]
        if len(rows) > limit:
            break
    cursor = None
    if len(rows) > limit:
        rows = rows[:limit]
        cursor = encode_cursor([_cursor_value(getattr(rows[-1], name)) for name, _ in order])
    total: int | msgspec.UnsetType = msgspec.UNSET
    if query.get("count") == "true":
        total, _ = await totals_of(ctx, listing, query)
    return Page(rows, cursor, total)


async def totals_of(
    ctx: Ctx, listing: Listing[Any], query: Mapping[str, str], summed: str = ""
) -> tuple[int, dict[str, Decimal]]:
    """How many rows there are under these filters, and the sum of a field of theirs, by currency where they have one."""
    filtered = listing.view.select.where(*conditions_of(listing, query), *scope_of(ctx, listing))
    count = sa.func.count(listing.columns[listing.key])
    if not summed:
        sql, arguments = db.compiled(asked_by(ctx, listing, filtered.with_only_columns(count)))
        return await ctx.connection.fetchval(sql, *arguments), {}
    currency = listing.columns["currency"] if listing.in_currency(summed) else sa.literal("")
    grouped = filtered.with_only_columns(currency, count, sa.func.sum(listing.columns[summed])).group_by(sa.text("1"))
    sql, arguments = db.compiled(asked_by(ctx, listing, grouped))
    rows = await ctx.connection.fetch(sql, *arguments)
    return sum(row[1] for row in rows), {row[0]: row[2] for row in rows if row[2] is not None}


async def counts_of(ctx: Ctx, listing: Listing[Any], by: str) -> dict[Any, int]:
    """How many rows there are of each value of a field."""
    column = listing.columns[by]
    counted = (
        listing.view.select.with_only_columns(column, sa.func.count()).where(*scope_of(ctx, listing)).group_by(column)
    )
    sql, arguments = db.compiled(asked_by(ctx, listing, counted))
    return {row[0]: row[1] for row in await ctx.connection.fetch(sql, *arguments)}


def scope_of(ctx: Ctx, listing: Listing[Any]) -> Sequence[Any]:
    """What of a list the actor may see, as SQL conditions; most lists show everything the permission allows."""
    return listing.scope(ctx) if listing.scope is not None else ()


def asked_by(ctx: Ctx, listing: Listing[Any], select: sa.Select[Any]) -> sa.Select[Any]:
    """The statement with `ACTOR` filled in, for lists whose rows look different to everybody."""
    if listing.scope is None:
        return select

    def fill(bound: Any) -> None:
        if bound.key == ACTOR.key:
            bound.value = ctx.actor.id

    found: sa.Select[Any] = visitors.cloned_traverse(select, _IN_PLACE, {"bindparam": fill})
    return found


_IN_PLACE = {"maintain_key": True, "detect_subquery_cols": True}


def _limit(text: str | None, most: int) -> int:
    if text is None:
        return min(DEFAULT_LIMIT, most)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:10]) <= most or len(text) > 10:
        raise Invalid.field("limit", "must be a number from 1 to {most}", most=most)
    return int(text)


def _order(listing: Listing[Any], text: str) -> list[tuple[str, bool]]:
    """The fields to sort by, each with whether it goes down: those asked for, then the rest of the list's own order."""
    own = _fields(listing, listing.sort)
    if listing.key not in dict(own):
        own.append((listing.key, own[0][1]))
    asked = _fields(listing, text)
    name, down = asked[0]
    reverse = down != (own[0][1] if name == own[0][0] else False)
    return asked + [(rest, own_down != reverse) for rest, own_down in own if rest not in dict(asked)]


def _fields(listing: Listing[Any], text: str) -> list[tuple[str, bool]]:
    fields: list[tuple[str, bool]] = []
    for part in text.split(","):
        name = part.strip()
        down = name.startswith("-")
        name = name.lstrip("-")
        if not listing.sortable(name):
            raise Invalid.field(
                "sort",
                "cannot sort by {name}",
                name=name,
                allowed=[n for n in listing.columns if listing.sortable(n)],
            )
        if name not in dict(fields):
            fields.append((name, down))
    return fields


def _behind(columns: Sequence[Any], downs: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    """What comes after a row, as conditions whose rows follow one another. Each is one that an index can seek to: fields
    that are equal, then one comparison of rows for fields that go the same way."""
    bound = [_literal(column, value) for column, value in zip(columns, values, strict=True)]
    turns = [at for at in range(len(downs)) if not at or downs[at] != downs[at - 1]]
    stretches = []
    for since, until in reversed(list(zip(turns, [*turns[1:], len(downs)], strict=True))):
        stretch = [columns[at] == bound[at] for at in range(since)]
        ours, theirs, down = columns[since:until], bound[since:until], downs[since]
        if len({column.table for column in ours if isinstance(column, sa.Column)}) > 1:
            # Fields of several tables are in no index together, but the first of them is.
            stretch.append(ours[0] <= theirs[0] if down else ours[0] >= theirs[0])
        left, right = sa.tuple_(*ours), sa.tuple_(*theirs)
        stretches.append(sa.and_(*stretch, left < right if down else left > right))
    return stretches


def _literal(column: Any, value: Any) -> Any:
    return sa.literal(float(value) if isinstance(column.type, sa.Float) else value, column.type)


def conditions_of(listing: Listing[Any], query: Mapping[str, str]) -> list[Any]:
    """The filters and words of a query as SQL conditions; refuses with Invalid what names no field."""
    conditions = []
    for parameter, text in query.items():
        if parameter in RESERVED:
            continue
        name, _, operator = parameter.partition("__")
        if listing.extensible is not None and name == "custom" and operator:
            conditions.append(listing.extensible.table.c.custom[operator].astext == text)
            continue
        if not listing.filterable(name):
            raise Invalid.field(
                parameter,
                "there is no field {name} to filter by",
                name=name,
                allowed=[n for n in listing.columns if listing.filterable(n)],
            )
        conditions.append(_condition(listing, name, operator, text, parameter))
    words = query.get("q", "").strip()
    if words:
        if not listing.search:
            raise Invalid.field("q", "this list cannot be searched")
        pattern = "%" + words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        conditions.append(sa.or_(*(column.ilike(pattern) for column in listing.search)))
    return conditions


def _condition(listing: Listing[Any], name: str, operator: str, text: str, parameter: str) -> Any:
    column, kind = listing.columns[name], _plain(listing.kinds[name])
    if operator == "in":
        values = [_value(part, kind, parameter) for part in text.split(",")]
        return column == sa.any_(sa.literal(values, sa.ARRAY(column.type)))
    if operator == "contains":
        if kind is not str:
            raise Invalid.field(parameter, "only text can contain something")
        pattern = "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        return column.ilike(pattern)
    if operator == "null":
        return column.is_(None) if text == "true" else column.is_not(None)
    if operator not in OPERATORS:
        raise Invalid.field(
            parameter,
            "there is no comparison {operator}",
            operator=operator,
            allowed=[*OPERATORS, "in", "contains"],
        )
    value = _value(text, kind, parameter)
    condition = OPERATORS[operator](column, sa.literal(value, column.type))
    rank = listing.sought_by(name)
    if rank is column or operator not in ROUGHLY:
        return condition
    # Rows are found by the rank; which of them are meant, the amount itself says.
    return sa.and_(OPERATORS[ROUGHLY[operator]](rank, _literal(rank, value)), condition)


def _value(text: str, kind: Any, parameter: str) -> Any:
    """The text as a value of the field's type; every problem names the parameter."""
    try:
        if kind is str:
            if "\x00" in text:
                raise ValueError(text)
            return text
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[text]
        if kind is int:
            value = int(text)
            if not -(2**63) <= value < 2**63:
                raise ValueError(text)
            return value
        if kind is Decimal:
            return parse_decimal(text)
        if kind is UUID:
            return parse_id(text)
        if kind is datetime:
            moment = msgspec.convert(text if "T" in text else f"{text}T00:00:00Z", datetime)
            return utc(moment if moment.tzinfo else msgspec.convert(f"{text}Z", datetime))
        if kind is date:
            return date.fromisoformat(text)
        return kind(text)
    except (ValueError, KeyError, OverflowError, msgspec.ValidationError, Invalid, Malformed) as error:
        raise Invalid.field(parameter, "this is not a valid value: {value}", value=text[:100]) from error


def _plain(kind: Any) -> Any:
    """The scalar type behind a field's annotation, or None when it is not one."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        return _plain(parts[0]) if len(parts) == 1 else None
    if origin is not None and hasattr(kind, "__metadata__"):
        return _plain(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return kind if kind in (str, bool, int, Decimal, UUID, datetime, date) else None


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def _cursor_value(value: Any) -> Any:
    return str(value.value) if isinstance(value, Enum) else value
