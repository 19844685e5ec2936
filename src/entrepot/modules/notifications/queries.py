"""Reads of notifications: what the actor should know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from entrepot.kernel import access
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import View, compiled, view
from entrepot.kernel.lists import ACTOR, Listing
from entrepot.modules.notifications.tables import Notice, Reading
from entrepot.pure.said import Said


class NoticeShown(msgspec.Struct, frozen=True):
    """A notice: what happened, last when, how often, and whether the reader has seen it since."""

    id: UUID
    notice: Said
    kind: str
    count: int
    happened_at: datetime
    unread: bool
    path: str


def mine(ctx: Ctx) -> Sequence[Any]:
    """What the actor may read: what is for them, and what is for a permission they have."""
    held = sorted(ctx.actor.permissions)
    bundle = sa.func.split_part(Notice.permission, ".", 1) + ".*"
    given = sa.literal(held, sa.ARRAY(sa.Text))
    allowed = sa.and_(Notice.permission != "", sa.or_(Notice.permission == sa.any_(given), bundle == sa.any_(given)))
    if "*" in held or ctx.actor.kind == "system":
        allowed = Notice.permission != ""
    return [sa.or_(Notice.user_id == ctx.actor.id, allowed)]


def seen_by(reader: Any) -> View[NoticeShown]:
    """The notices there are, as one reader sees them."""
    read = (
        sa.select(sa.literal(1))
        .where(Reading.notice_id == Notice.id, Reading.user_id == reader, Reading.read_at >= Notice.at)
        .correlate(Notice.table)
        .exists()
    )
    shown = view(NoticeShown, Notice, notice=Notice.said, happened_at=Notice.at, unread=~read)
    return shown.where(Notice.archived_at.is_(None))


NOTICES = Listing(
    name="notices",
    view=seen_by(ACTOR),
    needs="any",
    sort="-happened_at",
    scope=mine,
)


def own(ctx: Ctx) -> View[NoticeShown]:
    """The notices of the actor."""
    return seen_by(sa.literal(ctx.actor.id, pg.UUID(as_uuid=True))).where(*mine(ctx))


# ── offered ──


async def latest(ctx: Ctx, limit: int) -> list[access.Notice]:
    found = await ctx.all(own(ctx).order_by(Notice.at.desc(), Notice.id.desc()).limit(limit))
    return [
        access.Notice(id=one.id, said=one.notice, at=one.happened_at, path=one.path, unread=one.unread, count=one.count)
        for one in found
    ]


async def unread(ctx: Ctx) -> int:
    # Nobody counts beyond what they would read.
    everything = own(ctx).select.subquery()
    few = sa.select(everything.c.id).where(everything.c.unread).limit(access.MOST_UNREAD + 1).subquery()
    sql, arguments = compiled(sa.select(sa.func.count()).select_from(few))
    return int(await ctx.value(sql, *arguments))
