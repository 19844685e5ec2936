"""A browser without a screen: logs in, follows links, sends forms, over the world's ASGI client."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx2

from entrepot.kernel.units import unit
from entrepot.modules.identity.commands import people
from entrepot.testing.world import PASSWORD, World

HOST = "http://entrepot.test"


# A completed order with a deadline that has passed, not noticed yet or noticed.
DUE = """
INSERT INTO kernel.status (entity_type, entity_id, status, since, deadline)
VALUES ('order', $1, 'completed', now(), now() - interval '1 hour')
"""
LATE = DUE.replace("deadline)", "overdue)").replace("now() - interval '1 hour'", "true")


class Browser:
    """One browser window with its cookies."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.headers = {"accept": "text/html", "accept-language": "en"}

    async def get(self, path: str, *, status: int = 200, **headers: str) -> str:
        """The text of a page that answers with this status."""
        response = await self.call("GET", path, **headers)
        assert response.status_code == status, (response.status_code, path, response.text[:3000])
        assert " object at 0x" not in response.text, (path, "a page shows something of Python's own")
        return response.text

    async def post(self, path: str, fields: Any = (), *, status: int = 303, **headers: str) -> httpx2.Response:
        """Send a form, with the token of the page that was seen last."""
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        body = urlencode([("csrf", self.csrf), *pairs], doseq=True)
        response = await self.call(
            "POST", path, body, **{"content-type": "application/x-www-form-urlencoded", "origin": HOST, **headers}
        )
        assert response.status_code == status, (response.status_code, path, problems(response.text))
        return response

    async def call(self, method: str, path: str, body: str = "", **headers: str) -> httpx2.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.world.client.cookies.clear()
        response = await self.world.client.request(
            method,
            path,
            content=body or None,
            headers={**self.headers, **({"cookie": cookie} if cookie else {}), **headers},
        )
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        found = re.search(r'name="csrf" content="([^"]*)"', response.text)
        if found and found.group(1):
            self.csrf = found.group(1)
        return response

    async def log_in(self, email: str, password: str = PASSWORD) -> None:
        await self.post("/login", {"email": email, "password": password})
        await self.get("/")


def problems(html: str) -> list[str]:
    """What a page says is wrong."""
    found = re.findall(
        r'class="app-problem"[^>]*>(?:<svg.*?</svg>)?([^<]*)|role="alert">.*?<div>(.*?)</div>', html, re.S
    )
    return [unescape(a or b) for a, b in found if a or b]


async def somebody(
    world: World, *, roles: tuple[str, ...] = ("admin",), permissions: tuple[str, ...] = ()
) -> tuple[Browser, Any]:
    """A browser that is logged in to a new tenant, and the tenant's API person."""
    person = await world.tenant()
    house = world.house_of("identity")
    email = f"{person.tenant.hex[-12:]}@pages.test"
    async with unit(house, person.tenant) as ctx:
        if permissions:
            await people.create_role(ctx, "some", "Some", list(permissions))
            roles = ("some",)
        await people.create_user(ctx, email, "Petra Pages", PASSWORD, list(roles))
    browser = Browser(world)
    await browser.log_in(email)
    return browser, person
