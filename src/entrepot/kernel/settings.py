"""Settings by level: user over entity over tenant over default. The module that keeps them offers the `Kept` port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.module import Setting
from entrepot.pure.errors import Invalid, NotFound
from entrepot.pure.facade import Facade, ask

if TYPE_CHECKING:
    from entrepot.kernel.module import Catalogue

LEVELS = ("user", "entity", "tenant")


class Given(msgspec.Struct, frozen=True):
    """One value somebody gave: at which level, for whom."""

    key: str
    level: str
    owner_id: UUID
    value: Any


class Kept(Facade, name="settings"):
    """What the kernel asks of the module that keeps settings."""

    @ask
    async def given(self) -> list[Given]:
        """Every value given by this tenant."""
        raise AssertionError


class Won(msgspec.Struct, frozen=True):
    """A setting as it holds here, with the level that decided."""

    key: str
    value: Any
    level: str


class Settings:
    """Reads settings, remembering a tenant's values."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    async def value(self, ctx: Ctx, key: str, *, entity_id: UUID | None = None, user_id: UUID | None = None) -> Any:
        """The value that holds for this entity and user."""
        return (await self.won(ctx, key, entity_id=entity_id, user_id=user_id)).value

    async def won(self, ctx: Ctx, key: str, *, entity_id: UUID | None = None, user_id: UUID | None = None) -> Won:
        """The value and the level that won. NotFound for a key that no module declares."""
        declared = self.declared(key)
        given = (await ctx.recall("settings", lambda: _given(ctx))).get(key)
        if given:
            owners = {
                "user": user_id or ctx.actor.id,
                "entity": entity_id or ctx.entity_id,
                "tenant": ctx.tenant_id,
            }
            for level in LEVELS:
                found = given.get((level, owners[level]), given)
                if found is not given:
                    return Won(key, msgspec.convert(found, declared.kind, strict=False), level)
        return Won(key, declared.default, "default")

    async def zone(self, ctx: Ctx, *, entity_id: UUID | None = None) -> ZoneInfo:
        """The time zone in which the business entity's days begin and end."""
        return ZoneInfo(await self.value(ctx, "platform.timezone", entity_id=entity_id))

    def declared(self, key: str) -> Setting:
        found = self.catalogue.settings.get(key)
        if found is None:
            raise NotFound("there is no setting {key}", key=key)
        return found

    def checked(self, key: str, level: str, value: Any) -> Any:
        """The value as its type; refuses with Invalid what does not fit or a level this setting does not have."""
        declared = self.declared(key)
        if level not in declared.levels:
            raise Invalid.field("level", "must be one of {allowed}", allowed=list(declared.levels))
        try:
            found: Any = msgspec.convert(value, declared.kind, strict=False)
        except msgspec.ValidationError as error:
            raise Invalid.field("value", "this does not fit: {problem}", problem=str(error)) from None
        if declared.choices and found not in declared.choices:
            raise Invalid.field("value", "must be one of {allowed}", allowed=list(declared.choices))
        return found


async def _given(ctx: Ctx) -> dict[str, dict[tuple[str, UUID], Any]]:
    """What was given for each key, by level and owner; most keys nobody ever gives a value."""
    found: dict[str, dict[tuple[str, UUID], Any]] = {}
    for each in await ctx.of(Kept).given():
        found.setdefault(each.key, {})[each.level, each.owner_id] = each.value
    return found
