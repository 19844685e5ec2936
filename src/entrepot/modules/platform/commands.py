"""Writes of platform."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from entrepot.kernel import numbers
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.fields import KINDS
from entrepot.kernel.layouts import MOST_FIELDS, PAGES, Placed
from entrepot.modules.platform import rules
from entrepot.modules.platform.events import (
    FieldAdded,
    LayoutUpdated,
    NumberSeriesDefined,
    ObjectCreated,
    SettingChanged,
)
from entrepot.modules.platform.queries import CustomShown
from entrepot.modules.platform.tables import CustomRow, FieldDefinitionRow, ObjectDefinition
from entrepot.pure.errors import Conflict, Invalid, NotFound
from entrepot.pure.ids import new_id


@command(needs="settings.edit")
async def set_setting(ctx: Ctx, key: str, value: Any, level: str = "tenant", owner_id: UUID | None = None) -> None:
    """Give a setting a value at a level; `null` takes the value away, so that the level below decides again."""
    owner = owner_id or {"tenant": ctx.tenant_id, "entity": ctx.entity_id, "user": ctx.actor.id}.get(
        level, ctx.tenant_id
    )
    if value is None:
        ctx.house.settings.declared(key)
        await ctx.run("DELETE FROM platform.setting WHERE key = $1 AND level = $2 AND owner_id = $3", key, level, owner)
    else:
        checked = ctx.house.settings.checked(key, level, value)
        await ctx.run(
            "INSERT INTO platform.setting AS s (id, key, level, owner_id, value) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (tenant_id, key, level, owner_id) DO UPDATE SET value = $5, version = s.version + 1, "
            "updated_at = now()",
            new_id(),
            key,
            level,
            owner,
            checked,
        )
    ctx.emit(SettingChanged(key=key, level=level, owner_id=owner, value=value))
    ctx.forget()


@command(needs="customize.edit")
async def add_field(
    ctx: Ctx,
    object: str,
    name: str,
    kind: str,
    label: dict[str, str] = {},  # noqa: B006 - copied for every call by the body struct
    required: bool = False,
    choices: list[str] = [],  # noqa: B006
    listed: bool = True,
) -> UUID:
    """Give a kind of object a field of the tenant's own. It shows in API, lists, forms, filters, exports and audit."""
    rules.check_name(name)
    rules.check_kind(kind, choices, KINDS)
    await _extensible(ctx, object)
    field_id = await ctx.add(
        FieldDefinitionRow,
        object=object,
        name=name,
        kind=kind,
        label=label,
        required=required,
        choices=choices,
        listed=listed,
    )
    ctx.emit(FieldAdded(object=object, name=name, kind=kind))
    ctx.forget()
    return field_id


@command(needs="customize.edit")
async def archive_field(ctx: Ctx, field_id: UUID) -> None:
    """Ask for the field no longer; values given so far stay where they are."""
    await ctx.change(FieldDefinitionRow, field_id, archived_at=ctx.now)
    ctx.forget()


@command(needs="customize.edit")
async def create_object(
    ctx: Ctx,
    code: str,
    label: dict[str, str] = {},  # noqa: B006
    plural: dict[str, str] = {},  # noqa: B006
    icon: str = "box",
    statuses: list[str] = [],  # noqa: B006
) -> UUID:
    """A kind of object of the tenant's own: a list, pages and an API without a line of code."""
    rules.check_name(code, "code")
    if code in extensible_entities():
        raise Conflict("there already is a {what} like this", what="object")
    object_id = await ctx.add(ObjectDefinition, code=code, label=label, plural=plural, icon=icon, statuses=statuses)
    ctx.emit(ObjectCreated(code=code))
    return object_id


@command(needs="custom.edit")
async def create_row(
    ctx: Ctx,
    object: str,
    name: str,
    status: str = "",
    custom: dict[str, Any] = {},  # noqa: B006
) -> UUID:
    """A row of a custom object."""
    statuses = await _statuses(ctx, object)
    status = status or (statuses[0] if statuses else "")
    _check_status(status, statuses)
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    checked = await ctx.house.fields.checked(ctx, object, custom)
    return await ctx.add(CustomRow, object=object, name=name, status=status, custom=checked)


@command(needs="custom.edit")
async def change_row(
    ctx: Ctx,
    row_id: UUID,
    name: str | None = None,
    status: str | None = None,
    custom: dict[str, Any] | None = None,
    archived: bool | None = None,
) -> None:
    """Change what is given; a custom value of null is taken away."""
    row = await ctx.hold(view(CustomShown, CustomRow).where(CustomRow.id == row_id))
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = name
    if status is not None:
        _check_status(status, await _statuses(ctx, row.object))
        changes["status"] = status
    if custom is not None:
        checked = await ctx.house.fields.checked(ctx, row.object, custom, whole=False)
        changes["custom"] = {k: v for k, v in {**row.custom, **checked}.items() if v is not None}
    if archived is not None:
        changes["archived_at"] = ctx.now if archived else None
    if not changes:
        raise Invalid("nothing to change", fields=[])
    await ctx.change(CustomRow, row_id, **changes)


@command(needs="settings.edit")
async def define_series(
    ctx: Ctx,
    document_type: str,
    pattern: str,
    padding: int = 5,
    next: int = 1,
    year: int | None = None,
    entity_id: UUID | None = None,
) -> None:
    """Say how the numbers of a document type look from here on."""
    if document_type not in ctx.house.catalogue.series:
        raise NotFound("there is no number series for {document_type}", document_type=document_type)
    if next < 1 or next > 10**15:
        raise Invalid.field("next", "must be a number from 1 to {most}", most=10**15)
    yearly = ctx.house.catalogue.series[document_type].yearly
    chosen = (year or ctx.now.year) if yearly else 0
    if not 0 <= chosen <= 9999:
        raise Invalid.field("year", "must be a number from 1 to {most}", most=9999)
    await numbers.define(
        ctx, document_type, pattern=pattern, padding=padding, next=next, year=chosen, entity_id=entity_id
    )
    ctx.emit(
        NumberSeriesDefined(
            document_type=document_type, entity_id=entity_id or ctx.entity_id, pattern=pattern, year=chosen
        )
    )


@command(needs="numbers.take")
async def next_number(ctx: Ctx, document_type: str, business_entity: UUID | None = None) -> str:
    """Take the next number of a series for a document made elsewhere."""
    return await numbers.take(ctx, document_type, entity_id=business_entity)


@command(needs="customize.edit")
async def save_layout(ctx: Ctx, object: str, page: str, fields: list[Placed], mine: bool = False) -> None:
    """Which fields a page (`list`, `detail` or `form`) of a kind of thing shows and in which order, for everybody or
    for me. Without fields the page is as it was declared."""
    rules.check_layout(page, [one.name for one in fields], PAGES, MOST_FIELDS)
    owner = ctx.actor.id if mine else ctx.tenant_id
    ctx.emit(LayoutUpdated(object=object, page=page))
    if not fields:
        await ctx.run(
            "DELETE FROM platform.layout WHERE object = $1 AND page = $2 AND owner_id = ANY($3)",
            object,
            page,
            [owner] if mine else [ctx.tenant_id, ctx.actor.id],
        )
        ctx.forget()
        return
    await ctx.run(
        "INSERT INTO platform.layout AS l (id, object, page, owner_id, content) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (tenant_id, object, page, owner_id) DO UPDATE SET content = $5, version = l.version + 1, "
        "updated_at = now()",
        new_id(),
        object,
        page,
        owner,
        {"fields": fields},
    )
    ctx.forget()


def extensible_entities() -> set[str]:
    """The kinds of object that come with the product and take fields of the tenant's own."""
    from entrepot.kernel.db import TABLES

    return {table.entity for table in TABLES if table.extensible}


async def _extensible(ctx: Ctx, object: str) -> None:
    if object in extensible_entities():
        return
    if not await ctx.exists(ObjectDefinition, ObjectDefinition.code == object):
        raise Invalid.field("object", "there is no such kind of object", allowed=sorted(extensible_entities()))


async def _statuses(ctx: Ctx, object: str) -> list[str]:
    statuses = await ctx.value(
        "SELECT statuses FROM platform.object_definition WHERE code = $1 AND archived_at IS NULL", object
    )
    if statuses is None:
        raise NotFound("there is no such {what}", what="object")
    return list(statuses)


def _check_status(status: str, statuses: list[str]) -> None:
    if statuses and status not in statuses:
        raise Invalid.field("status", "must be one of {allowed}", allowed=statuses)
