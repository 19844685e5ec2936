"""Two languages for every message: English is the key, the other languages are files of key = translation."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.pure.errors import Invalid, fill
from entrepot.pure.ids import new_id

LOCALES = ("en", "nl")
ROOT = Path(__file__).parent.parent
_WISH = re.compile(r"(?P<language>[A-Za-z]{1,8})(-[A-Za-z0-9-]*)?\s*(;\s*q=(?P<quality>[01](\.[0-9]{0,3})?))?")


@lru_cache
def messages(locale: str) -> dict[str, str]:
    """Every translated message of a language, from the kernel and all modules."""
    found: dict[str, str] = {}
    for file in (*sorted(ROOT.glob(f"kernel/**/{locale}.toml")), *sorted(ROOT.glob(f"modules/*/{locale}.toml"))):
        if file.is_file():
            found.update(tomllib.loads(file.read_text(encoding="utf-8")))
    return found


def translate(message: str, locale: str, facts: dict[str, Any] | None = None) -> str:
    """The message in the language, filled with its facts; facts that are words are translated too."""
    if locale == "en":
        return fill(message, facts or {})
    known = messages(locale)
    words = {
        name: known.get(value, value) if isinstance(value, str) else value for name, value in (facts or {}).items()
    }
    return fill(known.get(message, message), words)


def pick_locale(accepted: str, preferred: str) -> str:
    """The first language of an Accept-Language header that we speak, else the preferred one.

    Quality values are honoured (RFC 9110, section 12.5.4)."""
    wishes: list[tuple[float, str]] = []
    for part in accepted[:200].split(","):
        wish = _WISH.fullmatch(part.strip())
        if wish is not None and (quality := float(wish["quality"] or 1)) > 0:
            wishes.append((quality, wish["language"].lower()))
    for _, language in sorted(wishes, key=lambda wish: -wish[0]):
        if language in LOCALES:
            return language
    return preferred if preferred in LOCALES else "en"


# ── data per locale ──


async def translations(ctx: Ctx, entity_type: str, entity_id: UUID) -> dict[str, dict[str, str]]:
    """All translations of an entity: locale to field to text."""
    rows = await ctx.connection.fetch(
        "SELECT locale, fields FROM kernel.translation WHERE entity_type = $1 AND entity_id = $2 ORDER BY locale",
        entity_type,
        entity_id,
    )
    return {row["locale"]: row["fields"] for row in rows}


async def translated(
    ctx: Ctx, entity_type: str, ids: list[UUID], locale: str | None = None
) -> dict[UUID, dict[str, str]]:
    """The fields of many entities in one language, with one query; what is missing falls back to the original."""
    rows = await ctx.connection.fetch(
        "SELECT entity_id, fields FROM kernel.translation "
        "WHERE entity_type = $1 AND entity_id = ANY($2) AND locale = $3",
        entity_type,
        ids,
        locale or ctx.locale,
    )
    return {row["entity_id"]: row["fields"] for row in rows}


async def set_translation(ctx: Ctx, entity_type: str, entity_id: UUID, locale: str, fields: dict[str, str]) -> None:
    """Set some fields of an entity in one language; an empty text removes a field's translation."""
    if locale not in LOCALES:
        raise Invalid.field("locale", "must be one of {allowed}", allowed=list(LOCALES))
    await ctx.run(
        "INSERT INTO kernel.translation AS t (id, entity_type, entity_id, locale, fields) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (tenant_id, entity_type, entity_id, locale) DO UPDATE SET fields = (t.fields || $5) - $6::text[]",
        new_id(),
        entity_type,
        entity_id,
        locale,
        {name: text for name, text in fields.items() if text},
        [name for name, text in fields.items() if not text],
    )
