"""Passkeys: a key in a phone or computer that proves who is there, and that its owner was."""

from __future__ import annotations

from uuid import UUID

import msgspec

from entrepot.kernel.access import Opened, PasskeyShown
from entrepot.kernel.ctx import SYSTEM, Ctx
from entrepot.kernel.db import view
from entrepot.kernel.units import unit
from entrepot.modules.identity.commands.proving import ISSUER, Person
from entrepot.modules.identity.commands.sessions import open_session
from entrepot.modules.identity.events import UserChanged
from entrepot.modules.identity.rules import access as rules
from entrepot.modules.identity.tables import Passkey, User
from entrepot.pure.errors import Denied, Invalid, NotFound, Unauthenticated

_passkeys = view(PasskeyShown, Passkey)


class Held(msgspec.Struct, frozen=True):
    """A passkey with what proves it."""

    tenant_id: UUID
    id: UUID
    user_id: UUID
    public_key: str
    sign_count: int
    active: bool
    tenant_status: str


async def passkeys(ctx: Ctx) -> list[PasskeyShown]:
    return await ctx.all(_passkeys.where(Passkey.user_id == ctx.actor.id).order_by(Passkey.created_at))


async def passkey_offer(ctx: Ctx, site: str) -> str:
    from entrepot.modules.identity.rules import authenticators

    person = await ctx.one(view(Person, User).where(User.id == ctx.actor.id))
    held = await ctx.connection.fetch("SELECT credential FROM identity.passkey WHERE user_id = $1", person.id)
    credentials = [row["credential"] for row in held]
    return authenticators.registration(site, ISSUER, person.id.bytes, person.email, person.name, credentials)


async def add_passkey(ctx: Ctx, site: str, origin: str, challenge: str, answer: str, name: str) -> None:
    from entrepot.modules.identity.rules import authenticators

    try:
        made = authenticators.made(site, origin, challenge, answer)
    except ValueError as error:
        raise Invalid.field("answer", "this passkey could not be checked; try again") from error
    await ctx.add(
        Passkey,
        user_id=ctx.actor.id,
        name=name.strip()[:60] or "Passkey",
        credential=made.credential,
        public_key=made.public_key,
        sign_count=made.sign_count,
    )
    ctx.emit(UserChanged(user_id=ctx.actor.id, fields=["passkeys"]))


async def drop_passkey(ctx: Ctx, passkey_id: UUID) -> None:
    if not await ctx.exists(Passkey, Passkey.id == passkey_id, Passkey.user_id == ctx.actor.id):
        raise NotFound("there is no such {what}", what="passkey")
    await ctx.remove(Passkey, passkey_id)
    ctx.emit(UserChanged(user_id=ctx.actor.id, fields=["passkeys"]))


async def passkey_door(ctx: Ctx, site: str) -> str:
    from entrepot.modules.identity.rules import authenticators

    return authenticators.authentication(site)


async def open_by_passkey(ctx: Ctx, site: str, origin: str, challenge: str, answer: str) -> Opened:
    """The key and its owner were both there (user verification), so no code is asked beside it."""
    from entrepot.modules.identity.rules import authenticators

    try:
        credential = str(msgspec.json.decode(answer, type=dict[str, object]).get("id", ""))[:1000]
        async with ctx.everywhere():
            held = await ctx.row(Held, _FIND, credential)
        if held is None:
            raise Unauthenticated("this passkey is not known here")
        signed = authenticators.proven(site, origin, challenge, answer, held.public_key, held.sign_count)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise Unauthenticated("this passkey could not be checked; try again") from error
    if not held.active:
        raise Unauthenticated("this passkey is not known here")
    if held.tenant_status != "active":
        raise Denied("this tenant is suspended")
    async with unit(ctx.house, held.tenant_id, SYSTEM, caller=ctx.caller) as own:
        await own.change(Passkey, held.id, sign_count=signed, used_at=own.now)
    token = await open_session(ctx.house, ctx.caller, held.tenant_id, held.user_id, "browser", rules.BROWSER_FOR)
    return Opened(token.access_token, token.expires_in)


_FIND = """
SELECT p.tenant_id, p.id, p.user_id, p.public_key, p.sign_count, u.active, t.status
FROM identity.passkey p JOIN identity.user_account u ON u.id = p.user_id AND u.tenant_id = p.tenant_id
JOIN identity.tenant t ON t.id = p.tenant_id WHERE p.credential = $1
"""
