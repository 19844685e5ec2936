"""A sentence that is translated where somebody reads it: an English template and its facts."""

from __future__ import annotations

from typing import Any

import msgspec


class Said(msgspec.Struct, frozen=True):
    """What to say, as it is kept and as it travels. Facts called `status`, `method` and the like are words to be
    translated as well, those called `amount`, `quantity` and the like are numbers in the reader's notation."""

    text: str
    facts: dict[str, Any] = {}


def says(text: str, /, **facts: Any) -> Said:
    """A sentence with its facts; the template is a constant, so that its translation is found at start."""
    return Said(text, facts)


WORDS = frozenset({"aspect", "reason", "status", "method", "part", "kind"})
NUMBERS = frozenset({"amount", "quantity", "missing", "owed", "low_at", "count"})
