"""One's own door: a new password by mail, and a second factor."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup

from entrepot.kernel.access import LogIn
from entrepot.kernel.ctx import NIL, SYSTEM
from entrepot.kernel.http import STATUS, Exchange, same_origin
from entrepot.kernel.ui.challenges import good, place_of, signed
from entrepot.kernel.ui.shell import Shell, safe_path
from entrepot.kernel.ui.visit import Visit
from entrepot.kernel.units import unit
from entrepot.pure.errors import Denied, Invalid, Refusal, TooMany, Unauthenticated
from entrepot.pure.ids import id_of


class Account:
    """Handlers for who forgot a password, and for the page of one's own safety."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    async def forgot(self, exchange: Exchange) -> None:
        """Ask for the address; say the same whether anybody has it."""
        visit = await self._outside(exchange)
        sent, refused = False, None
        if exchange.method == "POST":
            data = await visit.data()
            try:
                same_origin(exchange)
                await self.shell.attempts.count(exchange.address)
                async with unit(exchange.house, NIL, SYSTEM, caller=exchange.caller) as ctx:
                    tenant = data.get("tenant", [""])[-1].strip() or None
                    await ctx.of(LogIn).forgot(data.get("email", [""])[-1], tenant)
                sent = True
            except (Denied, TooMany) as refusal:
                refused = refusal
        await self._show(visit, "forgot.html", "Forgot your password?", refused, sent=sent)

    async def reset(self, exchange: Exchange) -> None:
        """Choose a new password with the token of the mail."""
        visit = await self._outside(exchange)
        token, refused = visit.query.get("token", ""), None
        if exchange.method == "POST":
            data = await visit.data()
            token = data.get("token", [""])[-1]
            try:
                same_origin(exchange)
                await self.shell.attempts.count(exchange.address)
                async with unit(exchange.house, NIL, SYSTEM, caller=exchange.caller) as ctx:
                    await ctx.of(LogIn).reset(token, data.get("password", [""])[-1])
            except (Denied, Invalid, TooMany) as refusal:
                refused = refusal
            else:
                await visit.go("/login", said="Your new password is set; log in with it")
                return
        await self._show(visit, "reset.html", "Choose a new password", refused, token=token)

    async def safety(self, visit: Visit, refused: Refusal | None = None, secret: str = "") -> None:
        """Whether a second factor is asked, and how to set one up."""
        async with visit.unit(read_only=True) as ctx:
            found = await ctx.of(LogIn).factor()
            keys = await ctx.of(LogIn).passkeys()
            offer = await ctx.of(LogIn).passkey_offer(place_of(visit.exchange, visit.secure)[0])
        uri = found.uri.replace(found.secret, secret) if secret else found.uri
        await self._show(
            visit,
            "safety.html",
            "Safety of your account",
            refused,
            held=found.held,
            secret=secret or found.secret,
            picture=drawn(uri),
            keys=[(k.id, k.name, visit.formats.moment(k.created_at)) for k in keys],
            offer=Markup(offer.replace("<", "\\u003c").replace("'", "\\u0027")),  # noqa: S704
            token=signed(visit.house.config.secret, offer, visit.house.clock()),
            crumbs=[],
        )

    async def change_safety(self, visit: Visit) -> None:
        """Set the second factor up, or take it away; either takes a code that is right."""
        data = await visit.data()
        secret, code = data.get("secret", [""])[-1], data.get("code", [""])[-1]
        try:
            async with visit.unit() as ctx:
                if "drop" in data:
                    await ctx.of(LogIn).drop_factor(code)
                else:
                    await ctx.of(LogIn).set_factor(secret, code)
        except Invalid as refusal:
            await self.safety(visit, refusal, "" if "drop" in data else secret)
            return
        said = "No code is asked any more" if "drop" in data else "A code is asked at every log-in from now on"
        await visit.go("/me", said=said)

    async def change_pin(self, visit: Visit) -> None:
        """Choose a PIN for the till, or none any more."""
        data = await visit.data()
        try:
            async with visit.unit() as ctx:
                await ctx.of(LogIn).choose_pin(None if "drop" in data else data.get("pin", [""])[-1])
        except Invalid as refusal:
            await self.safety(visit, refusal)
            return
        await visit.go("/me", said="The PIN is taken away" if "drop" in data else "The PIN is set")

    async def change_passkeys(self, visit: Visit) -> None:
        """Add the passkey that the browser made, or forget one."""
        data = await visit.data()
        try:
            async with visit.unit() as ctx:
                if "drop" in data:
                    await ctx.of(LogIn).drop_passkey(id_of("passkey", data["drop"][-1]))
                else:
                    site, origin = place_of(visit.exchange, visit.secure)
                    challenge = good(visit.house.config.secret, data.get("token", [""])[-1], visit.house.clock())
                    answer, name = data.get("answer", [""])[-1], data.get("name", [""])[-1]
                    await ctx.of(LogIn).add_passkey(site, origin, challenge, answer, name)
        except Invalid as refusal:
            await self.safety(visit, refusal)
            return
        await visit.go("/me", said="The passkey is forgotten" if "drop" in data else "The passkey is added")

    async def by_passkey(self, exchange: Exchange) -> None:
        """Log in with the passkey that answered."""
        visit = await self._outside(exchange)
        data = await visit.data()
        try:
            same_origin(exchange)
            await self.shell.attempts.count(exchange.address)
            site, origin = place_of(exchange, visit.secure)
            challenge = good(exchange.house.config.secret, data.get("token", [""])[-1], exchange.house.clock())
            async with unit(exchange.house, NIL, SYSTEM, caller=exchange.caller) as ctx:
                opened = await ctx.of(LogIn).open_by_passkey(site, origin, challenge, data.get("answer", [""])[-1])
        except (Unauthenticated, Denied, Invalid, TooMany) as refusal:
            await self.shell.login_page(visit, safe_path(data.get("next", [""])[-1]), refusal)
            return
        visit.logged_in(opened.credential, opened.lasts)
        await visit.go(safe_path(data.get("next", [""])[-1]) or "/")

    async def _outside(self, exchange: Exchange) -> Visit:
        await exchange.web.by_address.count(exchange.address)
        visit = Visit(self.shell.views, exchange)
        visit.choose_locale()
        return visit

    async def _show(self, visit: Visit, template: str, title: str, refused: Refusal | None, **facts: object) -> None:
        await visit.page(
            template,
            STATUS[refused.code] if refused else 200,
            page_title=visit.t(title),
            title=visit.t(title),
            problem=visit.say(refused) if refused else "",
            **facts,
        )


def drawn(uri: str) -> Markup:
    """The address as a QR code in SVG, without the style attributes that the policy refuses."""
    out = io.BytesIO()
    segno.make(uri, error="m").save(out, kind="svg", scale=4, xmldecl=False, svgns=False, dark="#000", light="#fff")
    return Markup(out.getvalue().decode())  # noqa: S704 - made here, of nothing but squares
