"""What the kernel does by itself, for every tenant: overdue flags, escalations, and clearing away what is spent."""

from __future__ import annotations

from datetime import timedelta

from entrepot.kernel import holds, idempotency, status
from entrepot.kernel.ctx import Ctx

JOBS_KEPT = timedelta(days=30)
INBOX_KEPT = timedelta(days=90)


async def watch_deadlines(ctx: Ctx) -> None:
    """Flag what has passed its deadline and escalate holds that lasted too long."""
    await status.flag_overdue(ctx)
    await holds.escalate(ctx)


async def tidy(ctx: Ctx) -> None:
    """Forget answers nobody may repeat any more, finished jobs and old entries of the inbox; make the partitions of
    the months to come."""
    await idempotency.forget_old(ctx)
    await ctx.run("DELETE FROM kernel.job WHERE state = 'done' AND finished_at < $1", ctx.now - JOBS_KEPT)
    async with ctx.everywhere():
        await ctx.run("DELETE FROM kernel.inbox WHERE at < $1", ctx.now - INBOX_KEPT)
    await ctx.value("SELECT kernel.ensure_partitions()")


SCHEDULES = (("0 * * * *", watch_deadlines), ("30 3 * * *", tidy))
