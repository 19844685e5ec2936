"""Number series: per business entity, document type and year; taken in the transaction that uses them, so no gap."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.pure.errors import Invalid, NotFound

if TYPE_CHECKING:
    from entrepot.kernel.module import Series as Declared

PATTERN = re.compile(r"^[^{}]*(\{year\}|\{month\}|\{entity\}|[^{}])*\{number\}(\{year\}|\{month\}|\{entity\}|[^{}])*$")
MAX_AT_ONCE = 10_000
# Seconds that a series is remembered; who took of it elsewhere makes a guess fail, never a number wrong.
GUESSED_FOR = 600.0
ASKED_FOR = 1.0  # seconds that nobody guesses after a wrong one: processes that sell of one series are wrong once in it
_TABLES = ("kernel.number_series",)
_ROW = ("entity_id", "document_type", "year", "first", "count", "pattern", "padding")
_ASK = "asked"
Name = tuple[str, UUID, str, int]


class Series(NamedTuple):
    """How the numbers of a series look."""

    pattern: str
    padding: int

    def text(self, number: int, on: date, entity_code: str) -> str:
        return self.pattern.format(
            number=str(number).zfill(self.padding), year=on.year, month=f"{on.month:02d}", entity=entity_code
        )


class Next(NamedTuple):
    """The number that follows in a series, as far as this process knows."""

    number: int
    series: Series


async def take(ctx: Ctx, document_type: str, *, on: date | None = None, entity_id: UUID | None = None) -> str:
    """The next number of a series. The series stays locked until the unit ends, so take it late; a rollback gives
    the number back, which is why there is never a gap and never a duplicate."""
    return (await take_many(ctx, document_type, 1, on=on, entity_id=entity_id))[0]


async def take_many(
    ctx: Ctx,
    document_type: str,
    count: int,
    *,
    on: date | None = None,
    entity_id: UUID | None = None,
    guess: bool = False,
) -> list[str]:
    """Several consecutive numbers at once.

    A unit that is run again when it raises Again may `guess` them from what was taken last: then they are taken with what
    it writes later, and it is told Again where somebody else was ahead. Those of a series that is not gapless only if it
    waits for nothing from then on: others hold what it would wait for while they take a number beside their transaction."""
    if not 0 < count <= MAX_AT_ONCE:
        raise Invalid.field("count", "must be a number from 1 to {most}", most=MAX_AT_ONCE)
    declared = ctx.house.catalogue.series.get(document_type)
    if declared is None:
        raise NotFound("there is no number series for {document_type}", document_type=document_type)
    on = on or ctx.now.date()
    entity = entity_id or ctx.entity_id
    year = on.year if declared.yearly else 0
    name = _name(entity, document_type, year)
    following = _guessed(ctx, name) if guess else None
    if following is not None:
        if name in ctx.numbered:
            await ctx.connection.settle()  # one statement takes of a series once
        row = dict(zip(_ROW, (entity, document_type, year, following.number, count, *following.series), strict=True))
        await ctx.run_later("kernel.number_series", _ADVANCE, [row], more=1, first=True)
        ctx.numbered.add(name)
    elif declared.gapless or ctx.preview:
        following = await _asked(ctx, entity, declared, year, count)
        ctx.numbered.add(name)
    else:
        key = (ctx.tenant_id, entity, document_type, year, declared.pattern, declared.padding)
        number, pattern, padding = await ctx.house.counters(ctx.database).take(key, count)
        following = Next(number, Series(pattern, padding))
    _remember(ctx, name, Next(following.number + count, following.series))
    return await _texts(ctx, following.series, following.number, count, on, entity)


async def _asked(ctx: Ctx, entity: UUID, declared: Declared, year: int, count: int) -> Next:
    rows = await ctx.ask(_TAKE, entity, declared.document_type, year, count, tables=_TABLES)
    if not rows:
        await ctx.run(_OPEN, entity, declared.document_type, year, declared.pattern, declared.padding)
        rows = await ctx.ask(_TAKE, entity, declared.document_type, year, count, tables=_TABLES)
    following, *looks = rows[0]
    return Next(following - count, Series(*looks))


def _name(entity: UUID, document_type: str, year: int) -> Name:
    """Under which a series is remembered."""
    return ("series", entity, document_type, year)


def _guessed(ctx: Ctx, name: Name) -> Next | None:
    found: Next | None = None if ctx.preview else ctx.house.memory.noted(ctx.tenant_id, name)
    return found


def _remember(ctx: Ctx, name: Name, following: Next) -> None:
    memory = ctx.house.memory
    if not ctx.preview and not memory.noted(ctx.tenant_id, (_ASK, *name)):
        memory.note(ctx.tenant_id, name, following, seconds=GUESSED_FOR)


def unsure(ctx: Ctx) -> None:
    """This unit was rolled back: its numbers were not taken, or others were ahead. For a moment nobody guesses."""
    for name in ctx.numbered:
        ctx.house.memory.note(ctx.tenant_id, name, None)
        ctx.house.memory.note(ctx.tenant_id, (_ASK, *name), seconds=ASKED_FOR)


async def give_back(ctx: Ctx, document_type: str, count: int, *, on: date, entity_id: UUID) -> None:
    """Give back the last numbers of a gapless series that this unit took and does not use after all. Nobody can have taken
    others since: the series is locked."""
    declared = ctx.house.catalogue.series[document_type]
    if not declared.gapless:
        raise TypeError(f"others may have taken numbers of {document_type} since")
    year = on.year if declared.yearly else 0
    await ctx.run(_GIVE_BACK, entity_id, document_type, year, count)
    ctx.house.memory.note(ctx.tenant_id, _name(entity_id, document_type, year), None)


async def _texts(ctx: Ctx, series: Series, first: int, count: int, on: date, entity: UUID) -> list[str]:
    code = await entity_code(ctx, entity) if "{entity}" in series.pattern else ""
    return [series.text(number, on, code) for number in range(first, first + count)]


async def define(
    ctx: Ctx,
    document_type: str,
    *,
    pattern: str,
    padding: int,
    next: int,
    year: int,
    entity_id: UUID | None = None,
) -> None:
    """Say how the numbers of a series look and where they go on. Refuses to go back: a number is given once."""
    if not PATTERN.match(pattern):
        raise Invalid.field("pattern", "needs {{number}} once; may have {{year}}, {{month}} and {{entity}}")
    if not 1 <= padding <= 12:
        raise Invalid.field("padding", "must be a number from 1 to {most}", most=12)
    moved = await ctx.run(_DEFINE, entity_id or ctx.entity_id, document_type, year, pattern, padding, next)
    if not moved:
        raise Invalid.field("next", "numbers up to this one were given already")


async def entity_code(ctx: Ctx, entity: UUID) -> str:
    """The short code of a business entity, as the tenant's settings know it."""
    code = await ctx.house.settings.value(ctx, "platform.entity_code", entity_id=entity)
    return str(code)


_TAKE = """
UPDATE kernel.number_series SET next = next + $4
WHERE entity_id = $1 AND document_type = $2 AND year = $3 RETURNING next, pattern, padding
"""
_ADVANCE = """
UPDATE kernel.number_series s
SET next = kernel.advanced(s.next, u.first, u.count, s.pattern = u.pattern AND s.padding = u.padding)
FROM json_to_recordset($1::json) AS u(entity_id uuid, document_type text, year int, first bigint, count int,
                                      pattern text, padding int)
WHERE s.entity_id = u.entity_id AND s.document_type = u.document_type AND s.year = u.year
"""
_GIVE_BACK = """
UPDATE kernel.number_series SET next = next - $4 WHERE entity_id = $1 AND document_type = $2 AND year = $3
"""
_OPEN = """
INSERT INTO kernel.number_series (entity_id, document_type, year, pattern, padding)
SELECT $1, $2, $3, coalesce(last.pattern, $4), coalesce(last.padding, $5)
FROM (SELECT 1) one LEFT JOIN LATERAL (
    SELECT pattern, padding FROM kernel.number_series
    WHERE entity_id = $1 AND document_type = $2 ORDER BY year DESC LIMIT 1) last ON true
ON CONFLICT DO NOTHING
"""
_DEFINE = """
INSERT INTO kernel.number_series AS s (entity_id, document_type, year, pattern, padding, next)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, entity_id, document_type, year)
DO UPDATE SET pattern = $4, padding = $5, next = $6 WHERE $6 >= s.next
"""
