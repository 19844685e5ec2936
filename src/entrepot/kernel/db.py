"""Tables as typed columns, reads as structs, and SQLAlchemy Core statements run straight on the driver."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

S = TypeVar("S")
T = TypeVar("T")


METADATA = sa.MetaData()
CURRENT_TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"
_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_COMPILED: dict[Any, Any] = {}


# ── columns ────────────────────────────────────────────────────────────────────────────────────────────────────────


if TYPE_CHECKING:

    class Col(sa.Column[T]):
        """A column as a class attribute is the column itself."""

        def __get__(self, instance: Any, owner: Any) -> Col[T]: ...  # type: ignore[override]

else:
    Col = sa.Column


def _column(kind: Any, *parts: Any, **options: Any) -> Col[Any]:
    made: Any = sa.Column(kind, *parts, **options)
    return cast("Col[Any]", made)


def text(**options: Any) -> Col[str]:
    return _column(sa.Text(), **{"nullable": False, **options})


def text_or_none(**options: Any) -> Col[str | None]:
    return _column(sa.Text(), **{"nullable": True, **options})


def integer(**options: Any) -> Col[int]:
    return _column(sa.BigInteger(), **{"nullable": False, **options})


def decimal(**options: Any) -> Col[Decimal]:
    """An exact number that keeps the decimals it was given: 1190.00 stays 1190.00."""
    return _column(sa.Numeric(), **{"nullable": False, **options})


def decimal_or_none(**options: Any) -> Col[Decimal | None]:
    return _column(sa.Numeric(), **{"nullable": True, **options})


def ranked(of: str) -> Col[float]:
    """What lists sort and seek a decimal of the same row by. A function that compares decimals may fail and so tell of rows
    that a policy hides, which is why PostgreSQL lets no index find them under row-level security; floats it does. Amounts
    that agree in their first fifteen digits count as equal in the order. The rank of `total` is called `total_rank`, by which
    the audit trail knows what to leave out."""
    computed = sa.Computed(f"{of}::double precision", persisted=True)
    return _column(pg.DOUBLE_PRECISION(), computed, nullable=False, info={"rank_of": of})


def flag(default: bool = False, **options: Any) -> Col[bool]:
    return _column(sa.Boolean(), **{"nullable": False, "server_default": sa.text(str(default).lower()), **options})


def moment(**options: Any) -> Col[datetime]:
    return _column(sa.DateTime(timezone=True), **{"nullable": False, **options})


def moment_or_none(**options: Any) -> Col[datetime | None]:
    return _column(sa.DateTime(timezone=True), **{"nullable": True, **options})


def day(**options: Any) -> Col[date]:
    return _column(sa.Date(), **{"nullable": False, **options})


def day_or_none(**options: Any) -> Col[date | None]:
    return _column(sa.Date(), **{"nullable": True, **options})


def uuid(**options: Any) -> Col[UUID]:
    return _column(pg.UUID(as_uuid=True), **{"nullable": False, **options})


def uuid_or_none(**options: Any) -> Col[UUID | None]:
    return _column(pg.UUID(as_uuid=True), **{"nullable": True, **options})


def json(default: str | None = "{}", **options: Any) -> Col[Any]:
    server = {} if default is None else {"server_default": sa.text(f"'{default}'::jsonb")}
    return _column(pg.JSONB(), **{"nullable": default is None, **server, **options})


def texts(**options: Any) -> Col[list[str]]:
    """A short list of words: tags, scopes, permissions."""
    return _column(pg.ARRAY(sa.Text()), **{"nullable": False, "server_default": sa.text("'{}'"), **options})


# ── tables ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Table:
    """A table of a module's own schema: class Product(Tenanted, table="product", schema="catalog").

    The class attributes are the SQLAlchemy columns themselves, so `Product.sku == "A"` is an SQL expression.
    `audited` rows leave a trace in the audit trail whoever writes them; `masked` columns are secret and left out of it.
    `append_only` rows have no UPDATE or DELETE right for the application. `extensible` tables carry `custom`.
    Parts of something whole are found by it and their place in it: that is their `key`, and `id` needs no index.
    """

    table: ClassVar[sa.Table]
    entity: ClassVar[str] = ""
    tenanted: ClassVar[bool] = False
    audited: ClassVar[bool] = True
    append_only: ClassVar[bool] = False
    extensible: ClassVar[bool] = False
    masked: ClassVar[tuple[str, ...]] = ()
    system: ClassVar[bool] = False
    constraints: ClassVar[tuple[Any, ...]] = ()
    stamps: ClassVar[tuple[str, ...]] = ()  # what a new row gets of itself

    def __init_subclass__(
        cls,
        *,
        table: str = "",
        schema: str = "",
        entity: str | None = None,
        audited: bool = True,
        append_only: bool = False,
        masked: tuple[str, ...] = (),
        system: bool = False,
        fillfactor: int | None = None,
        key: tuple[str, ...] = ("id",),
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if not table:
            return
        cls.entity = entity or table
        cls.audited = audited and not append_only
        cls.append_only = append_only
        cls.system = system
        columns: dict[str, sa.Column[Any]] = {}
        for base in reversed(cls.__mro__):
            for name, value in list(vars(base).items()):
                if isinstance(value, sa.Column):
                    columns[name] = value if base is cls else value._copy()
        arguments = cls.constraints(cls) if callable(cls.constraints) else cls.constraints
        for name, column in columns.items():
            column.name = column.key = name
            setattr(cls, name, column)
        ranks = {name: column.info["rank_of"] for name, column in columns.items() if "rank_of" in column.info}
        if {name: name.removesuffix("_rank") for name in columns if _called_after(name, columns)} != ranks:
            raise TypeError(
                f"{schema}.{table}: the rank of a column, and nothing else, is called after it (total_rank)"
            )
        if "id" in columns:
            primary = ("tenant_id", *key) if cls.tenanted else key
            arguments = (sa.PrimaryKeyConstraint(*primary, name=f"{table}_pkey"), *arguments)
        cls.table = sa.Table(
            table,
            METADATA,
            *columns.values(),
            *arguments,
            schema=schema,
            info={"class": cls, "fillfactor": fillfactor},
        )
        for name, of in ranks.items():
            cls.table.c[of].info["rank"] = cls.table.c[name]
        cls.masked = masked
        cls.stamps = tuple(name for name in ("id", "created_at", "updated_at") if name in columns)
        TABLES.append(cls)

    @classmethod
    def qualified(cls) -> str:
        """schema.table as SQL text."""
        return f'{cls.table.schema}."{cls.table.name}"'


def _called_after(name: str, columns: Collection[str]) -> bool:
    return name.endswith("_rank") and name.removesuffix("_rank") in columns


TABLES: list[type[Table]] = []


class Tenanted(Table):
    """A table whose rows belong to a tenant. The database filters by `tenant_id`, fills it, and takes no other, so our
    statements need not name it. Where many rows are written they do: what fills it is worked out for each of them."""

    tenanted = True
    tenant_id = uuid(server_default=sa.text(CURRENT_TENANT))


class Stamped(Tenanted):
    """What can be edited: `version` is its ETag."""

    id = uuid()
    created_at = moment(server_default=sa.text("now()"))
    updated_at = moment(server_default=sa.text("now()"))
    version = integer(server_default=sa.text("1"))


class Extensible(Stamped):
    """A table that tenants may give fields of their own."""

    extensible = True
    custom = json()


def unique(*columns: str, where: str | None = None, name: str | None = None) -> Any:
    """A unique index within the tenant."""
    return _Index(columns, True, where, name, None)


def index(*columns: str, where: str | None = None, name: str | None = None, using: str | None = None) -> Any:
    """An index within the tenant; `-column` is descending."""
    return _Index(columns, False, where, name, using)


class _Index(sa.schema.SchemaItem):
    """Declared beside the columns, made when the table is known; leads with tenant_id so that tenants can be spread."""

    __visit_name__ = "index_declaration"

    def __init__(
        self,
        columns: tuple[str, ...],
        is_unique: bool,
        where: str | None,
        name: str | None,
        using: str | None,
    ):
        self.columns, self.is_unique, self.where, self.label, self.using = (
            columns,
            is_unique,
            where,
            name,
            using,
        )

    def _set_parent(self, parent: Any, **kw: Any) -> None:
        table: sa.Table = parent
        names = [c.lstrip("-") for c in self.columns]
        parts: list[Any] = [
            table.c[c[1:]].desc() if c.startswith("-") else (table.c[c] if c in table.c else sa.text(c))
            for c in self.columns
        ]
        if "tenant_id" in table.c and self.using is None:
            parts.insert(0, table.c.tenant_id)
        plain = "_".join("".join(ch if ch.isalnum() else "_" for ch in n) for n in names)
        label = self.label or f"{table.name}_{plain}_{'key' if self.is_unique else 'idx'}"
        options: dict[str, Any] = {"postgresql_where": sa.text(self.where)} if self.where else {}
        if self.using:
            options["postgresql_using"] = self.using
        sa.Index(label[:63], *parts, unique=self.is_unique, _table=table, **options)


# ── reads ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class View(Generic[S]):
    """A read whose result is a list of structs; each shape is the exact list of columns."""

    __slots__ = ("make", "select", "shape")

    def __init__(self, shape: type[S], select: sa.Select[Any], make: Callable[[Sequence[Any]], S]) -> None:
        self.shape = shape
        self.select = select
        self.make = make

    def _with(self, select: sa.Select[Any]) -> View[S]:
        return View(self.shape, select, self.make)

    def where(self, *conditions: Any) -> View[S]:
        return self._with(self.select.where(*conditions))

    def join(self, target: type[Table], on: Any, *, outer: bool = False) -> View[S]:
        return self._with(self.select.join(target.table, on, isouter=outer))

    def order_by(self, *columns: Any) -> View[S]:
        return self._with(self.select.order_by(*columns))

    def group_by(self, *columns: Any) -> View[S]:
        return self._with(self.select.group_by(*columns))

    def limit(self, rows: int) -> View[S]:
        return self._with(self.select.limit(rows))

    def locked(self, *, skip: bool = False) -> View[S]:
        return self._with(self.select.with_for_update(skip_locked=skip))


def view(shape: type[S], table: type[Table], /, **expressions: Any) -> View[S]:
    """Read `shape` from `table`: each field of the struct is the column of that name, or the expression given for it."""
    names = shape.__struct_fields__  # type: ignore[attr-defined]
    columns = []
    for name in names:
        expression = expressions.get(name)
        if expression is None:
            expression = table.table.c.get(name)
        if expression is None:
            raise TypeError(f"{shape.__name__}.{name} is neither a column of {table.qualified()} nor given")
        columns.append(expression.label(name))
    return View(shape, sa.select(*columns).select_from(table.table), maker(shape))


def maker(shape: type[S]) -> Callable[[Sequence[Any]], S]:
    """How to make the struct from a row. Fields that need no conversion cost nothing."""
    found = _MAKERS.get(shape)
    if found is None:
        hints = get_type_hints(shape)
        fields: tuple[str, ...] = shape.__struct_fields__  # type: ignore[attr-defined]
        conversions = [
            (at, _conversion(hints[name])) for at, name in enumerate(fields) if _needs_conversion(hints[name])
        ]
        if not conversions:

            def found(row: Sequence[Any]) -> Any:
                return shape(*row)
        else:

            def found(row: Sequence[Any]) -> Any:
                values = list(row)
                for at, convert in conversions:
                    values[at] = convert(values[at])
                return shape(*values)

        _MAKERS[shape] = found
    return found


def extended(shape: type[S], head: Any, **more: Any) -> S:
    """The struct `shape` from a smaller one and what it has more: a head with its lines."""
    return shape(**{name: getattr(head, name) for name in head.__struct_fields__}, **more)


_MAKERS: dict[type[Any], Callable[[Sequence[Any]], Any]] = {}


def _needs_conversion(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return any(_needs_conversion(part) for part in get_args(kind))
    if origin in (list, dict, tuple):
        return any(_needs_conversion(part) for part in get_args(kind))
    return isinstance(kind, type) and issubclass(kind, (msgspec.Struct, enum.Enum))


def _conversion(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of the database one of this kind."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    return partial(msgspec.convert, type=kind, strict=False)


def compiled(statement: Any) -> tuple[str, list[Any]]:
    """The SQL text and its arguments; the text is compiled once per shape of statement."""
    result, extracted, *_ = statement._compile_w_cache(
        _DIALECT, compiled_cache=_COMPILED, column_keys=[], for_executemany=False, schema_translate_map=None
    )
    parameters = result.construct_params(extracted_parameters=extracted, _check=False)
    if result.post_compile_params or result.literal_execute_params:
        expanded = result._process_parameters_for_postcompile(parameters)
        values = {**parameters, **expanded.additional_parameters}
        return expanded.statement, [values[name] for name in expanded.positiontup]
    return result.string, [parameters[name] for name in result.positiontup or ()]


def pg_type(table: type[Table], name: str) -> str:
    """The PostgreSQL type of a column as SQL text."""
    return str(table.table.c[name].type.compile(_DIALECT))
