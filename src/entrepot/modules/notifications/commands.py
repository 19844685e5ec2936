"""Writes of notifications: telling, reading, forgetting."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from entrepot.kernel import obstacles
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.notifications.queries import own
from entrepot.modules.notifications.tables import Notice
from entrepot.pure.ids import new_id
from entrepot.pure.said import Said


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What to tell: to one user, or to everybody with a permission. What has the same cause is one notice."""

    cause: str
    kind: str
    said: Said
    path: str
    permission: str = ""
    user_id: UUID | None = None


async def tell(ctx: Ctx, telling: Telling, event_id: UUID, at: datetime | None = None) -> None:
    """Tell it once for each event, however often the event comes; another event of the same cause counts it up and
    makes it new for who had read it."""
    await ctx.run(
        _TELL,
        new_id(),
        event_id,
        at or ctx.now,
        new_id(),
        telling.cause,
        telling.kind,
        telling.said,
        telling.path,
        telling.permission,
        telling.user_id,
    )


async def withdraw(ctx: Ctx, cause: str) -> None:
    """It is no longer so: nobody needs to know."""
    await ctx.run(
        "UPDATE notifications.notice SET archived_at = $2 WHERE cause = $1 AND archived_at IS NULL", cause, ctx.now
    )


@command(needs="any")
async def mark_read(ctx: Ctx, notice_id: UUID) -> None:
    """The actor has seen this notice; NotFound when it is not theirs."""
    await ctx.one(own(ctx).where(Notice.id == notice_id))
    await ctx.run(_READ, [notice_id], ctx.actor.id, ctx.now)


@command(needs="any")
async def mark_all_read(ctx: Ctx) -> None:
    """The actor has seen everything there is now."""
    found = await ctx.all(own(ctx))
    await ctx.run(_READ, sorted(one.id for one in found if one.unread), ctx.actor.id, ctx.now)


# ── jobs ──


async def watch_work(ctx: Ctx) -> None:
    """Tell of events that could not be handled and of jobs that failed, near and far; withdraw what goes on, and what
    is no longer overdue."""
    found, silent = await obstacles.everywhere(ctx)
    stuck = {f"{one.what}:{one.key}": one for one in found if one.what in ("parked", "job")}
    late = {
        f"overdue:{one.entity}:{one.entity_id}:{one.reason.facts['status']}"
        for one in found
        if one.path == "." and "status" in one.reason.facts
    }
    known = await ctx.connection.fetch(
        "SELECT cause FROM notifications.notice WHERE kind IN ('work_failed', 'status_overdue') AND archived_at IS NULL"
    )
    causes = {row["cause"] for row in known}
    for cause in sorted(stuck.keys() - causes):
        telling = Telling(
            cause=cause, kind="work_failed", said=stuck[cause].reason, path="/stuck", permission="audit.replay"
        )
        await tell(ctx, telling, new_id())
    if not silent and len(found) < obstacles.MOST:
        for cause in sorted(causes - stuck.keys() - late):
            await withdraw(ctx, cause)


async def forget_old(ctx: Ctx) -> None:
    """Archive notices after the days that the setting says, and forget what has been archived as long."""
    days = await ctx.house.settings.value(ctx, "notifications.days_kept")
    kept = ctx.now - timedelta(days=days)
    await ctx.run(
        "UPDATE notifications.notice SET archived_at = $2 WHERE at < $1 AND archived_at IS NULL", kept, ctx.now
    )
    await ctx.run(_FORGET, kept)


_TELL = """
WITH fresh AS (
    INSERT INTO notifications.notice_cause (id, event_id, at) VALUES ($1, $2, $3)
    ON CONFLICT (tenant_id, event_id) DO NOTHING RETURNING 1
)
INSERT INTO notifications.notice AS n (id, cause, kind, said, path, permission, user_id, at)
SELECT $4, $5, $6, $7, $8, $9, $10, $3 FROM fresh
ON CONFLICT (tenant_id, cause) WHERE archived_at IS NULL
DO UPDATE SET count = n.count + 1, said = excluded.said, path = excluded.path, at = greatest(n.at, excluded.at)
"""
_READ = """
INSERT INTO notifications.reading AS r (id, notice_id, user_id, read_at)
SELECT gen_random_uuid(), notice_id, $2, greatest($3, n.at)
FROM unnest($1::uuid[]) AS notice_id JOIN notifications.notice n ON n.id = notice_id
ON CONFLICT (tenant_id, notice_id, user_id) DO UPDATE SET read_at = excluded.read_at
"""
_FORGET = """
WITH gone AS (DELETE FROM notifications.notice WHERE archived_at < $1 RETURNING id)
DELETE FROM notifications.reading WHERE notice_id IN (SELECT id FROM gone)
"""
