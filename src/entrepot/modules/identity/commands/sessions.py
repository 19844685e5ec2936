"""Logging in and out."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from entrepot.kernel.access import Opened
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import NIL, SYSTEM, Caller, Ctx
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.modules.identity.commands.people import verify_secret
from entrepot.modules.identity.commands.proving import must_be_right
from entrepot.modules.identity.events import UserLoggedIn
from entrepot.modules.identity.rules import access as rules
from entrepot.modules.identity.tables import LoginFailure, Session
from entrepot.pure.errors import Denied, Invalid, NotFound, Refusal, Unauthenticated
from entrepot.pure.ids import unshort


class Token(msgspec.Struct, frozen=True):
    """A credential for the API, and what renews it."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


async def log_in(
    house: House, caller: Caller, email: str, password: str, tenant: str | None = None, code: str | None = None
) -> Token:
    """Trade e-mail and password for a token. Refuses with Unauthenticated, and with TooMany after five wrong
    passwords. Where an address is known to several tenants, `tenant` says which; where the account has a second
    factor, `code` is the one its app shows now."""
    user = await prove(house, caller, email, password, tenant, code)
    return await open_session(house, caller, user.tenant_id, user.id, "access", rules.ACCESS_FOR)


async def refresh(house: House, caller: Caller, refresh_token: str) -> Token:
    """Trade a refresh token for a new token; each works once."""
    try:
        tenant_id = unshort(refresh_token.split("_", 2)[1])
    except (Refusal, IndexError):
        raise Unauthenticated("this credential is not valid or has expired") from None
    async with unit(house, tenant_id, SYSTEM, caller=caller) as ctx:
        user_id = await ctx.value(
            "UPDATE identity.session SET revoked_at = $2 WHERE refresh_hash = $1 AND revoked_at IS NULL "
            "AND refresh_until > $2 RETURNING user_id",
            rules.fingerprint(refresh_token),
            ctx.now,
        )
        ctx.forget()
    if user_id is None:
        raise Unauthenticated("this credential is not valid or has expired")
    return await open_session(house, caller, tenant_id, user_id, "access", rules.ACCESS_FOR)


@command(needs="any")
async def log_out(ctx: Ctx) -> None:
    """End every session of this user; who came in by a PIN leaves the tills alone."""
    await ctx.run(
        "UPDATE identity.session SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL "
        "AND (kind = 'till' OR NOT $3)",
        ctx.actor.id,
        ctx.now,
        ctx.actor.kind == "cashier",
    )
    ctx.forget()


async def open_browser(ctx: Ctx, email: str, password: str, tenant: str | None, code: str | None) -> Opened:
    user = await prove(ctx.house, ctx.caller, email, password, tenant, code)
    token = await open_session(ctx.house, ctx.caller, user.tenant_id, user.id, "browser", rules.BROWSER_FOR)
    return Opened(token.access_token, token.expires_in)


async def close(ctx: Ctx, credential: str) -> None:
    await ctx.run(
        "UPDATE identity.session SET revoked_at = $2 WHERE secret_hash = $1 AND revoked_at IS NULL",
        rules.fingerprint(credential),
        ctx.now,
    )
    ctx.forget()


async def token_for(house: House, tenant_id: UUID, email: str | None) -> str:
    """A token for a script of who runs the house: of the user with this address, or of an administrator."""
    async with unit(house, tenant_id, SYSTEM, read_only=True) as ctx:
        user_id = await ctx.value(_ANY_ADMIN if email is None else _BY_EMAIL, *([] if email is None else [email]))
    if user_id is None:
        raise NotFound("there is no such {what}", what="user")
    return (await open_session(house, Caller(), tenant_id, user_id, "access", rules.ACCESS_FOR)).access_token


class Known(msgspec.Struct, frozen=True):
    """What logging in must know of a user."""

    tenant_id: UUID
    id: UUID
    email: str
    password_hash: str | None
    totp_secret: str | None
    active: bool
    tenant_status: str


async def prove(
    house: House, caller: Caller, email: str, password: str, tenant: str | None, code: str | None = None
) -> Known:
    """The user with this address and password. Each step is a unit of its own: failures must be counted although
    the log-in is refused, and nobody holds a connection while a password is verified."""
    email = email.strip()
    if "\x00" in email or "\x00" in (tenant or ""):
        raise Unauthenticated("this address and password do not belong together")
    users: list[Known] = []
    for database in house.databases.all():
        async with (
            unit(house, NIL, SYSTEM, caller=caller, read_only=True, database=database) as ctx,
            ctx.everywhere(),
        ):
            users += await ctx.rows(Known, _FIND, email, tenant)
    if len(users) > 1:
        raise Invalid.field("tenant", "several tenants know this address; say which")
    user = users[0] if users else None
    if user is not None:
        async with unit(house, user.tenant_id, SYSTEM, read_only=True) as ctx:
            lately = await ctx.row(Failures, FAILURES, email.lower(), ctx.now - rules.FAILURES_WITHIN)
        assert lately is not None
        rules.must_not_wait(lately.count, lately.first, house.clock())
    right = await verify_secret(user.password_hash if user else None, password[:1000])
    if user is None or not right or not user.active:
        if user is not None:
            async with unit(house, user.tenant_id, SYSTEM) as ctx:
                await ctx.add(LoginFailure, email=email.lower(), address=caller.address, at=ctx.now)
        raise Unauthenticated("this address and password do not belong together")
    if user.tenant_status != "active":
        raise Denied("this tenant is suspended")
    await _second_factor(house, caller, user, code)
    return user


async def _second_factor(house: House, caller: Caller, user: Known, code: str | None) -> None:
    """A wrong code counts like a wrong password, or a million guesses would find it; a missing one does not."""
    try:
        must_be_right(house.config.secret, user.totp_secret, code, house.clock())
    except Invalid:
        if code:
            async with unit(house, user.tenant_id, SYSTEM) as ctx:
                await ctx.add(LoginFailure, email=user.email.lower(), address=caller.address, at=ctx.now)
        raise


class Failures(msgspec.Struct, frozen=True):
    """Wrong passwords lately."""

    count: int
    first: datetime | None


async def open_session(
    house: House, caller: Caller, tenant_id: UUID, user_id: UUID, kind: str, lasts: timedelta
) -> Token:
    """A new session. Its secrets are in the answer and nowhere else."""
    prefix = "es" if kind == "browser" else "et"
    access, renewing = rules.new_credential(prefix, tenant_id), rules.new_credential("er", tenant_id)
    async with unit(house, tenant_id, SYSTEM, caller=caller) as ctx:
        await ctx.add(
            Session,
            user_id=user_id,
            kind=kind,
            secret_hash=rules.fingerprint(access),
            refresh_hash=rules.fingerprint(renewing) if kind == "access" else None,
            address=caller.address,
            agent=caller.agent,
            expires_at=ctx.now + lasts,
            refresh_until=ctx.now + rules.REFRESH_FOR,
        )
        ctx.emit(UserLoggedIn(user_id=user_id, kind=kind))
    return Token(access, "Bearer", int(lasts.total_seconds()), renewing)


_FIND = """
SELECT u.tenant_id, u.id, u.email, u.password_hash, u.totp_secret, u.active, t.status
FROM identity.user_account u JOIN identity.tenant t ON t.id = u.tenant_id
WHERE lower(u.email) = lower($1) AND ($2::text IS NULL OR t.slug = $2 OR t.id::text = $2)
"""
FAILURES = """
SELECT count(*), min(at) FROM identity.login_failure WHERE email = $1 AND at > $2
"""
_ANY_ADMIN = """
SELECT u.id FROM identity.user_account u JOIN identity.role r ON r.code = ANY(u.roles)
WHERE u.active AND '*' = ANY(r.permissions) ORDER BY u.created_at LIMIT 1
"""
_BY_EMAIL = "SELECT id FROM identity.user_account WHERE lower(email) = lower($1) AND active"
