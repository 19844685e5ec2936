"""Templates and what stands around every page: the shell, the security headers, the error page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import jinja2
import msgspec
from markupsafe import Markup

from entrepot.kernel.http import Exchange, Headers
from entrepot.kernel.ui.assets import Assets, icon_names
from entrepot.kernel.ui.declare import OwnPage
from entrepot.kernel.ui.visit import FLASH_COOKIE, Flash, Visit
from entrepot.pure.encoding import encode

if TYPE_CHECKING:
    from entrepot.kernel.ui.site import Site

TEMPLATES = Path(__file__).parent / "templates"
MODULES = Path(__file__).parents[2] / "modules"
POLICY = (
    "default-src 'self'; img-src 'self'; style-src 'self'; script-src 'self'; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
SECURITY: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (b"vary", b"Cookie, Accept-Language, HX-Request"),
]
UI_TEXTS = {
    "ok": "Confirm",
    "cancel": "Cancel",
    "close": "Close",
    "unsaved": "This form has changes that are not saved. Leave without saving?",
    "failed": "That did not work. Try again in a moment.",
    "forbidden": "You have no permission for this.",
    "gone": "This does not exist any more.",
    "slow": "The server does not answer. Check the connection and try again.",
    "tooMany": "Too many requests. Wait a moment.",
    "shortcuts": "Keyboard shortcuts",
    "shortcutsOn": "Use keyboard shortcuts",
    "palette": "Go to or do anything",
    "undo": "Undo",
}
TITLES = {
    400: "This cannot be read",
    401: "Log in first",
    403: "You may not do this",
    404: "There is nothing here",
    405: "That is not possible here",
    409: "That does not fit the state things are in",
    412: "Somebody was faster",
    422: "Something is not right yet",
    429: "Not so fast",
    500: "Something went wrong on our side",
    503: "We cannot be reached for a moment",
}
ADVICE = {
    400: "Go back and try again. If you followed a link, it may be incomplete.",
    401: "Log in and you come back to where you were.",
    403: "Ask somebody who manages users to give you this permission.",
    404: "Check the address, or search for what you need. It may have been removed, or belong to another company.",
    405: "Go back and use the buttons of the page.",
    409: "Go back, look at the current state, and decide again.",
    412: "Go back, load the page again, and repeat your change.",
    422: "Go back and correct what is named above.",
    429: "Wait a moment and try again.",
    500: "Try again. If it happens again, tell us the request number below.",
    503: "Wait a few seconds and load the page again. Nothing you entered was saved halfway.",
}


class Views:
    """Renders templates for a visit."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.assets = Assets()
        self.headers = SECURITY
        self.icon_names = icon_names()
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(TEMPLATES), jinja2.PrefixLoader(_own_templates(site))]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def render(self, visit: Visit, template: str, **facts: Any) -> str:
        names = {
            "v": visit,
            "t": visit.t,
            "label": visit.label,
            "url": visit.url,
            "asset": lambda name: visit.url(f"/static/{self.assets.name(name)}"),
            "icon": partial(_icon, visit.url(f"/static/{self.assets.name('icons.svg')}")),
            "json": _json,
            "ui_texts": _json({key: visit.t(text) for key, text in UI_TEXTS.items()}),
            "flash": flash_of(visit),
            "menu": self._menu(visit),
            **facts,
        }
        return self._environment.get_template(template).render(names)

    def _menu(self, visit: Visit) -> list[tuple[str, list[dict[str, Any]]]]:
        """The side bar of this visitor, the current page marked."""
        if visit.principal is None:
            return []
        here = visit.exchange.path
        best = max(
            (p.path for p in self.site.places if p.menu and (here == p.path or here.startswith(p.path + "/"))),
            key=len,
            default="",
        )
        return [
            (
                visit.t(group),
                [
                    {"title": visit.t(p.title), "icon": p.icon, "href": visit.url(p.path), "current": p.path == best}
                    for p in places
                ],
            )
            for group, places in self.site.groups(visit.may)
        ]

    # ── errors ──

    async def problem(self, exchange: Exchange, status: int, detail: str, headers: Headers) -> bool:
        """Answer a browser with an error page; False when the caller wants another format."""
        if not wants_page(exchange):
            return False
        visit = Visit(self, exchange)
        visit.principal = exchange.principal
        visit.credential = exchange.cookie("entrepot_session")
        visit.choose_locale()
        html = self.render(
            visit,
            "error.html",
            status=status,
            title=visit.t(TITLES.get(status, TITLES[500])),
            detail=detail,
            advice=visit.t(ADVICE.get(status, ADVICE[500])),
            page_title=visit.t(TITLES.get(status, TITLES[500])),
        )
        plain = [(k, v) for k, v in headers if k != b"content-type"]
        kind = (b"content-type", b"text/html; charset=utf-8")
        await exchange.send(status, [kind, (b"cache-control", b"no-store"), *plain, *SECURITY], html.encode())
        return True


def _own_templates(site: Site) -> dict[str, jinja2.BaseLoader]:
    """The templates of the modules that draw a page themselves, below their name."""
    modules = {place.module for place in site.places if isinstance(place.page, OwnPage)}
    return {name: jinja2.FileSystemLoader(MODULES / name / "templates") for name in sorted(modules)}


def wants_page(exchange: Exchange) -> bool:
    """A browser that loads a page, not a program and not a part that htmx asks for."""
    if exchange.path.startswith(("/api/", "/internal/")) or exchange.header("hx-request") == "true":
        return False
    return "text/html" in exchange.header("accept")


def flash_of(visit: Visit) -> Flash | None:
    """The message a redirect left for this page; it is shown once."""
    raw = visit.exchange.cookie(FLASH_COOKIE)
    if not raw:
        return None
    visit.set_cookie(FLASH_COOKIE, "", seconds=0)
    try:
        return msgspec.json.decode(unquote(raw), type=Flash)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _icon(sprite: str, name: str, extra: str = "") -> Markup:
    return Markup('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>').format(
        extra, sprite, name
    )


def _json(value: Any) -> Markup:
    """JSON that may stand in an attribute or a data block."""
    return Markup(encode(value).decode().replace("<", "\\u003c").replace("&", "\\u0026").replace("'", "\\u0027"))  # noqa: S704
