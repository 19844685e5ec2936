"""What happened to one thing: its changes, events and notes, latest first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import describe
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.ui.forms import path_values
from entrepot.kernel.ui.labels import label_of
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import Invalid
from entrepot.pure.ids import new_id


class Happening(msgspec.Struct, frozen=True):
    """One line of the timeline."""

    at: str
    exact: str
    icon: str
    text: str
    who: str
    details: list[tuple[str, str, str]] = []
    body: str = ""


async def timeline_of(visit: Visit, ctx: Ctx, entity: str, identifier: UUID) -> list[Happening]:
    """Changes, events and notes of one entity, latest first."""
    rows = await ctx.connection.fetch(_TIMELINE, identifier, str(identifier))
    return [_happening(visit, row, ctx.now) for row in rows]


def _happening(visit: Visit, row: Any, now: datetime) -> Happening:
    details: list[tuple[str, str, str]] = []
    if row["kind"] == "note":
        text, icon = visit.t("Note"), "message"
    elif row["kind"] == "event":
        text, icon = visit.t(label_of(str(row["what"]).replace(".", " "))), "circle-check"
    else:
        text, icon = (
            visit.t(_CHANGES[row["what"]]),
            {"create": "plus", "update": "pencil", "delete": "trash"}[row["what"]],
        )
        if row["what"] == "update":
            details = _differences(visit, row["old"] or {}, row["new"] or {})
    return Happening(
        at=visit.formats.ago(row["at"], now),
        exact=visit.formats.long_moment(row["at"]),
        icon=icon,
        text=text,
        who=row["who"] or "",
        details=details,
        body=row["body"] or "",
    )


def _differences(visit: Visit, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (visit.label(name), _told(visit, old.get(name)), _told(visit, new.get(name)))
        for name in new
        if name not in ("version", "updated_at")
    ]


def _told(visit: Visit, value: Any) -> str:
    """A value of the audit trail, where moments are written as text, as a page tells it."""
    if isinstance(value, str) and _MOMENT.match(value):
        value = datetime.fromisoformat(value)
    return visit.formats.cell(value).text[:60]


async def add_note(visit: Visit) -> None:
    """Leave a note on an entity one can see."""
    place = visit.place
    assert place is not None
    text = (await visit.data()).get("body", [""])[-1].strip()
    values = path_values(visit, place, place.page.query)
    if not text:
        raise Invalid.field("body", "this field is required")
    if len(text) > 5000:
        raise Invalid.field("body", "must be at most {most} characters", most=5000)
    async with visit.unit() as ctx:
        shown = await place.page.query(
            ctx, **{k: v for k, v in values.items() if k in describe(place.page.query).parameters}
        )
        await ctx.run(
            "INSERT INTO kernel.note (id, entity_type, entity_id, body, at, author, author_name) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)",
            new_id(),
            place.entity,
            shown.id,
            text,
            ctx.now,
            ctx.actor.id,
            ctx.actor.name,
        )
    await visit.go(place.at(visit.exchange.values), said="Note added")


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d$")
_CHANGES = {"create": "Created", "update": "Changed", "delete": "Removed"}

_TIMELINE = """
SELECT * FROM (
    (SELECT 'change' AS kind, action AS what, at, actor_name AS who, kernel.trailed(old) AS old,
            kernel.trailed(new, made) AS new, NULL::text AS body
     FROM kernel.audit_trail WHERE entity_id = $1 ORDER BY seq DESC LIMIT 30)
    UNION ALL
    (SELECT 'event', name, at, NULL, NULL, NULL, NULL FROM kernel.event WHERE subject = $2
     AND name NOT IN ('status.changed') ORDER BY seq DESC LIMIT 30)
    UNION ALL
    (SELECT 'note', '', at, author_name, NULL, NULL, body FROM kernel.note WHERE entity_id = $1
     ORDER BY at DESC LIMIT 30)
) happened ORDER BY at DESC LIMIT 40
"""
