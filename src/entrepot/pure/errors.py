"""The business saying no, with facts. Nothing here knows HTTP; `kernel/http.py` gives each family its status.

Refusal
├── Malformed         what was sent cannot be read
├── Invalid           it can be read, but these fields are wrong
├── Unauthenticated   who are you?
├── Denied            you may not
├── NotFound          there is no such thing (for you)
├── Conflict          not in the state things are in now
│   └── Stale         somebody changed it after you looked
└── TooMany           not so fast
"""

from __future__ import annotations

from typing import ClassVar, Self


class Refusal(Exception):
    """A refusal with its facts.

    `message` is an English format template and at the same time the key of its translation; the facts fill it
    and travel to the caller beside it: `Conflict("cannot {move} a {state} order", move="pay", state="cancelled",
    allowed=["reopen"])`.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def __str__(self) -> str:
        return fill(self.message, self.facts)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.facts))

    @classmethod
    def of(cls, message: str, facts: dict[str, object]) -> Self:
        """The same refusal from its parts, as it arrives from another process."""
        return cls(message, **facts)


class Malformed(Refusal):
    code = "malformed"


class Invalid(Refusal):
    """Understood but refused; the fact `fields` lists every wrong field as `{"field", "problem"}`."""

    code = "invalid"

    @classmethod
    def field(cls, field: str, problem: str, /, **facts: object) -> Self:
        """One wrong field. The problem stays a template here: who shows it translates and fills it."""
        return cls(problem, field=field, fields=[{"field": field, "problem": problem}], **facts)

    def problems(self) -> list[dict[str, str]]:
        """Every wrong field with its problem in English."""
        found = self.facts.get("fields")
        if not isinstance(found, list):
            return []
        return [{"field": str(w["field"]), "problem": fill(str(w["problem"]), self.facts)} for w in found]


class Unauthenticated(Refusal):
    code = "unauthenticated"


class Denied(Refusal):
    code = "denied"


class NotFound(Refusal):
    code = "not_found"


class Conflict(Refusal):
    code = "conflict"


class Stale(Conflict):
    code = "stale"


class TooMany(Refusal):
    """Too many requests; the fact `retry_after` says how many seconds to wait."""

    code = "too_many_requests"


class KeptRefusal(Exception):
    """A refusal of a request that keeps what was written before it: a wrong guess that must be counted."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


FAMILY: dict[str, type[Refusal]] = {
    kind.code: kind
    for kind in (Refusal, Malformed, Invalid, Unauthenticated, Denied, NotFound, Conflict, Stale, TooMany)
}


def fill(template: str, facts: dict[str, object]) -> str:
    """The template with its facts; a template whose facts are missing is shown as it is, never an error."""
    try:
        return template.format_map(facts) if "{" in template else template
    except (KeyError, IndexError, ValueError, AttributeError):
        return template


def _rebuild(kind: type[Refusal], message: str, facts: dict[str, object]) -> Refusal:
    return kind(message, **facts)
