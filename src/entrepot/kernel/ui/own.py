"""Pages that a module draws itself, and what lets a browser install one and open it without network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from entrepot.kernel.http import Exchange, Headers
from entrepot.kernel.ui.assets import BUILT
from entrepot.kernel.ui.declare import OwnPage
from entrepot.kernel.ui.site import Place
from entrepot.kernel.ui.views import SECURITY, Views
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.encoding import encode

ALWAYS = ("theme.js", "app.css", "app.js", "icons.svg", "app-icon.svg")

Answer = Callable[[Exchange], Awaitable[None]]


async def show_own(visit: Visit) -> None:
    """The module's template, with what its script needs to know of who looks."""
    assert visit.place is not None
    assert visit.principal is not None
    page: OwnPage = visit.place.page
    await visit.page(
        f"{visit.place.module}/{page.template}",
        page_title=visit.t(visit.place.title),
        page=page,
        base=visit.url(visit.place.path),
        own={
            "base": visit.url(visit.place.path),
            "root": visit.url("/").rstrip("/"),
            "api": visit.url("/api/v1"),
            "login": visit.url("/login", next=visit.place.path),
            "tenant": visit.principal.tenant_id,
            "entity": visit.entity_id,
            "user": visit.principal.name,
            "session": visit.principal.session_id,
            "locale": "en-GB" if visit.locale == "en" else visit.locale,
            "may": [permission for permission in page.asks if visit.may(permission)],
            "texts": {key: visit.t(text) for key, text in page.texts.items()},
        },
    )


def worker_of(views: Views, place: Place) -> Answer:
    """The service worker, told which files to keep: a new build of any makes a new worker. It may be asked by
    anybody, since it holds nothing of anybody."""
    page: OwnPage = place.page

    async def answer(exchange: Exchange) -> None:
        prefix = exchange.web.prefix
        kept = [*ALWAYS, *page.sheets, *page.scripts]
        facts = {
            "page": prefix + place.path,
            "files": [f"{prefix}/static/{views.assets.name(name)}" for name in kept],
        }
        script = (BUILT / views.assets.name(page.worker)).read_bytes()
        headers: Headers = [
            (b"content-type", b"text/javascript; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"service-worker-allowed", (prefix + place.path).encode()),
            *SECURITY,
        ]
        await exchange.send(200, headers, b"self.KEPT = " + encode(facts) + b";\n" + script)

    return answer


def manifest_of(views: Views, place: Place) -> Answer:
    """What a browser shows of the installed page."""

    async def answer(exchange: Exchange) -> None:
        visit = Visit(views, exchange)
        visit.choose_locale()
        start = exchange.web.prefix + place.path
        facts = {
            "id": start,
            "name": f"{visit.t(place.title)} · Entrepot",
            "short_name": visit.t(place.title),
            "start_url": start,
            "scope": start,
            "display": "standalone",
            "lang": visit.locale,
            "theme_color": "#066fd1",
            "background_color": "#f6f8fb",
            "icons": [
                {
                    "src": visit.url(f"/static/{views.assets.name('app-icon.svg')}"),
                    "sizes": "any",
                    "type": "image/svg+xml",
                    "purpose": "any maskable",
                }
            ],
        }
        headers: Headers = [
            (b"content-type", b"application/manifest+json"),
            (b"cache-control", b"no-cache"),
            *SECURITY,
        ]
        await exchange.send(200, headers, encode(facts))

    return answer
