"""Values as people read them: numbers, dates and words in the language and time zone of who looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.numbers import get_decimal_symbol, get_group_symbol

from entrepot.kernel.i18n import translate
from entrepot.kernel.ui.labels import label_of, tone_of
from entrepot.pure.said import NUMBERS, WORDS, Said

PLUMBING = frozenset({"id", "tenant_id", "version", "created_at", "updated_at"})
STATES = frozenset({"state", "status"})
CODED = frozenset(
    {
        "kind",
        "type",
        "channel",
        "method",
        "segment",
        "action",
        "entity_type",
        "normal_balance",
        "tax_category",
        "category",
        "aspect",
        "reason_category",
    }
)


@dataclass(frozen=True)
class Cell:
    """One value ready to be shown: its text and how the template draws it."""

    text: str = ""
    style: str = "text"
    href: str = ""
    tone: str = ""
    title: str = ""
    parts: tuple[str, ...] = ()


EMPTY = Cell("", "empty")


@dataclass(frozen=True)
class Formats:
    """How values look for one reader."""

    locale: str
    zone: str = "UTC"

    def words(self, text: str, **facts: Any) -> str:
        return translate(text, self.locale, facts)

    def number(self, value: Decimal | int | float) -> str:
        """With the reader's separators and exactly the decimals the value has."""
        exact = _two(Decimal(str(value))) if isinstance(value, float) else value
        point, group = _symbols(self.locale)
        return (
            f"{exact:,f}".translate({44: group, 46: point})
            if isinstance(exact, Decimal)
            else (f"{exact:,d}".translate({44: group}))
        )

    def plain_number(self, value: Decimal | int) -> str:
        """As it is typed into a field: without grouping."""
        point, _ = _symbols(self.locale)
        return f"{value:f}".replace(".", point) if isinstance(value, Decimal) else str(value)

    def short_date(self, value: date) -> str:
        """Day and month, for the foot of a chart."""
        return format_skeleton("MMMd", value, locale=_babel(self.locale))

    def date(self, value: date) -> str:
        return format_date(value, "medium", locale=_babel(self.locale))

    def moment(self, value: datetime) -> str:
        return format_datetime(value, "short", tzinfo=_zone(self.zone), locale=_babel(self.locale))

    def long_moment(self, value: datetime) -> str:
        return format_datetime(value, "long", tzinfo=_zone(self.zone), locale=_babel(self.locale))

    def ago(self, value: datetime, now: datetime) -> str:
        return format_timedelta(value - now, add_direction=True, locale=_babel(self.locale))

    def local(self, value: datetime) -> str:
        """As a date-and-time field holds it."""
        return value.astimezone(_zone(self.zone)).strftime("%Y-%m-%dT%H:%M")

    def from_local(self, text: str) -> datetime:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=_zone(self.zone))

    def size(self, count: int) -> str:
        """A number of bytes, roughly."""
        for unit, most in (("B", 1), ("kB", 1000), ("MB", 1000_000)):
            if count < most * 1000:
                return f"{count / most:.0f} {unit}"
        return f"{count / 1000_000_000:.1f} GB"

    def told(self, said: Said) -> str:
        """A sentence that was kept with its facts."""
        facts: dict[str, Any] = {}
        for name, value in said.facts.items():
            if name in WORDS:
                facts[name] = self.words(label_of(str(value)))
            elif name in NUMBERS:
                facts[name] = self.number(Decimal(str(value)))
            else:
                facts[name] = value
        told = self.words(said.text, **facts)
        return told[:1].upper() + told[1:] if said.text[:1].isalpha() else told

    def cell(self, value: Any, name: str = "", names: dict[Any, str] | None = None) -> Cell:
        """A value as a cell of a table or a field of a page; `names` gives ids their names."""
        if value is None or value is msgspec.UNSET or value == "" or value == [] or value == {}:
            return EMPTY
        if isinstance(value, bool):
            return Cell(self.words("Yes" if value else "No"), "flag", tone="success" if value else "neutral")
        if isinstance(value, Enum | str) and (name in STATES or name.endswith("_status")):
            word = str(value.value if isinstance(value, Enum) else value)
            return Cell(self.words(label_of(word)), "state", tone=tone_of(word))
        if isinstance(value, Enum) or (isinstance(value, str) and name in CODED):
            return Cell(self.words(label_of(str(value.value if isinstance(value, Enum) else value))), "text")
        if name == "size" and isinstance(value, int):
            return Cell(self.size(value), "number")
        if isinstance(value, Decimal | int | float):
            return Cell(str(value) if name in ("year", "version") else self.number(value), "number")
        if isinstance(value, datetime):
            return Cell(self.moment(value), "moment", title=self.long_moment(value))
        if isinstance(value, date):
            return Cell(self.date(value), "moment")
        if isinstance(value, UUID):
            known = (names or {}).get(value)
            return Cell(known, "text") if known else Cell(str(value)[:8], "code", title=str(value))
        if isinstance(value, msgspec.Raw):
            return self.cell(msgspec.json.decode(value))
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list | tuple | set | frozenset):
            return self._several(list(value), names)
        if isinstance(value, Said):
            return Cell(self.told(value), "text")
        if isinstance(value, msgspec.Struct):
            return self._mapping({k: v for k, v in msgspec.structs.asdict(value).items() if v not in (None, "")})
        return Cell(str(value), "text")

    def _mapping(self, value: dict[str, Any]) -> Cell:
        if self.locale in value or "en" in value:
            return Cell(str(value.get(self.locale) or value.get("en")), "text")
        parts = tuple(
            f"{self.words(label_of(str(k)))}: {self.cell(v, str(k)).text}"
            for k, v in value.items()
            if k not in PLUMBING and v not in (None, "", [], {})
        )
        return Cell(" · ".join(parts), "pairs", parts=parts) if parts else EMPTY

    def _several(self, value: list[Any], names: dict[Any, str] | None) -> Cell:
        known = names or {}
        texts = tuple(
            (known.get(part) if isinstance(part, str | UUID) else None) or self.cell(part).text for part in value
        )
        return Cell(", ".join(texts), "tags", parts=texts)


def _two(value: Decimal) -> Decimal:
    """At least two decimals: what came as JSON has lost the noughts it was written with."""
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal("0.01")) if isinstance(exponent, int) and exponent > -2 else value


@lru_cache
def _symbols(locale: str) -> tuple[str, str]:
    return get_decimal_symbol(_babel(locale)), get_group_symbol(_babel(locale))


@lru_cache
def _babel(locale: str) -> Locale:
    # British English writes dates day first, as everybody here does.
    return Locale.parse({"en": "en_GB", "nl": "nl_NL"}.get(locale, locale))


@lru_cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return ZoneInfo("UTC")


def parse_number(text: str, locale: str) -> str:
    """A number as typed (`1.234,50` or `1234.50`) in plain notation."""
    point, group = _symbols(locale)
    typed = text.strip().replace("\u00a0", "").replace(" ", "")
    if point in typed and point != ".":
        return typed.replace(group, "").replace(point, ".")
    return typed.replace(",", "") if point == "." and "," in typed and "." in typed else typed
