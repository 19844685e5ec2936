"""What happened, in the past tense: facts only, and fields are only ever added."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The base of every event; `event` gives it its name.

    @event("order.paid", about="order_id")
    class OrderPaid(Event): ...
    """

    event_name: ClassVar[str] = ""
    event_version: ClassVar[int] = 1
    event_about: ClassVar[str] = ""
    event_aliases: ClassVar[tuple[str, ...]] = ()

    @property
    def subject(self) -> str:
        """The entity this event is about: events of one subject are handled in the order they happened."""
        return str(getattr(self, self.event_about))


E = TypeVar("E", bound=Event)


def event(name: str, *, about: str, version: int = 1, aliases: tuple[str, ...] = ()) -> Callable[[type[E]], type[E]]:
    """Name an event. `name` is canonical and dotted, `about` the field that names the entity within which order is
    kept, `aliases` the names other documents use for it (accepted in subscriptions)."""

    def mark(kind: type[E]) -> type[E]:
        if about not in kind.__struct_fields__:
            raise TypeError(f"{kind.__name__} has no field {about!r} to be about")
        kind.event_name, kind.event_about, kind.event_version, kind.event_aliases = (
            name,
            about,
            version,
            aliases,
        )
        return kind

    return mark


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as it travels and as it is stored, with the names of CloudEvents 1.0."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    tenant: str
    data: msgspec.Raw
    version: int = msgspec.field(default_factory=lambda: 1)
    actor: str | None = None
    entity: str | None = None
    correlation: str | None = None
    causation: str | None = None
    # From a factory, because CloudEvents requires them and what equals a plain default is left out.
    specversion: str = msgspec.field(default_factory=lambda: "1.0")
    datacontenttype: str = msgspec.field(default_factory=lambda: "application/json")
