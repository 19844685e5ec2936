"""A second factor, and a new password for who forgot theirs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pyotp

from entrepot.kernel.access import Factor
from entrepot.kernel.ctx import SYSTEM, Ctx
from entrepot.kernel.db import view
from entrepot.kernel.i18n import translate
from entrepot.kernel.jobs import enqueue
from entrepot.kernel.units import unit
from entrepot.modules.identity.commands.people import hash_secret
from entrepot.modules.identity.events import UserChanged
from entrepot.modules.identity.rules import access as rules
from entrepot.modules.identity.tables import User
from entrepot.pure.errors import Invalid, Refusal
from entrepot.pure.ids import short, unshort

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

RESET_FOR = timedelta(hours=1)
ISSUER = "Entrepot"


class Person(msgspec.Struct, frozen=True):
    """What a second factor and a reset must know of a user."""

    id: UUID
    email: str
    name: str
    locale: str
    password_hash: str | None
    totp_secret: str | None
    active: bool


# ── second factor ──


async def factor(ctx: Ctx) -> Factor:
    person = await ctx.one(view(Person, User).where(User.id == ctx.actor.id))
    secret = pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=ISSUER)
    return Factor(person.totp_secret is not None, secret, uri)


async def set_factor(ctx: Ctx, secret: str, code: str) -> None:
    try:
        right = len(secret) == 32 and pyotp.TOTP(secret).verify(code.replace(" ", ""), for_time=ctx.now, valid_window=1)
    except ValueError:
        right = False
    if not right:
        raise Invalid.field("code", "this code is not right; look at the app again")
    await ctx.change(User, ctx.actor.id, totp_secret=sealed(ctx.house.config.secret, secret))
    ctx.emit(UserChanged(user_id=ctx.actor.id, fields=["second_factor"]))


async def drop_factor(ctx: Ctx, code: str) -> None:
    person = await ctx.hold(view(Person, User).where(User.id == ctx.actor.id))
    must_be_right(ctx.house.config.secret, person.totp_secret, code, ctx.now)
    await ctx.change(User, ctx.actor.id, totp_secret=None)
    ctx.emit(UserChanged(user_id=ctx.actor.id, fields=["second_factor"]))


def must_be_right(key: str, held: str | None, code: str | None, now: datetime) -> None:
    """Refuse with Invalid(field=code) when the account has a second factor and this is not its code now."""
    if held is None:
        return
    if not code:
        raise Invalid.field("code", "enter the code of your authenticator app")
    secret = _seal(key).decrypt(held.encode()).decode()
    if not pyotp.TOTP(secret).verify(code.replace(" ", ""), for_time=now, valid_window=1):
        raise Invalid.field("code", "this code is not right; look at the app again")


def sealed(key: str, secret: str) -> str:
    """The secret as it is kept: useless to who reads the database without the key of the process."""
    return _seal(key).encrypt(secret.encode()).decode()


def _seal(key: str) -> Fernet:
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"totp:" + key.encode()).digest()))


# ── a new password by mail ──


async def forgot(ctx: Ctx, email: str, tenant: str | None) -> None:
    """Asked in no tenant. Whoever asks learns nothing: the mail is a job, sent later or not at all."""
    async with ctx.everywhere():
        rows = await ctx.connection.fetch(_FIND, email.strip()[:250], tenant)
    for row in rows[:5]:
        async with unit(ctx.house, row["tenant_id"], SYSTEM, caller=ctx.caller) as own:
            await enqueue(own, send_reset, unique_key=f"reset:{row['id']}", user_id=row["id"])


async def send_reset(ctx: Ctx, user_id: str) -> None:
    """Mail a link that is good for an hour, and for one new password."""
    person = await ctx.one(view(Person, User).where(User.id == UUID(str(user_id))))
    token = reset_token(ctx.house.config.secret, ctx.tenant_id, person, int((ctx.now + RESET_FOR).timestamp()))
    link = f"{ctx.house.config.address}/reset?token={token}"
    said = translate(RESET_MAIL, person.locale, {"name": person.name, "link": link})
    await ctx.house.mail.send(person.email, translate("A new password", person.locale), said)


async def reset(ctx: Ctx, token: str, password: str) -> None:
    """Asked in no tenant: the token names tenant and user, and proves that their mail was read."""
    try:
        tenant_id, user_id, until, _ = token.split(".")
        tenant, user, good_until = unshort(tenant_id), unshort(user_id), int(until[:12])
    except (ValueError, Refusal):
        raise Invalid.field("token", "this link is not valid any more; ask for a new one") from None
    async with unit(ctx.house, tenant, SYSTEM, caller=ctx.caller) as own:
        person = await own.first(view(Person, User).where(User.id == user))
        if (
            person is None
            or not person.active
            or good_until < own.now.timestamp()
            or not hmac.compare_digest(reset_token(own.house.config.secret, tenant, person, good_until), token)
        ):
            raise Invalid.field("token", "this link is not valid any more; ask for a new one")
        rules.check_password(password, person.email)
        await own.change(User, user, password_hash=await hash_secret(password))
        await own.run(
            "UPDATE identity.session SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL", user, own.now
        )
        own.emit(UserChanged(user_id=user, fields=["password"]))
        own.forget()


def reset_token(key: str, tenant: UUID, person: Person, until: int) -> str:
    """Signed together with the password of now, so that it is worth nothing once that is another."""
    said = f"{short(tenant)}.{short(person.id)}.{until}"
    mac = hmac.new(key.encode(), f"reset:{said}:{person.password_hash}".encode(), hashlib.sha256).hexdigest()
    return f"{said}.{mac}"


RESET_MAIL = (
    "Hello {name},\n\nSomebody, probably you, asked for a new password. Choose one here within an hour:\n\n{link}\n\n"
    "If it was not you, do nothing: the old one still holds."
)
_FIND = """
SELECT u.tenant_id, u.id FROM identity.user_account u JOIN identity.tenant t ON t.id = u.tenant_id
WHERE lower(u.email) = lower($1) AND u.active AND t.status = 'active'
AND ($2::text IS NULL OR t.slug = $2 OR t.id::text = $2)
"""
