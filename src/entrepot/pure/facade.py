"""Declarations of what a module may be asked or told. The kernel binds them, near or far; callers cannot tell which."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, get_type_hints

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a facade offers. An ask reads; a tell changes, is idempotent by its first argument, may name its undo."""

    name: str
    kind: str
    undo: str | None
    parameters: dict[str, Any]
    result: Any


def ask(function: F) -> F:
    """A question: free to ask, changes nothing."""
    function.__operation__ = ("ask", None)  # type: ignore[attr-defined]
    return function


def tell(undo: str | None = None) -> Callable[[F], F]:
    """A demand whose answer the user must know now: provisional, idempotent by its first argument."""

    def mark(function: F) -> F:
        function.__operation__ = ("tell", undo)  # type: ignore[attr-defined]
        return function

    return mark


class Facade:
    """The only door of a module: class Inventory(Facade, name="inventory") with @ask and @tell methods."""

    facade_name: ClassVar[str] = ""

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.facade_name = name

    @classmethod
    def operations(cls) -> dict[str, Operation]:
        """Every operation with its parameters and result as types."""
        found: dict[str, Operation] = {}
        for name, function in vars(cls).items():
            mark = getattr(function, "__operation__", None)
            if mark is None:
                continue
            hints = get_type_hints(function, include_extras=True)
            names = [p for p in inspect.signature(function).parameters if p != "self"]
            found[name] = Operation(
                name, mark[0], mark[1], {p: hints[p] for p in names}, hints.get("return", type(None))
            )
        return found
