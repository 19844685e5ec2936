"""Jobs and schedules: enqueued in the transaction that wants them, run at least once, counted before they start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog
from cronsim import CronSim

from entrepot.kernel import parking
from entrepot.kernel.access import Access
from entrepot.kernel.commands import describe
from entrepot.kernel.ctx import NIL, SYSTEM, Caller, Ctx
from entrepot.kernel.database import Database
from entrepot.kernel.logs import about
from entrepot.kernel.units import unit
from entrepot.pure.groups import grouped
from entrepot.pure.ids import new_id

if TYPE_CHECKING:
    from entrepot.kernel.house import House

LEASE = timedelta(seconds=60)
POLL = 1.0
logger = structlog.get_logger("entrepot.jobs")


async def enqueue(
    ctx: Ctx,
    function: Callable[..., Awaitable[Any]],
    *,
    at: datetime | None = None,
    unique_key: str | None = None,
    max_attempts: int = 3,
    **arguments: Any,
) -> UUID | None:
    """Queue a job in this transaction: it exists when the unit commits and never when it does not. With a
    `unique_key`, a job that is already queued or running is not queued twice (returns None)."""
    name = ctx.house.job_name(function)
    identifier = new_id()
    made = await ctx.value(
        "INSERT INTO kernel.job (id, name, arguments, unique_key, run_at, max_attempts, correlation, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id",
        identifier,
        name,
        msgspec.to_builtins(arguments),
        unique_key,
        at or ctx.now,
        max_attempts,
        ctx.caller.correlation or None,
        ctx.now,
    )
    return identifier if made else None


class LostLease(Exception):
    """Another worker took the job over because we were silent for too long."""


class Jobs:
    """Takes due jobs one by one and runs each in a unit of its tenant; runs the schedules."""

    def __init__(self, house: House, *, at_once: int = 2) -> None:
        self.house = house
        self.at_once = at_once
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{new_id().hex[-6:]}"
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        for database in self.house.databases.all():
            self.take_up(database)
        self._tasks.append(asyncio.create_task(self._schedule(), name="schedules"))

    def take_up(self, database: Database) -> None:
        """Run the jobs of a database."""
        for _ in range(self.at_once):
            self._tasks.append(asyncio.create_task(self._work(database), name="jobs"))

    async def stop(self) -> None:
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=10)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, database: Database) -> None:
        while not self._stopping.is_set():
            try:
                if await self.step(database):
                    continue
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("jobs.failed", error=repr(error))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), POLL * random.uniform(0.8, 1.2))

    async def step(self, database: Database) -> bool:
        """Take one due job and run it; False when none is due."""
        async with database.connection() as connection:
            await connection.execute("BEGIN; SET LOCAL ROLE entrepot_system")
            try:
                # The attempt is counted and committed before the job starts: a job that kills its worker still
                # runs out of attempts.
                await connection.execute(_GIVE_UP)
                job = await connection.fetchrow(_TAKE, self.worker, LEASE, self.house.clock())
                await connection.execute("COMMIT")
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
        if job is None:
            return False
        with about(job=job["name"], tenant=str(job["tenant_id"]), correlation=job["correlation"] or ""):
            await self._run(job)
        return True

    async def _run(self, job: Any) -> None:
        function = self.house.catalogue.jobs.get(job["name"])
        caller = Caller(correlation=job["correlation"] or "", causation=str(job["id"]))
        started = time.perf_counter()
        renewing = asyncio.create_task(self._renew(job))
        try:
            if function is None:
                raise LookupError(f"no job is called {job['name']}")
            async with unit(self.house, job["tenant_id"], SYSTEM, caller=caller) as ctx:
                with self.house.metrics.timed(job["name"]):
                    await function(ctx, **_arguments(function, job["arguments"]))
                # Whoever lost the lease to another worker must leave nothing behind: the other one does the work.
                if not await ctx.run(_DONE, job["id"], job["attempts"]):
                    raise LostLease
        except LostLease:
            logger.warning("job.lost", attempt=job["attempts"])
        except Exception as error:
            logger.warning("job.failed", attempt=job["attempts"], error=repr(error))
            wait = timedelta(seconds=float(min(2 ** job["attempts"], 3600)))
            async with unit(self.house, job["tenant_id"], SYSTEM) as ctx:
                await ctx.run(_FAILED, job["id"], job["attempts"], parking.describe(error), wait, ctx.now)
        else:
            took = round((time.perf_counter() - started) * 1000, 1)
            logger.info("job.done", attempt=job["attempts"], ms=took)
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _renew(self, job: Any) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                async with unit(self.house, job["tenant_id"], SYSTEM) as ctx:
                    await ctx.run(
                        "UPDATE kernel.job SET lease_until = now() + $3::interval "
                        "WHERE id = $1 AND attempts = $2 AND state = 'running'",
                        job["id"],
                        job["attempts"],
                        LEASE,
                    )
            except Exception as error:
                # Two more tries fit into a lease, so that one lost connection does not cost it.
                logger.warning("job.not_renewed", attempt=job["attempts"], error=repr(error))

    async def drain(self) -> int:
        """Run everything that is due now; for tests and commands."""
        count = 0
        for database in self.house.databases.all():
            while await self.step(database):
                count += 1
        return count

    async def _schedule(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.tick()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("schedules.failed", error=repr(error))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 20)

    async def tick(self, now: datetime | None = None) -> list[str]:
        """Enqueue every schedule that is due, once for each active tenant however many times it was missed."""
        now = now or self.house.clock()
        return [name for name, cron in self.house.catalogue.schedules.items() if await self._run_due(name, cron, now)]

    async def _run_due(self, name: str, cron: str, now: datetime) -> bool:
        """Enqueue a schedule for every tenant if its time has come. The row stays locked and unmoved until all are
        enqueued: who dies in between leaves it due, and the unique key keeps from queueing anybody twice."""
        following = next(CronSim(cron, now))
        async with self.house.databases.main.connection() as connection, connection.transaction():
            row = await connection.fetchrow(
                "SELECT cron, next_at FROM kernel.schedule WHERE name = $1 FOR UPDATE SKIP LOCKED", name
            )
            if row is None:
                await connection.execute(
                    "INSERT INTO kernel.schedule (name, cron, next_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    name,
                    cron,
                    following,
                )
                return False
            if row["next_at"] > now:
                if row["cron"] != cron:
                    await connection.execute(
                        "UPDATE kernel.schedule SET cron = $2, next_at = $3 WHERE name = $1", name, cron, following
                    )
                return False
            await self._enqueue_for_all(name)
            await connection.execute(
                "UPDATE kernel.schedule SET cron = $2, next_at = $3, last_at = $4 WHERE name = $1",
                name,
                cron,
                following,
                now,
            )
            return True

    async def _enqueue_for_all(self, name: str) -> None:
        """Queue a schedule for every tenant with one statement for each database; who still has it queued keeps that."""
        for database, tenants in grouped(await self._tenants(), self.house.databases.of).items():
            async with unit(self.house, NIL, SYSTEM, database=database) as ctx, ctx.everywhere():
                await ctx.run(_FOR_ALL, tenants, [new_id() for _ in tenants], name, ctx.now)

    async def _tenants(self) -> list[UUID]:
        async with unit(self.house, NIL, SYSTEM, read_only=True) as ctx:
            return await ctx.of(Access).tenants()


def _arguments(function: Callable[..., Awaitable[Any]], stored: dict[str, Any]) -> dict[str, Any]:
    """The stored arguments as the types that the function declares: ids, dates and decimals travel as text."""
    parameters = describe(function).parameters
    return {name: msgspec.convert(value, parameters.get(name, Any), strict=False) for name, value in stored.items()}


_TAKE = """
UPDATE kernel.job SET state = 'running', attempts = attempts + 1, worker = $1, lease_until = now() + $2::interval
WHERE (tenant_id, id) = (
    SELECT tenant_id, id FROM kernel.job
    WHERE (state = 'queued' AND run_at <= $3)
       OR (state = 'running' AND lease_until < now() AND attempts < max_attempts)
    ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING tenant_id, id, name, arguments, attempts, correlation
"""
_FOR_ALL = """
INSERT INTO kernel.job (tenant_id, id, name, unique_key, run_at, created_at)
SELECT tenant_id, id, $3, 'schedule', $4, $4 FROM unnest($1::uuid[], $2::uuid[]) AS u(tenant_id, id)
ON CONFLICT DO NOTHING
"""
_GIVE_UP = """
UPDATE kernel.job SET state = 'failed', finished_at = now(),
       error = coalesce(error, 'its worker died while it ran, every time')
WHERE state = 'running' AND lease_until < now() AND attempts >= max_attempts
"""
_DONE = """
UPDATE kernel.job SET state = 'done', finished_at = now(), error = NULL, progress = 100, lease_until = NULL
WHERE id = $1 AND attempts = $2 AND state = 'running'
"""
_FAILED = """
UPDATE kernel.job SET error = $3, lease_until = NULL,
       state = CASE WHEN attempts >= max_attempts THEN 'failed' ELSE 'queued' END,
       finished_at = CASE WHEN attempts >= max_attempts THEN now() END,
       run_at = $5::timestamptz + $4::interval
WHERE id = $1 AND attempts = $2 AND state = 'running'
"""
