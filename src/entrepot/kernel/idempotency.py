"""The same key and body get the first answer again for a day; the same key with another body is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.pure.errors import Invalid

KEPT_FOR = timedelta(hours=24)


class Kept(NamedTuple):
    """An answer that was given, and to what."""

    fingerprint: bytes
    status: int
    body: bytes

    def for_the_same(self, fingerprint: bytes) -> Kept:
        """This answer; refuses with Invalid when another body earned it."""
        if self.fingerprint != fingerprint:
            raise Invalid.field("Idempotency-Key", "this key was used for another request")
        return self


def fingerprint_of(path: str, raw: bytes) -> bytes:
    """What tells one request from another under the same key."""
    return hashlib.sha256(b"\0".join((path.encode(), raw))).digest()


FEW = 50  # names that are locked each; more are locked as all there are


class Lock(NamedTuple):
    """An advisory lock that a unit takes with BEGIN."""

    number: int
    shared: bool = False


def lock_of(tenant: UUID, what: str) -> int:
    """The number of the lock for something of a tenant."""
    digest = hashlib.blake2b(tenant.bytes + what.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def locks_of(tenant: UUID, key: str, names: Sequence[str] = ()) -> list[Lock]:
    """What makes the second of two that are the same wait for the first and then find its answer: under the same key, or
    under one of the names that the body has whatever key it came under."""
    found = [Lock(lock_of(tenant, key))] if key else []
    if len(names) > FEW:
        found.append(Lock(lock_of(tenant, "names")))
    elif names:
        found.append(Lock(lock_of(tenant, "names"), shared=True))
        found += [Lock(lock_of(tenant, f"name:{name}")) for name in names]
    return found


async def kept(ctx: Ctx, key: str, fingerprint: bytes) -> Kept | None:
    """The first answer, if there was one. Refuses with Invalid a key that came with another body before."""
    found = (await kept_many(ctx, [key])).get(key)
    return None if found is None else found.for_the_same(fingerprint)


async def kept_many(ctx: Ctx, keys: Sequence[str]) -> dict[str, Kept]:
    """The answers that were given under these keys."""
    rows = await ctx.ask(_KEPT, keys, ctx.now - KEPT_FOR, tables=("kernel.idempotency",))
    return {key: Kept(*answer) for key, *answer in rows}


async def keep(ctx: Ctx, key: str, fingerprint: bytes, status: int, body: bytes) -> None:
    """Remember the answer in the transaction that earned it. A refusal leaves nothing, so it is judged anew."""
    await keep_many(ctx, {key: Kept(fingerprint, status, body)})


async def keep_many(ctx: Ctx, answers: dict[str, Kept]) -> None:
    """Remember many answers."""
    await ctx.run_later(
        "kernel.idempotency",
        _KEEP,
        list(answers),
        [answer.fingerprint for answer in answers.values()],
        [answer.status for answer in answers.values()],
        [answer.body for answer in answers.values()],
        ctx.now,
        ctx.tenant_id,
    )


async def forget_old(ctx: Ctx) -> int:
    """Delete what nobody may repeat any more; a daily job."""
    return await ctx.run("DELETE FROM kernel.idempotency WHERE created_at < $1", ctx.now - KEPT_FOR)


_KEPT = """
SELECT k.key, k.fingerprint, k.status, k.body FROM unnest($1::text[]) AS asked,
LATERAL (SELECT * FROM kernel.idempotency WHERE key = asked AND created_at > $2 LIMIT 1) k
"""
_KEEP = """
INSERT INTO kernel.idempotency (key, fingerprint, status, body, created_at, tenant_id)
SELECT u.*, $5, $6 FROM unnest($1::text[], $2::bytea[], $3::smallint[], $4::bytea[]) AS u
ON CONFLICT (tenant_id, key)
DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body,
              created_at = excluded.created_at
"""
