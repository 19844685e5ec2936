"""The web: one ASGI application made of the catalogue's routes. With `routes.py`, all that knows HTTP."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import UUID

import asyncpg
import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from entrepot.kernel import facade, idempotency
from entrepot.kernel.access import Access, Principal, PrincipalCache, throttle
from entrepot.kernel.commands import describe
from entrepot.kernel.ctx import NIL, SYSTEM, Again, Caller, Ctx, unit
from entrepot.kernel.i18n import pick_locale, translate
from entrepot.kernel.lists import EXPORT_LIMIT, Listing, read_page
from entrepot.kernel.logs import about
from entrepot.kernel.preview import Preview, previewed
from entrepot.kernel.routes import Route
from entrepot.kernel.sheets import SHEETS
from entrepot.pure.errors import (
    Conflict,
    Denied,
    Invalid,
    Malformed,
    NotFound,
    Refusal,
    Stale,
    Unauthenticated,
)
from entrepot.pure.ids import new_id, unshort
from entrepot.pure.money import checker

if TYPE_CHECKING:
    from entrepot.kernel.house import House

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
    asyncpg.CannotConnectNowError,
    OSError,
    TimeoutError,
)
_REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,100}$")
_TRACE = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")

encode = msgspec.json.Encoder(decimal_format="string").encode
logger = structlog.get_logger("entrepot.http")

# How a browser is shown a problem: the pages answer and say True, or leave it to JSON.
Present = Callable[["Exchange", int, str, Headers], Awaitable[bool]]


class Web:
    """The application of one house: API, internal calls, pages, health."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.prefix = house.config.path_prefix.rstrip("/")
        self.tree = Tree()
        for route in house.catalogue.routes:
            self.tree.add(route.method, BASE + route.path, Endpoint(self, route).__call__)
        self.mounts: dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]] = {}
        self.cache = PrincipalCache()
        self.by_address = throttle(house.config.address_limit, house.config.redis_url, "address")
        self.by_tenant = throttle(house.config.tenant_limit, house.config.redis_url, "tenant")
        self.origins = set(house.config.origins())
        self.present: Present | None = None
        self.trusted = {a.strip() for a in house.config.trusted_proxies.split(",") if a.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if self.prefix and path.startswith(self.prefix):
            path = path[len(self.prefix) :] or "/"
        exchange = Exchange(self, scope, receive, send, path)
        started = time.perf_counter()
        with about(request_id=exchange.request_id, correlation=exchange.caller.correlation):
            try:
                await self._answer(exchange)
            except Refusal as refusal:
                await exchange.refuse(refusal)
            except Exception as error:
                # The driver calls an argument it cannot encode an InterfaceError too; that is our mistake.
                if isinstance(error, GONE) and not isinstance(error, ValueError):
                    logger.error("http.unavailable", path=path, error=repr(error))
                    await exchange.unavailable()
                else:
                    logger.exception("http.failed", path=path)
                    await exchange.failed()
            finally:
                logger.info(
                    "http.request",
                    method=exchange.method,
                    path=path[:500],
                    status=exchange.status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                    address=exchange.address,
                    tenant=str(exchange.principal.tenant_id) if exchange.principal else None,
                )

    async def _answer(self, exchange: Exchange) -> None:
        if (
            exchange.method == "OPTIONS"
            and exchange.header("origin")
            and exchange.header("access-control-request-method")
        ):
            await exchange.send(204, [], b"")
            return
        found = self.tree.find(exchange.path)
        if found is None:
            for start, mounted in self.mounts.items():
                if exchange.path.startswith(start):
                    await self.by_address.count(exchange.address)
                    await mounted(exchange.scope, exchange.receive, exchange.send_raw)
                    return
            await self.by_address.count(exchange.address)
            raise NotFound("there is no {path} here", path=exchange.path[:200])
        methods, values = found
        method = "GET" if exchange.method == "HEAD" and "GET" in methods else exchange.method
        endpoint = methods.get(method)
        if endpoint is None:
            await exchange.not_allowed(sorted({*methods, "HEAD"} if "GET" in methods else methods))
            return
        exchange.values = values
        await endpoint(exchange)

    async def principal(self, exchange: Exchange, credential: str) -> Principal:
        """Whose credential this is; asked once in a few seconds."""
        known = self.cache.get(credential)
        if known is None:
            async with unit(self.house, tenant_of(credential), SYSTEM, caller=exchange.caller, read_only=True) as ctx:
                known = await ctx.of(Access).authenticate(credential)
            self.cache.keep(credential, known)
        return known

    async def agree(self, exchange: Exchange, principal: Principal) -> None:
        """The tenant named by header or host must be the credential's own, and active."""
        named = exchange.header("x-tenant-id") or self._subdomain(exchange)
        if named and named not in (str(principal.tenant_id), principal.tenant_slug):
            async with unit(self.house, NIL, SYSTEM, caller=exchange.caller, read_only=True) as ctx:
                await ctx.of(Access).tenant(named)
            raise Denied("this credential belongs to another tenant")
        if not principal.tenant_active:
            raise Denied("this tenant is suspended")

    def _subdomain(self, exchange: Exchange) -> str:
        base = self.house.config.base_domain
        host = exchange.header("host").split(":")[0].lower()
        return host[: -len(base) - 1] if base and host.endswith("." + base) else ""


class Tree:
    """Paths to endpoints: one dictionary look-up per segment, whatever the number of routes."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, method: str, path: str, endpoint: Callable[[Exchange], Awaitable[None]]) -> None:
        node, names = self._root, []
        for part in _parts(path):
            if part.startswith("{"):
                names.append(part[1:-1])
                part = "{}"
            node = node.setdefault(part, {})
        methods, known = node.setdefault("", ({}, {}))
        methods[method] = endpoint
        known[method] = names
        node["names"] = names

    def find(self, path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        parts = _parts(path)
        found = self._walk(self._root, parts, 0, [])
        if found is None:
            return None
        node, values = found
        methods, _ = node[""]
        return methods, dict(zip(node["names"], values, strict=True))

    def _walk(
        self, node: dict[str, Any], parts: list[str], at: int, values: list[str]
    ) -> tuple[dict[str, Any], list[str]] | None:
        if at == len(parts):
            return (node, values) if "" in node else None
        part = parts[at]
        child = node.get(part) if part not in ("", "{}", "names") else None
        if child is not None:
            found = self._walk(child, parts, at + 1, values)
            if found is not None:
                return found
        child = node.get("{}")
        if child is not None and part:
            return self._walk(child, parts, at + 1, [*values, part])
        return None


def _parts(path: str) -> list[str]:
    trimmed = path.strip("/")
    return trimmed.split("/") if trimmed else []


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


class Endpoint:
    """Answers one route: throttle, CORS, who, tenant, active, permission, body, unit, answer."""

    def __init__(self, web: Web, route: Route) -> None:
        self.web = web
        self.house = web.house
        self.route = route
        self.function: Any = route.target
        self.operation = f"{_module(route)}.{route.operation}"
        self.decoder = msgspec.json.Decoder(route.body) if route.body else None
        self.check = checker(route.body) if route.body else None
        self.fields: tuple[str, ...] = route.body.__struct_fields__ if route.body else ()
        described = describe(self.function) if route.kind in ("command", "query") else None
        self.whole = bool(described and list(described.parameters)[-1:] == ["body"])
        self.path_kinds = {n: described.parameters.get(n, str) for n in route.parameters} if described else {}
        self.then = describe(route.then) if route.then else None

    async def __call__(self, exchange: Exchange) -> None:
        web, route = self.web, self.route
        await web.by_address.count(exchange.address)
        if route.public:
            principal = None
        else:
            credential, by_cookie = exchange.credential()
            if by_cookie and exchange.method not in ("GET", "HEAD"):
                same_origin(exchange)
            principal = exchange.principal = await web.principal(exchange, credential)
            await web.agree(exchange, principal)
            await web.by_tenant.count(f"{principal.tenant_id}{principal.actor_id}")
        with self.house.metrics.timed(self.operation):
            if route.kind == "listing":
                await self._list(exchange, principal)
            elif route.kind == "query":
                await self._query(exchange, principal)
            elif route.kind == "handler":
                await self._handle(exchange, principal)
            else:
                await self._command(exchange, principal)

    def _unit(self, exchange: Exchange, principal: Principal | None, **options: Any) -> Any:
        if principal is None:
            return unit(self.house, NIL, SYSTEM, caller=exchange.caller, locale=exchange.locale, **options)
        actor = principal.actor()
        if self.route.needs != "any" and not actor.may(self.route.needs):
            raise Denied("you need the permission {missing} for this", missing=self.route.needs)
        return unit(
            self.house,
            principal.tenant_id,
            actor,
            entity_id=entity_of(exchange, principal),
            caller=exchange.caller,
            locale=exchange.locale,
            **options,
        )

    def _path_values(self, exchange: Exchange) -> dict[str, Any]:
        values: dict[str, Any] = dict(self.route.fixed)
        for name, text in exchange.values.items():
            kind = self.path_kinds.get(name, str)
            if kind is UUID:
                try:
                    values[name] = UUID(text)
                except ValueError:
                    raise NotFound("there is no such {what}", what=name.removesuffix("_id")) from None
            elif kind is str:
                if "\x00" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
                    raise NotFound("there is no such {what}", what=name)
                values[name] = text
            else:
                try:
                    values[name] = msgspec.convert(text, kind, strict=False)
                except msgspec.ValidationError:
                    raise NotFound("there is no such {what}", what=name) from None
        return values

    async def _list(self, exchange: Exchange, principal: Principal | None) -> None:
        query = exchange.query
        sheet = query.get("format", "json")
        async with self._unit(exchange, principal, read_only=True) as ctx:
            if sheet == "json":
                page = await read_page(ctx, self.function, query)
                await exchange.json(200, page)
                return
            if sheet not in SHEETS:
                raise Invalid.field("format", "must be one of {allowed}", allowed=["json", *SHEETS])
            asked = {k: v for k, v in query.items() if k not in ("limit", "cursor")}
            page = await read_page(ctx, self.function, {"limit": str(EXPORT_LIMIT), **asked}, most=EXPORT_LIMIT)
        kind, write = SHEETS[sheet]
        name = f'attachment; filename="{self.function.name}.{sheet}"'.encode()
        body = write(list(self.function.columns), page.data)
        await exchange.send(200, [(b"content-type", kind), (b"content-disposition", name)], body)

    async def _query(self, exchange: Exchange, principal: Principal | None) -> None:
        values = self._path_values(exchange)
        if self.route.body is not None:
            given = {k: v for k, v in exchange.query.items() if k not in ("preview",)}
            for name in given:
                if name not in self.fields:
                    raise Invalid.field(name, "there is no parameter {name}", name=name, allowed=list(self.fields))
            try:
                body = msgspec.convert(given, self.route.body, strict=False)
            except msgspec.ValidationError as error:
                raise invalid(error) from None
            if self.check is not None:
                self.check(body)
            values.update({name: getattr(body, name) for name in self.fields})
        if principal is None:
            result = await self.function(self.house, exchange.caller, **values)
        else:
            async with self._unit(exchange, principal, read_only=True) as ctx:
                result = await self.function(ctx, **values)
        if isinstance(result, Response):
            await result(exchange.scope, exchange.receive, exchange.send_raw)
            return
        await exchange.json(200, {"data": result}, etag(result))

    async def _handle(self, exchange: Exchange, principal: Principal | None) -> None:
        request = Request(exchange.scope, exchange.receive)
        async with self._unit(exchange, principal) as ctx:
            response = await self.function(ctx, request, **self._path_values(exchange))
        await response(exchange.scope, exchange.receive, exchange.send_raw)

    async def _command(self, exchange: Exchange, principal: Principal | None) -> None:
        raw = await exchange.body()
        values = self._path_values(exchange)
        values.update(self._decode(exchange, raw))
        preview = exchange.query.get("preview") == "true"
        key = exchange.header("idempotency-key") if exchange.method == "POST" and not preview else ""
        if len(key) > 200:
            raise Invalid.field("Idempotency-Key", "must be at most {most} characters", most=200)
        attempt = 0
        while True:
            attempt += 1
            try:
                status, headers, body = await self._run(exchange, principal, values, raw, key, preview)
                break
            except AGAIN:
                # Two units wanted the same rows in a different order; the database chose this one to give way.
                if attempt == RETRIES:
                    raise Conflict("too many people are changing this at once; try again") from None
        await exchange.send(status, headers, body)

    async def _run(
        self,
        exchange: Exchange,
        principal: Principal | None,
        values: dict[str, Any],
        raw: bytes,
        key: str,
        preview: bool,
    ) -> tuple[int, Headers, bytes]:
        fingerprint = b""
        lock: int | None = None
        if key and principal is not None:
            fingerprint = hashlib.sha256(b"\0".join((exchange.path.encode(), raw))).digest()
            lock = idempotency.lock_of(principal.tenant_id, key)
        if principal is None:
            result = await self.function(self.house, exchange.caller, **values)
            return self.route.status, [(b"content-type", JSON)], encode({"data": result})
        async with self._unit(exchange, principal, preview=preview, lock=lock) as ctx:
            if lock is not None:
                kept = await idempotency.kept(ctx, key, fingerprint)
                if kept is not None:
                    return kept.status, [(b"content-type", JSON), (b"idempotent-replay", b"true")], kept.body
            await self._match(exchange, ctx, values)
            effects = Preview(ctx) if preview else None
            result = await self.function(ctx, **values)
            if isinstance(result, Response):
                return result.status_code, result.raw_headers, bytes(result.body)
            if self.then is not None:
                result = await self._then(ctx, values, result)
            content: Any = {"data": result}
            if effects is not None:
                content = {"data": await previewed(effects, result)}
            body = encode(content)
            status = 200 if preview else self.route.status
            if lock is not None:
                await idempotency.keep(ctx, key, fingerprint, status, body)
        return status, [(b"content-type", JSON), *etag(result)], body

    async def _then(self, ctx: Ctx, values: dict[str, Any], result: Any) -> Any:
        """Answer with the query named by the route: its arguments are the path's, else the command's result."""
        assert self.then is not None
        arguments = {name: values[name] for name in self.then.parameters if name in values}
        for name in self.then.parameters:
            if name not in arguments and name not in self.then.defaults:
                arguments[name] = result
        return await self.then.function(ctx, **arguments)

    async def _match(self, exchange: Exchange, ctx: Ctx, values: dict[str, Any]) -> None:
        wanted = exchange.header("if-match")
        if not wanted or wanted == "*" or self.route.table is None:
            return
        named = [values[name] for name in self.route.parameters]
        identifier = next((value for value in reversed(named) if isinstance(value, UUID)), None)
        # The table is our own declaration.
        version = await ctx.value(
            f"SELECT version FROM {self.route.table.qualified()} WHERE id = $1 FOR UPDATE",  # noqa: S608
            identifier,
        )
        if version is not None and wanted.strip().removeprefix("W/").strip('"') != str(version):
            raise Stale("somebody changed this after you looked; read it again", current=str(version))

    def _decode(self, exchange: Exchange, raw: bytes) -> dict[str, Any]:
        if self.decoder is None:
            if raw.strip() not in (b"", b"{}", b"null"):
                raise Invalid("this takes no body", fields=[{"field": "", "problem": "this takes no body"}])
            return {}
        kind = exchange.header("content-type").split(";")[0].strip().lower()
        if raw and kind not in ("", "application/json") and not kind.endswith("+json"):
            raise Malformed("send JSON, with Content-Type: application/json", content_type=kind[:100])
        body = decode_body(self.decoder, raw or b"{}")
        if self.check is not None:
            self.check(body)
        return {"body": body} if self.whole else {name: getattr(body, name) for name in self.fields}


def decode_body(decoder: Any, raw: bytes) -> Any:
    """A body as its struct; broken JSON is Malformed, a wrong field Invalid."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("the body is not valid JSON: {problem}", problem=str(error)[:200]) from None


def invalid(error: msgspec.ValidationError) -> Invalid:
    """The field that does not fit, by its path: `lines[0].sku`."""
    text = str(error)
    found = _AT.search(text)
    path = found.group("path").lstrip(".") if found else ""
    problem = _AT.sub("", text)
    missing = re.match(r"Object missing required field `(\w+)`", problem)
    if missing:
        path = f"{path}.{missing.group(1)}" if path else missing.group(1)
        return Invalid.field(path, "this field is required")
    unknown = re.match(r"Object contains unknown field `(.*)`", problem)
    if unknown:
        path = f"{path}.{unknown.group(1)}" if path else unknown.group(1)
        return Invalid.field(path, "there is no such field")
    return Invalid.field(path, "this does not fit: {problem}", problem=problem)


def problem(refusal: Refusal, locale: str, request_id: str) -> dict[str, Any]:
    """A refusal as RFC 9457 problem details, in the caller's language, with its facts."""
    content = _problem(
        STATUS[refusal.code], refusal.code, translate(refusal.message, locale, refusal.facts), request_id
    )
    for name, value in refusal.facts.items():
        content.setdefault(name, value)
    if isinstance(refusal, Invalid) and "fields" not in content:
        content["fields"] = []
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


def _module(route: Route) -> str:
    if isinstance(route.target, Listing):
        return route.tags[0] if route.tags else "list"
    parts = route.target.__module__.split(".")
    return parts[2] if len(parts) > 2 and parts[1] == "modules" else "kernel"


async def internal_facade(exchange: Exchange) -> None:
    """The door for other services of this house."""
    body = await exchange.body()
    facade.verify(
        exchange.house.config.secret,
        body,
        exchange.header("x-entrepot-time"),
        exchange.header("x-entrepot-signature"),
    )
    await exchange.send(200, [(b"content-type", JSON)], await facade.answer(exchange.house, body))


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
