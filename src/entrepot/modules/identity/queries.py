"""Reads of identity."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.access import Principal, TenantFound
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Actor, Ctx
from entrepot.kernel.db import view
from entrepot.kernel.lists import Listing
from entrepot.modules.identity.contract import Cashier, EntityCard
from entrepot.modules.identity.rules import access as rules
from entrepot.modules.identity.tables import ApiKey, BusinessEntity, Role, User
from entrepot.pure.errors import NotFound, Unauthenticated


class UserShown(msgspec.Struct, frozen=True):
    """A user without secrets."""

    id: UUID
    email: str
    name: str
    roles: list[str]
    locale: str
    entity_id: UUID | None
    active: bool
    custom: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


class RoleShown(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    name: str
    permissions: list[str]
    version: int


class KeyShown(msgspec.Struct, frozen=True):
    """An API key without its secret; `hint` is how it ends."""

    id: UUID
    name: str
    hint: str
    scopes: list[str]
    entity_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    version: int


class EntityShown(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    name: str
    legal_name: str
    country: str
    currency: str
    vat_number: str
    address: str
    email: str
    active: bool
    custom: dict[str, Any]
    version: int


class Me(msgspec.Struct, frozen=True):
    """Who I am here and what I may do."""

    id: UUID
    name: str
    kind: str
    tenant_id: UUID
    entity_id: UUID
    locale: str
    permissions: list[str]


_card = view(EntityCard, BusinessEntity)

USERS = Listing(
    name="users",
    view=view(UserShown, User),
    needs="users.view",
    search=[User.email, User.name],
    sort="email",
    extensible=User,
)
ROLES = Listing(
    name="roles", view=view(RoleShown, Role), needs="users.view", search=[Role.code, Role.name], sort="code"
)
KEYS = Listing(
    name="api_keys", view=view(KeyShown, ApiKey), needs="keys.view", search=[ApiKey.name], sort="-created_at"
)
ENTITIES = Listing(
    name="business_entities",
    view=view(EntityShown, BusinessEntity),
    needs="any",
    search=[BusinessEntity.code, BusinessEntity.name],
    sort="code",
    extensible=BusinessEntity,
)


@command(needs="users.view")
async def get_user(ctx: Ctx, user_id: UUID) -> UserShown:
    """One user."""
    return await ctx.one(view(UserShown, User).where(User.id == user_id))


@command(needs="users.view")
async def get_role(ctx: Ctx, role_id: UUID) -> RoleShown:
    """One role."""
    return await ctx.one(view(RoleShown, Role).where(Role.id == role_id))


@command(needs="keys.view")
async def get_key(ctx: Ctx, key_id: UUID) -> KeyShown:
    """One API key."""
    return await ctx.one(view(KeyShown, ApiKey).where(ApiKey.id == key_id))


@command(needs="any")
async def get_entity(ctx: Ctx, entity_id: UUID) -> EntityShown:
    """One business entity."""
    return await ctx.one(view(EntityShown, BusinessEntity).where(BusinessEntity.id == entity_id))


@command(needs="any")
async def me(ctx: Ctx) -> Me:
    """Who I am here and what I may do."""
    actor = ctx.actor
    return Me(
        actor.id,
        actor.name,
        actor.kind,
        ctx.tenant_id,
        ctx.entity_id,
        actor.locale,
        sorted(actor.permissions),
    )


async def default_entity(ctx: Ctx) -> UUID:
    """The business entity of the tenant that is meant when none is named."""
    found = await ctx.value("SELECT default_entity_id FROM identity.tenant WHERE id = $1", ctx.tenant_id)
    if found is None:
        raise NotFound("there is no such {what}", what="tenant")
    return UUID(int=found.int)


async def entity_by_code(ctx: Ctx, code: str) -> UUID:
    """The business entity with this code; letter case does not count."""
    found = await ctx.value("SELECT id FROM identity.business_entity WHERE lower(code) = lower($1)", code)
    if found is None:
        raise NotFound("there is no such {what}", what="business entity")
    return UUID(int=found.int)


# ── offered ──


async def entity(ctx: Ctx, entity_id: UUID) -> EntityCard:
    return await ctx.one(_card.where(BusinessEntity.id == entity_id))


async def entities(ctx: Ctx) -> list[EntityCard]:
    return await ctx.all(_card.where(BusinessEntity.active).order_by(BusinessEntity.code))


async def names(ctx: Ctx, ids: list[UUID]) -> dict[str, str]:
    rows = await ctx.connection.fetch("SELECT id, name FROM identity.user_account WHERE id = ANY($1)", ids)
    return {str(row["id"]): row["name"] for row in rows}


async def authenticate(ctx: Ctx, credential: str) -> Principal:
    kind = credential.split("_", 1)[0]
    sql = {"et": _BY_SESSION, "es": _BY_SESSION, "ep": _BY_SESSION, "ek": _BY_KEY}.get(kind)
    row = await ctx.connection.fetchrow(sql, rules.fingerprint(credential), ctx.now) if sql else None
    if row is None:
        raise Unauthenticated("this credential is not valid or has expired")
    entities = await ctx.connection.fetch("SELECT code, id FROM identity.business_entity WHERE active ORDER BY code")
    return Principal(
        tenant_id=ctx.tenant_id,
        tenant_slug=row["slug"],
        tenant_active=row["status"] == "active",
        actor_id=row["id"],
        name=row["name"],
        kind={"ek": "key", "ep": "cashier"}.get(kind, "user"),
        permissions=_allowed(set(row["permissions"]), row["scopes"]),
        locale=row["locale"],
        default_entity=row["entity_id"] or row["default_entity_id"],
        entities={e["code"]: e["id"] for e in entities},
        session_id=row["session_id"],
        expires_at=row["expires_at"],
    )


def _allowed(own: set[str], scopes: list[str]) -> list[str]:
    """What a session allows: everything its user may do now, or of that only its scopes."""
    person = Actor(permissions=frozenset(own), kind="user")
    return sorted(scope for scope in scopes if person.may(scope)) if scopes else sorted(own)


async def cashiers(ctx: Ctx, permission: str) -> list[Cashier]:
    bundle = f"{permission.split('.', 1)[0]}.*"
    return await ctx.rows(Cashier, _CASHIERS, [permission, bundle, "*"])


async def tenant(ctx: Ctx, name: str) -> TenantFound:
    async with ctx.everywhere():
        row = await ctx.connection.fetchrow(
            "SELECT id, slug, status FROM identity.tenant WHERE slug = $1 OR id::text = $1", name[:100]
        )
    if row is None:
        raise NotFound("there is no such {what}", what="tenant")
    return TenantFound(row["id"], row["slug"], row["status"] == "active")


async def tenants(ctx: Ctx) -> list[UUID]:
    async with ctx.everywhere():
        rows = await ctx.connection.fetch("SELECT id FROM identity.tenant WHERE status = 'active' ORDER BY created_at")
    return [row["id"] for row in rows]


_CASHIERS = """
SELECT u.id, u.name FROM identity.user_account u
WHERE u.active AND u.pin_hash IS NOT NULL
  AND EXISTS (SELECT FROM identity.role r WHERE r.code = ANY(u.roles) AND r.permissions && $1::text[])
ORDER BY u.name, u.id
"""
_BY_SESSION = """
SELECT t.slug, t.status, t.default_entity_id, u.id, u.name, u.locale, u.entity_id, s.id AS session_id, s.expires_at, s.scopes,
       ARRAY(SELECT DISTINCT p FROM identity.role r, unnest(r.permissions) p
             WHERE r.code = ANY(u.roles)) AS permissions
FROM identity.session s
JOIN identity.user_account u ON u.id = s.user_id AND u.active
JOIN identity.tenant t ON t.id = s.tenant_id
WHERE s.secret_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
"""
_BY_KEY = """
SELECT t.slug, t.status, t.default_entity_id, k.id, k.name, 'en' AS locale, k.entity_id, NULL::uuid AS session_id, k.expires_at,
       '{}'::text[] AS scopes, k.scopes AS permissions
FROM identity.api_key k JOIN identity.tenant t ON t.id = k.tenant_id
WHERE k.secret_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
"""
