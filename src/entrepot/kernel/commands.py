"""Commands: functions that check, ask, change and tell. Their parameters are their body, their call and their record."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import msgspec

C = TypeVar("C", bound=Callable[..., Awaitable[Any]])
_MARK = "__command__"


@dataclass(frozen=True, slots=True)
class Command:
    """What the kernel knows of a command: permission, parameters and result, read once from its signature."""

    name: str
    function: Callable[..., Awaitable[Any]]
    needs: str
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    result: Any
    doc: str

    @property
    def module(self) -> str:
        return module_of(self.function)


def command(needs: str) -> Callable[[C], C]:
    """Mark a command and the permission it needs. The permission is asked where a request enters, not when one
    command calls another: who may pay an order needs no right to post journal entries."""

    def mark(function: C) -> C:
        setattr(function, _MARK, needs)
        return function

    return mark


def is_command(function: object) -> bool:
    return hasattr(function, _MARK)


_KNOWN: dict[Any, Command] = {}


def describe(function: Callable[..., Awaitable[Any]]) -> Command:
    """The description of a marked function."""
    found = _KNOWN.get(function)
    if found is None:
        hints = get_type_hints(function, include_extras=True)
        signature = inspect.signature(function)
        # The first parameter is `ctx`; what runs before there is a tenant takes `house` and `caller` instead.
        names = [name for name in signature.parameters if name not in ("ctx", "house", "caller")]
        found = _KNOWN[function] = Command(
            name=function.__name__,
            function=function,
            needs=getattr(function, _MARK, ""),
            parameters={name: hints[name] for name in names},
            defaults={
                name: signature.parameters[name].default
                for name in names
                if signature.parameters[name].default is not inspect.Parameter.empty
            },
            result=hints.get("return", type(None)),
            doc=inspect.getdoc(function) or "",
        )
    return found


def body_of(function: Callable[..., Awaitable[Any]], path_names: set[str]) -> type[msgspec.Struct] | None:
    """The request body of a command: its one struct called `body`, or a struct made of its parameters."""
    described = describe(function)
    rest = {name: kind for name, kind in described.parameters.items() if name not in path_names}
    if not rest:
        return None
    if list(rest) == ["body"]:
        return rest["body"]  # type: ignore[no-any-return]
    fields = [_field(name, kind, described.defaults) for name, kind in rest.items()]
    title = "".join(part.capitalize() for part in function.__name__.split("_"))
    return msgspec.defstruct(title, fields, kw_only=True, forbid_unknown_fields=True, module=function.__module__)


def module_of(declared: Any) -> str:
    """The module a function or a struct belongs to: entrepot.modules.orders.commands.paying -> orders."""
    parts = declared.__module__.split(".")
    return parts[2] if parts[:2] == ["entrepot", "modules"] and len(parts) > 2 else "kernel"


def _field(name: str, kind: Any, defaults: dict[str, Any]) -> Any:
    """A parameter as a field. `from_` is called `from` outside: the word is Python's, not the caller's."""
    options: dict[str, Any] = {"name": name[:-1]} if name.endswith("_") else {}
    if name in defaults:
        value = defaults[name]
        if isinstance(value, (list, dict, set)):
            return (name, kind, msgspec.field(default_factory=type(value), **options))
        return (name, kind, msgspec.field(default=value, **options))
    return (name, kind, msgspec.field(**options)) if options else (name, kind)
