"""How one route is answered: throttled, proven, permitted, read, done in a unit, told."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from entrepot.kernel import idempotency
from entrepot.kernel.access import Principal
from entrepot.kernel.commands import describe, module_of
from entrepot.kernel.ctx import NIL, SYSTEM, Actor, Ctx, Origin
from entrepot.kernel.exchange import AGAIN, JSON, RETRIES, Exchange, entity_of, etag, same_origin
from entrepot.kernel.lists import EXPORT_LIMIT, Listing, read_page
from entrepot.kernel.preview import Preview, previewed
from entrepot.kernel.routes import Route
from entrepot.kernel.sheets import SHEETS
from entrepot.kernel.together import Alone, Answer, Asked, Prepared, Together, nobody_waits, replayed
from entrepot.kernel.together import Request as Gathered
from entrepot.kernel.units import unit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Conflict, Denied, Invalid, KeptRefusal, Malformed, NotFound, Refusal, Stale
from entrepot.pure.ids import parse_id
from entrepot.pure.money import checker

if TYPE_CHECKING:
    from entrepot.kernel.http import Web

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")


class Endpoint:
    """Answers one route: throttle, CORS, who, tenant, active, permission, body, unit, answer."""

    def __init__(self, web: Web, route: Route) -> None:
        self.web = web
        self.house = web.house
        self.route = route
        self.function: Any = route.target
        # A list is the work of the module whose rows it shows.
        whose = route.target.view.shape if isinstance(route.target, Listing) else route.target
        self.operation = f"{module_of(whose)}.{route.operation}"
        self.decoder = msgspec.json.Decoder(route.body) if route.body else None
        self.check = checker(route.body) if route.body else None
        self.fields: tuple[str, ...] = route.body.__struct_fields__ if route.body else ()
        self.names: tuple[str, ...] = route.body.__struct_encode_fields__ if route.body else ()
        described = describe(self.function) if route.kind in ("command", "query") else None
        self.whole = bool(described and list(described.parameters)[-1:] == ["body"])
        self.path_kinds = {n: described.parameters.get(n, str) for n in route.parameters} if described else {}
        self.then = describe(route.then) if route.then else None
        # Only where every neighbour shares the transaction: elsewhere each request tells its neighbours by itself.
        near = route.together is not None and not web.house.topology.far
        self.together = Together(web.house, route.together, route.status) if route.together and near else None

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
        return unit(
            self.house,
            principal.tenant_id,
            self._actor(principal),
            entity_id=entity_of(exchange, principal),
            caller=exchange.caller,
            locale=exchange.locale,
            **options,
        )

    def _actor(self, principal: Principal) -> Actor:
        """Who asks; refuses with Denied who may not."""
        actor = principal.actor()
        if self.route.needs != "any" and not actor.may(self.route.needs):
            raise Denied("you need the permission {missing} for this", missing=self.route.needs)
        return actor

    def _path_values(self, exchange: Exchange) -> dict[str, Any]:
        values: dict[str, Any] = dict(self.route.fixed)
        for name, text in exchange.values.items():
            kind = self.path_kinds.get(name, str)
            if kind is UUID:
                try:
                    values[name] = parse_id(text)
                except Malformed:
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
                if name not in self.names:
                    raise Invalid.field(name, "there is no parameter {name}", name=name, allowed=list(self.names))
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
        tags = etag(result)
        # Only a version in words is made of the whole content; a row's number does not know about its lines.
        if (
            isinstance(getattr(result, "version", None), str)
            and exchange.header("if-none-match") == tags[0][1].decode()
        ):
            await exchange.send(304, tags, b"")
            return
        await exchange.json(200, {"data": result}, tags)

    async def _handle(self, exchange: Exchange, principal: Principal | None) -> None:
        request = Request(exchange.scope, exchange.piece)
        async with self._unit(exchange, principal) as ctx:
            try:
                response = await self.function(ctx, request, **self._path_values(exchange))
            except MultiPartException as error:
                raise Malformed("the form cannot be read") from error
        if not isinstance(response, Response):
            await exchange.json(self.route.status, {"data": response})
            return
        await response(exchange.scope, exchange.receive, exchange.send_raw)

    async def _command(self, exchange: Exchange, principal: Principal | None) -> None:
        raw = await exchange.body()
        values = self._path_values(exchange)
        values.update(self._decode(exchange, raw))
        preview = exchange.query.get("preview") == "true"
        key = exchange.header("idempotency-key") if exchange.method == "POST" and not preview else ""
        if len(key) > 200:
            raise Invalid.field("Idempotency-Key", "must be at most {most} characters", most=200)
        if principal is None:
            result = await self.function(self.house, exchange.caller, **values)
            await exchange.send(self.route.status, [(b"content-type", JSON)], encode({"data": result}))
            return
        fingerprint = idempotency.fingerprint_of(exchange.path, raw) if key else b""
        names = self.route.once(**values) if self.route.once is not None else ()
        locks = idempotency.locks_of(principal.tenant_id, key, names)
        alone = partial(_tried, partial(self._run, exchange, principal, values, key, fingerprint, locks, preview))
        if self.together is None or preview or (self.route.apart is not None and self.route.apart(values["body"])):
            answer = await alone(nobody_waits)
        else:
            asked = Asked(values["body"], Origin(self._actor(principal), exchange.caller))
            group = (principal.tenant_id, entity_of(exchange, principal))
            answer = await self.together.answer(Gathered(group, asked, key, fingerprint, locks), alone)
        await exchange.send(*answer)

    async def _run(
        self,
        exchange: Exchange,
        principal: Principal,
        values: dict[str, Any],
        key: str,
        fingerprint: bytes,
        locks: Sequence[idempotency.Lock],
        preview: bool,
        prepared: Prepared,
    ) -> Answer:
        refused: Refusal | None = None
        hot = self.together is not None
        async with self._unit(exchange, principal, preview=preview, locks=locks, hot=hot) as ctx:
            if key:
                kept = await idempotency.kept(ctx, key, fingerprint)
                if kept is not None:
                    return replayed(kept)
            await self._match(exchange, ctx, values)
            effects = Preview(ctx) if preview else None
            try:
                result = await self.function(ctx, **values)
            except KeptRefusal as but:
                refused = but.refusal
            else:
                if isinstance(result, Response):
                    return result.status_code, result.raw_headers, bytes(result.body)
                if self.then is not None:
                    result = await self._then(ctx, values, result)
                content: Any = {"data": result}
                if effects is not None:
                    content = {"data": await previewed(effects, result)}
                body = encode(content)
                status = 200 if preview else self.route.status
                if key:
                    await idempotency.keep(ctx, key, fingerprint, status, body)
            prepared()
        if refused is not None:
            raise refused
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


async def _tried(run: Alone, prepared: Prepared) -> Answer:
    """The answer of a unit, tried again when the database made it give way to another that wanted the same rows."""
    for _ in range(RETRIES):
        with contextlib.suppress(*AGAIN):
            return await run(prepared)
    raise Conflict("too many people are changing this at once; try again")


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
