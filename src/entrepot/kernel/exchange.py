"""One request and its answer: headers, body, credentials, problems. What every address of the house works with."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import UUID

import asyncpg

from entrepot.kernel.access import Principal
from entrepot.kernel.ctx import Again, Caller
from entrepot.kernel.i18n import pick_locale, translate
from entrepot.pure.encoding import encode
from entrepot.pure.errors import (
    Denied,
    Invalid,
    Malformed,
    NotFound,
    Refusal,
    Unauthenticated,
)
from entrepot.pure.ids import new_id, unshort

if TYPE_CHECKING:
    from entrepot.kernel.http import Web

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

STATUS = {
    "malformed": 400,
    "unauthenticated": 401,
    "denied": 403,
    "not_found": 404,
    "conflict": 409,
    "stale": 412,
    "invalid": 422,
    "refused": 422,
    "too_many_requests": 429,
}
BASE = "/api/v1"
JSON = b"application/json"
PROBLEM = b"application/problem+json"
SESSION_COOKIE = "entrepot_session"
RETRIES = 4
AGAIN = (Again, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    OSError,
    TimeoutError,
)
_REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,100}$")
_TRACE = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")

# How a browser is shown a problem: the pages answer and say True, or leave it to JSON.
Present = Callable[["Exchange", int, str, Headers], Awaitable[bool]]


class Exchange:
    """One request and its answer."""

    def __init__(self, web: Web, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        self.web = web
        self.house = web.house
        self.scope = scope
        self.receive = receive
        self.path = path
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.values: dict[str, str] = {}
        self.principal: Principal | None = None
        self.started = False
        self.size = 0
        self.status: int | None = None
        self._send = send
        given = self.header("x-request-id")
        self.request_id = given if _REQUEST_ID.match(given) else new_id().hex
        self.address = self._address()
        trace = _TRACE.match(self.header("traceparent"))
        self.caller = Caller(
            request_id=self.request_id,
            address=self.address,
            agent=self.header("user-agent")[:300],
            correlation=trace.group(1) if trace else self.request_id,
        )
        self._query: dict[str, str] | None = None

    def header(self, name: str) -> str:
        return self.headers.get(name.encode(), b"").decode("latin-1")

    @property
    def locale(self) -> str:
        preferred = self.principal.locale if self.principal else self.house.config.locale
        return pick_locale(self.header("accept-language"), preferred)

    @property
    def query(self) -> dict[str, str]:
        if self._query is None:
            raw: bytes = self.scope["query_string"]
            try:
                pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
            except (UnicodeDecodeError, ValueError) as error:
                raise Malformed("the query string cannot be read") from error
            self._query = dict(pairs)
            if any("\x00" in part for pair in pairs for part in pair):
                raise Malformed("the query string cannot be read")
        return self._query

    def credential(self) -> tuple[str, bool]:
        """(credential, whether it came by cookie). Refuses with Unauthenticated when there is none."""
        scheme, _, token = self.header("authorization").partition(" ")
        if token and scheme.lower() == "bearer":
            return token.strip(), False
        cookie = self.cookie(SESSION_COOKIE)
        if cookie:
            return cookie, True
        raise Unauthenticated("log in or send an API key")

    def cookie(self, name: str) -> str:
        for part in self.header("cookie").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return ""

    async def body(self) -> bytes:
        """The whole request body; refuses what is larger than the configured limit."""
        limit = self.house.config.body_limit
        declared = self.header("content-length")
        if declared.isdigit() and int(declared[:15]) > limit:
            raise Malformed("the request is larger than {limit} bytes", limit=limit)
        chunks, size = [], 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Malformed("the request was cut off")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise Malformed("the request is larger than {limit} bytes", limit=limit)
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks) if len(chunks) > 1 else chunks[0]

    async def piece(self) -> Message:
        """The next piece of the body, for hand-written handlers that read it themselves; the limit is the same."""
        message = await self.receive()
        self.size += len(message.get("body", b""))
        if self.size > self.house.config.body_limit:
            raise Malformed("the request is larger than {limit} bytes", limit=self.house.config.body_limit)
        return message

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        self.started = True
        self.status = status
        headers = [
            *headers,
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", self.request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        origin = self.header("origin")
        if origin and (origin in self.web.origins or "*" in self.web.origins):
            headers += _cors(origin)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def send_raw(self, message: Message) -> None:
        """What a mounted application sends, with our headers."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", []), (b"x-request-id", self.request_id.encode())]
        await self._send(message)

    async def json(self, status: int, content: Any, headers: Headers | None = None) -> None:
        await self.send(status, [(b"content-type", JSON), *(headers or [])], encode(content))

    async def refuse(self, refusal: Refusal) -> None:
        if self.started:
            return
        status = STATUS[refusal.code]
        headers: Headers = [(b"content-type", PROBLEM)]
        if status == 429:
            headers.append((b"retry-after", str(refusal.facts.get("retry_after", 1)).encode()))
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        detail = translate(refusal.message, self.locale, refusal.facts)
        if self.web.present is None or not await self.web.present(self, status, detail, headers):
            await self.send(status, headers, encode(problem(refusal, self.locale, self.request_id)))

    async def not_allowed(self, methods: list[str]) -> None:
        allowed = ", ".join(methods)
        content = _problem(
            405,
            "method_not_allowed",
            translate("this address knows only {allowed}", self.locale, {"allowed": allowed}),
            self.request_id,
        )
        headers = [(b"content-type", PROBLEM), (b"allow", allowed.encode())]
        if self.web.present is None or not await self.web.present(self, 405, str(content["detail"]), headers):
            await self.send(405, headers, encode(content))

    async def unavailable(self) -> None:
        if not self.started:
            detail = translate("the database cannot be reached; try again in a moment", self.locale, {})
            content = _problem(503, "unavailable", detail, self.request_id)
            headers = [(b"content-type", PROBLEM), (b"retry-after", b"2")]
            if self.web.present is None or not await self.web.present(self, 503, detail, headers):
                await self.send(503, headers, encode(content))

    async def failed(self) -> None:
        if not self.started:
            detail = translate("something went wrong on our side; tell us the request id", self.locale, {})
            headers = [(b"content-type", PROBLEM)]
            if self.web.present is None or not await self.web.present(self, 500, detail, headers):
                await self.send(500, headers, encode(_problem(500, "internal", detail, self.request_id)))

    def _address(self) -> str:
        client = self.scope.get("client")
        address = str(client[0]) if client else ""
        if address in self.web.trusted:
            forwarded = self.header("x-forwarded-for").split(",")[0].strip()
            return forwarded[:100] or address
        return address


def problem(refusal: Refusal, locale: str, request_id: str) -> dict[str, Any]:
    """A refusal as RFC 9457 problem details, in the caller's language, with its facts."""
    content = _problem(
        STATUS[refusal.code], refusal.code, translate(refusal.message, locale, refusal.facts), request_id
    )
    for name, value in refusal.facts.items():
        content.setdefault(name, value)
    if isinstance(refusal, Invalid):
        content["fields"] = [
            {**wrong, "problem": translate(str(wrong["problem"]), locale, refusal.facts)}
            for wrong in refusal.facts.get("fields") or []  # type: ignore[attr-defined]
        ]
    return content


def _problem(status: int, code: str, detail: str, request_id: str) -> dict[str, Any]:
    return {
        "type": f"urn:entrepot:problem:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }


def entity_of(exchange: Exchange, principal: Principal) -> UUID:
    """The business entity the caller chose by id or code, or the tenant's default."""
    chosen = exchange.header("x-business-entity") or exchange.cookie("entrepot_entity")
    if not chosen:
        return principal.default_entity
    for code, identifier in principal.entities.items():
        if chosen in (code, str(identifier)):
            return identifier
    raise NotFound("there is no such {what}", what="business entity")


def same_origin(exchange: Exchange) -> None:
    """Refuse a state change by cookie that a foreign page started (CSRF). Browsers say where a request comes from."""
    site = exchange.header("sec-fetch-site")
    if site:
        if site not in ("same-origin", "none"):
            raise Denied("this request came from another site")
        return
    origin = exchange.header("origin") or exchange.header("referer")
    host = exchange.header("x-forwarded-host") if exchange.web.trusted else ""
    host = host or exchange.header("host")
    if not origin or origin.split("://", 1)[-1].split("/", 1)[0] != host:
        raise Denied("this request came from another site")


def tenant_of(credential: str) -> UUID:
    """The tenant that a credential names in its middle part; the proof comes later."""
    parts = credential.split("_", 2)
    if len(parts) == 3 and len(credential) < 300:
        try:
            return unshort(parts[1])
        except Refusal:
            pass
    raise Unauthenticated("this is not a credential of ours")


def etag(result: Any) -> Headers:
    version = getattr(result, "version", None)
    return [(b"etag", f'"{version}"'.encode())] if version is not None else []


def _cors(origin: str) -> Headers:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"vary", b"Origin"),
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        (
            b"access-control-allow-headers",
            b"authorization, content-type, idempotency-key, if-match, x-business-entity, x-request-id, x-tenant-id, "
            b"traceparent, accept-language",
        ),
        (b"access-control-expose-headers", b"etag, x-request-id, retry-after"),
        (b"access-control-max-age", b"600"),
    ]
