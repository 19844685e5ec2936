"""OpenAPI 3.1 of the routes: generated from what the functions take and give, never written."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import msgspec

from entrepot import __version__
from entrepot.kernel.commands import Command, describe
from entrepot.kernel.http import BASE, STATUS
from entrepot.kernel.lists import Listing, Page
from entrepot.kernel.module import Catalogue, Module
from entrepot.kernel.parameters import Json, SchemaOf, list_parameters, plain, query
from entrepot.kernel.preview import Previewed
from entrepot.kernel.routes import Route
from entrepot.kernel.sheets import SHEETS


def openapi(catalogue: Catalogue, *, elsewhere: bool = False, prefix: str = "") -> Json:
    """The document of this process; `elsewhere` adds the routes of the other services of the house."""
    modules = list(catalogue.modules.values())
    modules += catalogue.elsewhere.values() if elsewhere else []
    split = bool(catalogue.elsewhere)

    def paths(schema_of: SchemaOf) -> Json:
        found: Json = {}
        names: set[str] = set()
        for module in modules:
            for route in module.all_routes():
                described = Operation(module, route, schema_of, split=split).document()
                described["operationId"] = _free(names, described["operationId"], route)
                found.setdefault(BASE + route.path, {})[route.method.lower()] = described
        return found

    content, schemas = resolved(lambda schema_of: {"paths": paths(schema_of), "previewed": schema_of(Previewed)})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Entrepot",
            "version": __version__,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix.rstrip("/") or "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": module.title, "description": about(module)} for module in modules if module.all_routes()],
        "paths": content["paths"],
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM},
            "responses": {str(status): _refusal(status) for status in REFUSALS},
            "parameters": HEADERS,
            "headers": ANSWER_HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API key."}
            },
        },
    }


def resolved(build: Callable[[SchemaOf], Json]) -> tuple[Json, Json]:
    """What `build` makes with the schema of every type it asks for, and the shared schemas they refer to.

    It is called twice: schemas can only be named when all types are known."""
    asked: list[Any] = []

    def remember(kind: Any) -> Json:
        asked.append(kind)
        return {}

    build(remember)
    found, components = msgspec.json.schema_components(asked, ref_template="#/components/schemas/{name}")
    made: Iterator[Json] = iter(found)
    return build(lambda _: dict(next(made))), {name: plain(schema) for name, schema in sorted(components.items())}


def about(module: Module) -> str:
    """What a module is for: its own words, else those of its package."""
    if module.doc:
        return module.doc
    room = next((r for r in (module.commands, module.queries, module.tables, module.events) if r is not None), None)
    if room is None:
        return module.title
    package = importlib.import_module(".".join(room.__name__.split(".")[:3]))
    return (package.__doc__ or module.title).strip()


class Operation:
    """One route as OpenAPI describes it."""

    def __init__(self, module: Module, route: Route, schema_of: SchemaOf, *, split: bool) -> None:
        self.module = module
        self.route = route
        self.schema_of = schema_of
        self.split = split
        self.described: Command | None = describe(route.target) if not isinstance(route.target, Listing) else None
        self.then = describe(route.then) if route.then is not None else None

    def document(self) -> Json:
        route = self.route
        summary, description = self._words()
        found: Json = {
            "operationId": route.operation,
            "summary": summary,
            "description": description,
            "tags": list(route.tags) or [self.module.title],
            "parameters": self._parameters(),
            "responses": self._responses(),
        }
        if route.public:
            found["security"] = []
        else:
            found["x-permission"] = route.needs
        if body := self._body():
            found["requestBody"] = body
        return found

    # ── words ──

    def _words(self) -> tuple[str, str]:
        route = self.route
        if self.described is None:
            text = route.target.doc or f"Every one of {route.target.name.replace('_', ' ')}."
        else:
            text = self.described.doc or route.operation.replace("_", " ").capitalize() + "."
        text = " ".join(text.split())
        summary = re.split(r"(?<=[.:;])\s", text, maxsplit=1)[0].rstrip(".:;")
        parts = [text]
        if isinstance(route.target, Listing) and route.target.extensible is not None:
            parts.append("Custom fields are filtered by `custom__<name>=<value>`.")
        if not route.public and route.needs != "any":
            parts.append(f"Needs the permission `{route.needs}`.")
        return summary, "\n\n".join(parts)

    # ── what goes in ──

    def _parameters(self) -> list[Json]:
        route = self.route
        found = [self._in_path(name) for name in route.parameters]
        if isinstance(route.target, Listing):
            found += list_parameters(route.target, self.schema_of)
        elif route.kind == "query" and route.body is not None:
            found += self._in_query(route.body)
        elif route.kind == "command" and not route.public:
            found.append(query("preview", {"type": "boolean", "default": False}, PREVIEW))
        if not route.public:
            found += [_header("X-Business-Entity"), _header("X-Tenant-ID")]
            if route.method == "POST" and route.kind == "command":
                found.append(_header("Idempotency-Key"))
            if route.table is not None and route.kind == "command":
                found.append(_header("If-Match"))
        return [*found, _header("X-Request-ID")]

    def _in_path(self, name: str) -> Json:
        kind = self.described.parameters.get(name, str) if self.described else str
        schema = plain(self.schema_of(kind))
        if schema == {"type": "string"}:
            schema["minLength"] = 1
        return {"name": name, "in": "path", "required": True, "schema": schema}

    def _in_query(self, body: type[msgspec.Struct]) -> list[Json]:
        hints = get_type_hints(body, include_extras=True)
        found = []
        for field in msgspec.structs.fields(body):
            schema = plain(self.schema_of(hints[field.name]))
            if field.default not in (msgspec.NODEFAULT, msgspec.UNSET, None):
                schema["default"] = msgspec.to_builtins(field.default)
            found.append({**query(field.encode_name, schema), "required": field.required})
        return found

    def _body(self) -> Json | None:
        route = self.route
        if route.kind == "handler" and route.method != "GET":
            form = route.consumes == "multipart/form-data"
            kind: Json = {"type": "object"} if form else {"type": "string", "format": "binary"}
            if route.consumes == "application/json":
                kind = {}
            return {"required": True, "content": {route.consumes: {"schema": kind}}}
        if route.kind != "command" or route.body is None:
            return None
        required = any(field.required for field in msgspec.structs.fields(route.body))
        return {"required": required, "content": {"application/json": {"schema": self.schema_of(route.body)}}}

    # ── what comes out ──

    def _responses(self) -> Json:
        found = self._successes()
        for status in self._refusals():
            found[str(status)] = {"$ref": f"#/components/responses/{status}"}
        return found

    def _successes(self) -> Json:
        route = self.route
        if isinstance(route.target, Listing):
            page = self.schema_of(Page[route.target.view.shape])  # type: ignore[name-defined]
            content: Json = {"application/json": {"schema": page}}
            binary = {"schema": {"type": "string", "format": "binary"}}
            content.update({kind.decode().split(";")[0]: binary for kind, _ in SHEETS.values()})
            return {"200": _success("One page, or the whole list as a sheet.", content)}
        assert self.described is not None
        if route.kind == "handler" or route.produces != "application/json":
            schema: Json = {} if route.produces == "application/json" else {"type": "string", "format": "binary"}
            return {str(route.status): _success("The answer.", {route.produces: {"schema": schema}})}
        result = self.then.result if self.then is not None else self.described.result
        given = _enveloped(self.schema_of(result))
        extra = ["ETag"] if "version" in getattr(result, "__struct_fields__", ()) else []
        if route.kind == "query":
            return {"200": _success("The answer.", {"application/json": {"schema": given}}, *extra)}
        if route.method == "POST" and not route.public:
            extra.append("Idempotent-Replay")
        if route.public:
            return {str(route.status): _success("Done.", {"application/json": {"schema": given}}, *extra)}
        preview = _enveloped({"$ref": "#/components/schemas/Previewed"})
        if route.status != 200:
            return {
                "200": _success("What it would do (`preview=true`).", {"application/json": {"schema": preview}}),
                str(route.status): _success("Done.", {"application/json": {"schema": given}}, *extra),
            }
        # anyOf, for a result without a fixed shape may look like a preview as well.
        either = {"anyOf": [given, preview]}
        return {
            "200": _success(
                "Done, or what it would do (`preview=true`).", {"application/json": {"schema": either}}, *extra
            )
        }

    def _refusals(self) -> list[int]:
        """Exactly those this operation can give; an unknown method of a known address is 405, which no operation is."""
        route = self.route
        writes = route.kind in ("command", "handler")
        found = {429, 503}
        if route.kind != "query" or route.body is not None:
            found |= {400, 422}
        if route.public:
            return sorted(found | {400, 401, 403, 409} | ({404} if route.parameters else set()))
        found |= {401, 403, 404}
        if route.parameters:
            found.add(422)
        # A query asks its neighbours, and one in another service may be out of reach.
        if writes or self.split:
            found.add(409)
        if route.table is not None:
            found.add(412)
        return sorted(found)


# ── parts that many operations share ──


def _header(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _enveloped(schema: Json) -> Json:
    return {"type": "object", "properties": {"data": schema}, "required": ["data"]}


def _success(words: str, content: Json, *headers: str) -> Json:
    return {
        "description": words,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)},
        "content": content,
    }


def _refusal(status: int) -> Json:
    headers = {400: [], 401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    return _success(
        REFUSALS[status],
        {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        *headers,
    )


def _free(names: set[str], wanted: str, route: Route) -> str:
    """An operation id nobody has: a command may be routed more than once."""
    if wanted in names:
        words = [part for part in re.split(r"\W+", route.path) if part]
        wanted = "_".join([wanted, route.method.lower(), *words])
    names.add(wanted)
    return wanted


INTRODUCTION = f"""\
JSON in and out under `{BASE}`. Money and quantities are decimal strings, times RFC 3339 in UTC, ids UUIDs.
Success is `{{"data": ...}}`, a list adds `next_cursor`. Every refusal is `application/problem+json` (RFC 9457) with
its facts. An address that exists answers a method it does not know with 405 and `Allow`."""
PREVIEW = "Run it for real, answer everything it would change and tell, and roll it back."
REFUSALS = {
    400: "What was sent cannot be read.",
    401: "Nobody knows this credential.",
    403: "The caller may not, or the tenant is suspended.",
    404: "There is no such thing for this tenant.",
    409: "Not in the state things are in now.",
    412: "Somebody changed it after it was read.",
    422: "Understood but refused; `fields` names every wrong field.",
    429: "Too many requests; `Retry-After` says how long to wait.",
    503: "The database cannot be reached at the moment.",
}
PROBLEM: Json = {
    "title": "Problem",
    "description": "A refusal with its facts (RFC 9457).",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"enum": sorted({*STATUS, "unavailable", "internal", "method_not_allowed"})},
        "request_id": {"type": "string"},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
                "required": ["field", "problem"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id"],
}
HEADERS: Json = {
    name: {"name": name, "in": "header", "required": False, "schema": schema, "description": words}
    for name, schema, words in (
        ("X-Business-Entity", {"type": "string"}, "The business entity by id or code; else the tenant's default."),
        ("X-Tenant-ID", {"type": "string"}, "Must agree with the credential where it is given."),
        ("X-Request-ID", {"type": "string", "pattern": "^[!-~]{1,100}$"}, "Comes back in the answer and the logs."),
        (
            "Idempotency-Key",
            {"type": "string", "minLength": 1, "maxLength": 200},
            "The same key and body get the first answer again for 24 hours.",
        ),
        ("If-Match", {"type": "string"}, "The `ETag` that was read; refused with 412 when it has changed since."),
    )
}
ANSWER_HEADERS: Json = {
    "X-Request-ID": {"schema": {"type": "string"}, "required": True},
    "ETag": {"schema": {"type": "string"}, "description": "The version, for `If-Match`."},
    "Retry-After": {"schema": {"type": "integer"}, "required": True},
    "WWW-Authenticate": {"schema": {"type": "string"}, "required": True},
    "Idempotent-Replay": {"schema": {"enum": ["true"]}, "description": "This answer was given before."},
}
