"""Fields that a tenant adds to our tables. Their definitions are asked of the `FieldBook` port; values are checked here."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.pure.errors import Invalid, Refusal
from entrepot.pure.facade import Facade, ask
from entrepot.pure.groups import grouped
from entrepot.pure.ids import parse_id
from entrepot.pure.money import parse, plain

KINDS = ("text", "number", "boolean", "date", "choice", "reference")


class FieldDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a tenant: its name in `custom`, its kind, and its labels by language."""

    object: str
    name: str
    kind: str
    label: dict[str, str] = {}
    required: bool = False
    choices: list[str] = []
    listed: bool = True


class FieldBook(Facade, name="fields"):
    """What the kernel asks of the module that knows custom fields."""

    @ask
    async def definitions(self) -> list[FieldDefinition]:
        """Every field this tenant defined, for all kinds of object."""
        raise AssertionError


class Fields:
    """Checks custom values against the tenant's definitions, which are remembered."""

    async def of(self, ctx: Ctx, entity: str) -> list[FieldDefinition]:
        return (await ctx.recall("fields", lambda: _defined(ctx))).get(entity, [])

    async def checked(self, ctx: Ctx, entity: str, custom: dict[str, Any], *, whole: bool = True) -> dict[str, Any]:
        """The values as they are stored; refuses with Invalid every wrong field by name. `whole` asks for the
        required ones too (a new row); a change gives only what it changes."""
        definitions = {d.name: d for d in await self.of(ctx, entity)}
        wrong: list[dict[str, str]] = []
        stored: dict[str, Any] = {}
        for name, value in custom.items():
            definition = definitions.get(name)
            if definition is None:
                wrong.append({"field": f"custom.{name}", "problem": "there is no such field"})
                continue
            try:
                stored[name] = None if value is None else _VALUE[definition.kind](definition, value)
            except (Refusal, ValueError, TypeError, AttributeError):
                wrong.append({"field": f"custom.{name}", "problem": f"this is not a valid {definition.kind}"})
        if whole:
            wrong += [
                {"field": f"custom.{d.name}", "problem": "this field is required"}
                for d in definitions.values()
                if d.required and stored.get(d.name) in (None, "")
            ]
        if wrong:
            raise Invalid("some fields are wrong", fields=wrong)
        return stored


async def _defined(ctx: Ctx) -> dict[str, list[FieldDefinition]]:
    return grouped(await ctx.of(FieldBook).definitions(), attrgetter("object"))


def _text(_: FieldDefinition, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 10_000 or "\x00" in value:
        raise ValueError
    return value


def _number(_: FieldDefinition, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise ValueError
    return plain(parse(str(value)))


def _boolean(_: FieldDefinition, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _date(_: FieldDefinition, value: Any) -> str:
    return date.fromisoformat(value).isoformat()


def _choice(definition: FieldDefinition, value: Any) -> str:
    if value not in definition.choices:
        raise ValueError
    return str(value)


def _reference(_: FieldDefinition, value: Any) -> str:
    return str(parse_id(value))


_VALUE = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "choice": _choice,
    "reference": _reference,
}
