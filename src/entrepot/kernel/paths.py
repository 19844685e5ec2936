"""Paths to endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

from entrepot.kernel.exchange import Exchange


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
