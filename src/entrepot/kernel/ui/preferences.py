"""The settings page: every setting with its value at each level, and the level that wins."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.module import Setting
from entrepot.kernel.settings import LEVELS, Kept
from entrepot.kernel.ui.asking import Asked, Typed, read_value
from entrepot.kernel.ui.declare import SettingsPage
from entrepot.kernel.ui.fields import text_of
from entrepot.kernel.ui.labels import kind_of
from entrepot.kernel.ui.rows import crumbs_of
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import Invalid, Refusal


class Level(msgspec.Struct, frozen=True):
    """One level of one setting: its value there, if somebody gave one."""

    name: str
    label: str
    value: str
    given: bool
    wins: bool


class SettingRow(msgspec.Struct, frozen=True):
    """A setting as the page shows it."""

    key: str
    title: str
    kind: str
    options: list[tuple[str, str]]
    holds: str
    default: str
    levels: list[Level]
    problem: str = ""


LEVEL_NAMES = {"user": "For me", "entity": "This company", "tenant": "Everybody"}


async def show_settings(visit: Visit) -> None:
    await _page(visit)


async def _page(visit: Visit, problems: dict[str, str] | None = None, status: int = 200) -> None:
    place = visit.place
    assert place is not None
    page: SettingsPage = place.page
    groups: dict[str, list[SettingRow]] = {}
    async with visit.unit(read_only=True) as ctx:
        given = {(g.key, g.level, g.owner_id): g.value for g in await ctx.of(Kept).given()}
        for key, declared in sorted(ctx.house.catalogue.settings.items()):
            row = await _row(visit, ctx, key, declared, given, (problems or {}).get(key, ""))
            groups.setdefault(visit.label(declared.category), []).append(row)
    await visit.page(
        "settings.html",
        status,
        title=visit.t(place.title),
        page_title=visit.t(place.title),
        place=place,
        groups=sorted(groups.items()),
        may_change=visit.may(_needs(page)),
        here=visit.url(place.path),
        crumbs=crumbs_of(visit, place),
    )


def _needs(page: SettingsPage) -> str:
    from entrepot.kernel.commands import describe

    return describe(page.command).needs


async def _row(
    visit: Visit, ctx: Ctx, key: str, declared: Setting, given: dict[tuple[str, str, UUID], Any], problem: str
) -> SettingRow:
    won = await ctx.house.settings.won(ctx, key)
    owners = {"user": ctx.actor.id, "entity": ctx.entity_id, "tenant": ctx.tenant_id}
    levels = []
    for level in reversed(LEVELS):
        if level not in declared.levels:
            continue
        held = given.get((key, level, owners[level]), given)
        levels.append(
            Level(
                name=level,
                label=visit.t(LEVEL_NAMES[level]),
                value="" if held is given else text_of(visit, held),
                given=held is not given,
                wins=won.level == level,
            )
        )
    kind = kind_of(declared.kind).name
    options = [(str(c), visit.label(str(c)) if not str(c).isupper() else str(c)) for c in declared.choices]
    return SettingRow(
        key=key,
        title=visit.t(declared.title),
        kind="choice" if options else kind,
        options=options,
        holds=visit.formats.cell(won.value).text,
        default=visit.formats.cell(declared.default).text,
        levels=levels,
        problem=problem,
    )


async def give_setting(visit: Visit) -> None:
    """Give a setting a value at one level, or take it away there."""
    place = visit.place
    assert place is not None
    page: SettingsPage = place.page
    visit.need(_needs(page))
    data = await visit.data()
    key, level = data.get("key", [""])[-1], data.get("level", ["tenant"])[-1]
    declared = visit.house.settings.declared(key)
    value: Any = None
    try:
        if "take" not in data and (data.get("value", [""])[-1] or declared.kind is str):
            asked = Asked("value", kind_of(declared.kind), declared.kind, required=False)
            typed = Typed()
            value = read_value(asked, "value", data, visit.formats, typed, "")
            if typed.problems:
                raise Invalid.field("value", typed.problems["value"])
            value = "" if value is msgspec.UNSET and declared.kind is str else None if value is msgspec.UNSET else value
            value = text_of(visit, value) if kind_of(declared.kind).name == "number" and value is not None else value
        async with visit.unit() as ctx:
            await page.command(ctx, key=key, value=msgspec.to_builtins(value), level=level)
    except Refusal as refusal:
        await _page(visit, {key: visit.say(refusal)}, 422)
        return
    await visit.go(f"{place.path}#{key}", said="Saved")
