"""The same key and body get the first answer again for a day; the same key with another body is refused."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.pure.errors import Invalid

KEPT_FOR = timedelta(hours=24)


class Kept(NamedTuple):
    status: int
    body: bytes


def lock_of(tenant: UUID, key: str) -> int:
    """The advisory lock of a key: taken with BEGIN, so that of two at once the second waits and then finds the answer."""
    digest = hashlib.blake2b(tenant.bytes + key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


async def kept(ctx: Ctx, key: str, fingerprint: bytes) -> Kept | None:
    """The first answer, if there was one. Refuses with Invalid a key that came with another body before."""
    row = await ctx.connection.fetchrow(
        "SELECT fingerprint, status, body FROM kernel.idempotency WHERE key = $1 AND created_at > $2",
        key,
        ctx.now - KEPT_FOR,
    )
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise Invalid.field("Idempotency-Key", "this key was used for another request")
    return Kept(row["status"], row["body"])


async def keep(ctx: Ctx, key: str, fingerprint: bytes, status: int, body: bytes) -> None:
    """Remember the answer in the transaction that earned it. A refusal leaves nothing, so it is judged anew."""
    await ctx.connection.execute(
        "INSERT INTO kernel.idempotency (key, fingerprint, status, body, created_at) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (tenant_id, key) DO UPDATE SET fingerprint = $2, status = $3, body = $4, created_at = $5",
        key,
        fingerprint,
        status,
        body,
        ctx.now,
    )


async def forget_old(ctx: Ctx) -> int:
    """Delete what nobody may repeat any more; a daily job."""
    return await ctx.run("DELETE FROM kernel.idempotency WHERE created_at < $1", ctx.now - KEPT_FOR)
