"""Users, roles and API keys."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.i18n import LOCALES
from entrepot.modules.identity.events import ApiKeyCreated, ApiKeyRevoked, UserChanged, UserCreated
from entrepot.modules.identity.rules import access as rules
from entrepot.modules.identity.tables import ApiKey, Role, User
from entrepot.pure.addresses import checked_email
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.ids import new_id

# RFC 9106, second recommended option, with less parallelism: about 50 ms on one core.
_HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
NOBODY = "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$sJ7yyQMZAq9sTq8iHL+5KwoKmTTDKVYq7OEdNqVIGkk"


class NewKey(msgspec.Struct, frozen=True):
    """A key as it is shown this once."""

    id: UUID
    name: str
    key: str
    scopes: list[str]
    expires_at: datetime | None


@command(needs="users.edit")
async def create_user(
    ctx: Ctx,
    email: str,
    name: str,
    password: str | None = None,
    roles: list[str] = [],  # noqa: B006 - copied for every call by the body struct
    locale: str = "en",
    entity_id: UUID | None = None,
    custom: dict[str, Any] = {},  # noqa: B006
) -> UUID:
    """A person who can log in, once a password is set. Refuses with Conflict an address that is taken."""
    email = checked_email(email)
    _check_locale(locale)
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    await _roles_exist(ctx, roles)
    hashed = None
    if password is not None:
        rules.check_password(password, email)
        hashed = await hash_secret(password)
    user_id = await ctx.add(
        User,
        email=email,
        name=name,
        password_hash=hashed,
        roles=roles,
        locale=locale,
        entity_id=entity_id,
        custom=await ctx.house.fields.checked(ctx, "user", custom),
    )
    ctx.emit(UserCreated(user_id=user_id, email=email, name=name))
    return user_id


@command(needs="users.edit")
async def change_user(
    ctx: Ctx,
    user_id: UUID,
    name: str | None = None,
    roles: list[str] | None = None,
    locale: str | None = None,
    active: bool | None = None,
    password: str | None = None,
) -> None:
    """Change what is given. Refuses to take away the last active administrator."""
    changes: dict[str, Any] = {}
    user = await ctx.hold(view(_Held, User).where(User.id == user_id))
    if name is not None:
        if not name.strip():
            raise Invalid.field("name", "this field is required")
        changes["name"] = name
    if roles is not None:
        await _roles_exist(ctx, roles)
        changes["roles"] = roles
    if locale is not None:
        _check_locale(locale)
        changes["locale"] = locale
    if active is not None:
        changes["active"] = active
    if password is not None:
        rules.check_password(password, user.email)
        changes["password_hash"] = await hash_secret(password)
    if not changes:
        raise Invalid("nothing to change", fields=[])
    await ctx.change(User, user_id, **changes)
    if not await ctx.value(_ADMINS):
        raise Conflict("somebody must remain who may do everything")
    if password is not None or active is False:
        await ctx.run(
            "UPDATE identity.session SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
            user_id,
            ctx.now,
        )
    ctx.emit(UserChanged(user_id=user_id, fields=sorted(changes)))
    ctx.forget()


class _Held(msgspec.Struct, frozen=True):
    id: UUID
    email: str


@command(needs="users.edit")
async def create_role(ctx: Ctx, code: str, name: str, permissions: list[str]) -> UUID:
    """A bundle of permissions under a name. Nobody gives away more than they have."""
    _may_give(ctx, permissions, "permissions")
    return await ctx.add(Role, code=rules.check_code(code), name=name, permissions=sorted(set(permissions)))


@command(needs="users.edit")
async def change_role(ctx: Ctx, role_id: UUID, name: str | None = None, permissions: list[str] | None = None) -> None:
    """Change what is given; it holds for everybody with this role from now on."""
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = name
    if permissions is not None:
        _may_give(ctx, permissions, "permissions")
        changes["permissions"] = sorted(set(permissions))
    if not changes:
        raise Invalid("nothing to change", fields=[])
    await ctx.change(Role, role_id, **changes)
    if not await ctx.value(_ADMINS):
        raise Conflict("somebody must remain who may do everything")
    ctx.forget()


@command(needs="keys.edit")
async def create_api_key(
    ctx: Ctx, name: str, scopes: list[str], expires_at: datetime | None = None, entity_id: UUID | None = None
) -> NewKey:
    """A key for a program. The secret is in this answer and nowhere else."""
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= ctx.now):
        raise Invalid.field("expires_at", "must be in the future, with its time zone")
    _may_give(ctx, scopes, "scopes")
    key = rules.new_credential("ek", ctx.tenant_id)
    key_id = new_id()
    await ctx.add(
        ApiKey,
        id=key_id,
        name=name,
        secret_hash=rules.fingerprint(key),
        hint=key[-4:],
        scopes=sorted(set(scopes)),
        entity_id=entity_id,
        created_by=ctx.actor.id,
        expires_at=expires_at,
    )
    ctx.emit(ApiKeyCreated(key_id=key_id, name=name, scopes=scopes))
    return NewKey(key_id, name, key, sorted(set(scopes)), expires_at)


@command(needs="keys.edit")
async def revoke_api_key(ctx: Ctx, key_id: UUID) -> None:
    """End a key now."""
    await ctx.change(ApiKey, key_id, revoked_at=ctx.now)
    ctx.emit(ApiKeyRevoked(key_id=key_id))
    ctx.forget()


async def hash_secret(secret: str) -> str:
    """Argon2id, off the event loop because it is slow on purpose."""
    return await asyncio.to_thread(_HASHER.hash, secret)


async def verify_secret(hashed: str | None, secret: str) -> bool:
    """Whether the secret is the hashed one; takes as long for an account that does not exist."""

    def verify() -> bool:
        try:
            return _HASHER.verify(hashed or NOBODY, secret) and hashed is not None
        except VerificationError:
            return False

    return await asyncio.to_thread(verify)


def _may_give(ctx: Ctx, permissions: list[str], field: str) -> None:
    own = frozenset("*") if ctx.actor.kind == "system" else ctx.actor.permissions
    rules.check_scopes(permissions, frozenset(ctx.house.catalogue.permissions), own, field)


def _check_locale(locale: str) -> None:
    if locale not in LOCALES:
        raise Invalid.field("locale", "must be one of {allowed}", allowed=list(LOCALES))


async def _roles_exist(ctx: Ctx, roles: list[str]) -> None:
    known = await ctx.value("SELECT coalesce(array_agg(code), '{}') FROM identity.role WHERE code = ANY($1)", roles)
    for role in roles:
        if role not in known:
            raise Invalid.field("roles", "there is no role {role}", role=role)


_ADMINS = """
SELECT count(*) FROM identity.user_account u JOIN identity.role r ON r.code = ANY(u.roles)
WHERE u.active AND '*' = ANY(r.permissions)
"""
