"""Routes as data: which command or query answers which path. Nothing here knows the web framework."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from entrepot.kernel import db
from entrepot.kernel.commands import body_of, describe
from entrepot.kernel.lists import Listing

Function = Callable[..., Awaitable[Any]]
PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Route:
    """One path and method. `target` is a command, a query, a listing or a hand-written handler."""

    method: str
    path: str
    kind: str
    target: Any
    needs: str
    then: Function | None = None
    status: int = 200
    table: type[db.Table] | None = None
    body: type[msgspec.Struct] | None = None
    public: bool = False
    produces: str = "application/json"
    consumes: str = "application/json"
    tags: tuple[str, ...] = ()
    fixed: dict[str, Any] = field(default_factory=dict)
    together: Function | None = None
    apart: Callable[[Any], bool] | None = None
    once: Callable[..., Sequence[str]] | None = None

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.path)

    @property
    def operation(self) -> str:
        target = self.target
        return target.name if isinstance(target, Listing) else target.__name__


def _command(method: str, path: str, function: Function, status: int, options: dict[str, Any]) -> Route:
    names = set(PARAMETER.findall(path)) | set(options.get("fixed", {}))
    described = describe(function)
    if not described.needs and not options.get("public"):
        raise TypeError(f"{function.__name__} is routed but is not marked as a command")
    if options.get("together") and (list(described.parameters) != ["body"] or options.get("then")):
        raise TypeError(
            f"{function.__name__} is done together with others, so it takes a body alone and answers itself"
        )
    return Route(
        method,
        path,
        "command",
        function,
        described.needs,
        status=status,
        body=body_of(function, names),
        **options,
    )


def post(path: str, function: Function, *, created: bool = False, **options: Any) -> Route:
    """A command by POST. `then` is the query whose answer is returned; its parameters come from the path or from
    the command's result. `created` answers 201. `together` does for several requests of one moment what the command
    does for one, as `together.Crowded` says; a body that is `apart` is never among them. `once` gives the names that a
    body has whatever idempotency key it comes under: two of one name are never under way at once."""
    return _command("POST", path, function, 201 if created else 200, options)


def put(path: str, function: Function, **options: Any) -> Route:
    return _command("PUT", path, function, 200, options)


def patch(path: str, function: Function, **options: Any) -> Route:
    return _command("PATCH", path, function, 200, options)


def delete(path: str, function: Function, **options: Any) -> Route:
    return _command("DELETE", path, function, 200, options)


def get(path: str, function: Function, **options: Any) -> Route:
    """A query by GET; what the path does not give comes from the query string."""
    described = describe(function)
    names = set(PARAMETER.findall(path)) | set(options.get("fixed", {}))
    return Route("GET", path, "query", function, described.needs, body=body_of(function, names), **options)


def listing(path: str, made: Listing[Any], **options: Any) -> Route:
    """A list by GET, with the whole grammar of lists, as JSON, CSV or XLSX."""
    return Route("GET", path, "listing", made, made.needs, **options)


def handler(method: str, path: str, function: Function, *, needs: str, **options: Any) -> Route:
    """A hand-written handler `(ctx, request) -> response`, for uploads, streams and webhooks only."""
    return Route(method, path, "handler", function, needs, **options)
