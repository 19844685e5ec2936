"""The built files by the names pages know them by; `files.py` serves them for ever."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

BUILT = Path(__file__).parent / "static" / "built"
ICONS = Path(__file__).parent / "icons.txt"


class Assets:
    """The manifest of the build, read again when a new build replaced it (a hash in every name makes that safe)."""

    def __init__(self) -> None:
        self._read_at = 0
        self._names: dict[str, str] = {}

    def name(self, logical: str) -> str:
        """The path below /static of a file by the name pages know it by."""
        manifest = BUILT / "manifest.json"
        changed = manifest.stat().st_mtime_ns if manifest.is_file() else 0
        if changed != self._read_at:
            content = json.loads(manifest.read_text(encoding="utf-8")) if changed else {}
            self._names = {name: facts["file"] for name, facts in content.items()}
            self._read_at = changed
        return self._names.get(logical, logical)


@lru_cache
def icon_names() -> frozenset[str]:
    """The icons the build puts into the sprite."""
    return frozenset(ICONS.read_text(encoding="utf-8").split())
