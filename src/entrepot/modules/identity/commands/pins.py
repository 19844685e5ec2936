"""PINs: who stands at a till proves it with a few digits, for what is done at a till and nothing else."""

from __future__ import annotations

from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Actor, Ctx
from entrepot.kernel.db import view
from entrepot.kernel.idempotency import lock_of
from entrepot.modules.identity.commands.people import hash_secret, verify_secret
from entrepot.modules.identity.commands.sessions import FAILURES, Failures
from entrepot.modules.identity.contract import TillOpened, TillSession
from entrepot.modules.identity.events import UserChanged, UserLoggedIn
from entrepot.modules.identity.rules import access as rules
from entrepot.modules.identity.tables import LoginFailure, Session, User
from entrepot.pure.errors import Conflict, Denied


class PinHolder(msgspec.Struct, frozen=True):
    """What proving a PIN must know of a user."""

    id: UUID
    name: str
    pin_hash: str | None
    active: bool
    permissions: list[str]


@command(needs="users.edit")
async def set_pin(ctx: Ctx, user_id: UUID, pin: str | None = None) -> None:
    """Give a user a PIN of 4 to 8 digits for the till, or take it away. Whoever stands at a till with the old one is
    locked out."""
    await ctx.hold(view(_Id, User).where(User.id == user_id))
    if pin is not None:
        rules.check_pin(pin)
    await ctx.change(User, user_id, pin_hash=await hash_secret(pin) if pin is not None else None)
    await ctx.run(_LEAVE, user_id, ctx.now)
    ctx.emit(UserChanged(user_id=user_id, fields=["pin"]))
    ctx.forget()


@command(needs="any")
async def set_own_pin(ctx: Ctx, pin: str | None = None) -> None:
    """Choose one's own PIN for the till, or take it away. Who came in by a PIN cannot."""
    if ctx.actor.kind != "user":
        raise Denied("log in with your password for this")
    await set_pin(ctx, ctx.actor.id, pin)


async def choose_pin(ctx: Ctx, pin: str | None) -> None:
    await set_own_pin(ctx, pin)


async def open_till(ctx: Ctx, user_id: UUID, pin: str, scopes: list[str]) -> TillOpened:
    if ctx.preview:
        raise Conflict("a PIN cannot be tried out")  # what a preview counts is undone: it would be free guessing
    key = f"pin:{user_id}"
    # One guess after the other: a thousand at once are still a thousand.
    await ctx.value("SELECT pg_advisory_xact_lock($1)", lock_of(ctx.tenant_id, key))
    lately = await ctx.row(Failures, FAILURES, key, ctx.now - rules.FAILURES_WITHIN)
    assert lately is not None
    wait = rules.waits(lately.count, lately.first, ctx.now)
    if wait:
        return TillOpened(None, wait)
    holder = await ctx.row(PinHolder, _HOLDER, user_id)
    right = await verify_secret(holder.pin_hash if holder else None, pin[:100])
    if holder is None or not right or not holder.active:
        await ctx.add(LoginFailure, email=key, address=ctx.caller.address, at=ctx.now)
        return TillOpened(None)
    person = Actor(permissions=frozenset(holder.permissions), kind="user")
    granted = [scope for scope in scopes if person.may(scope)]
    if scopes[0] not in granted:
        raise Denied("you need the permission {missing} for this", missing=scopes[0])
    credential, until = rules.new_credential("ep", ctx.tenant_id), ctx.now + rules.TILL_FOR
    await ctx.add(
        Session,
        user_id=user_id,
        kind="till",
        scopes=granted,
        secret_hash=rules.fingerprint(credential),
        address=ctx.caller.address,
        agent=ctx.caller.agent,
        expires_at=until,
    )
    ctx.emit(UserLoggedIn(user_id=user_id, kind="till"))
    return TillOpened(TillSession(credential, until, user_id, holder.name, granted))


class _Id(msgspec.Struct, frozen=True):
    id: UUID


_HOLDER = """
SELECT u.id, u.name, u.pin_hash, u.active, ARRAY(
    SELECT DISTINCT p FROM identity.role r, unnest(r.permissions) p WHERE r.code = ANY(u.roles))
FROM identity.user_account u WHERE u.id = $1
"""
_LEAVE = """
UPDATE identity.session SET revoked_at = $2 WHERE user_id = $1 AND kind = 'till' AND revoked_at IS NULL
"""
