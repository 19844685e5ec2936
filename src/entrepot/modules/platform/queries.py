"""Reads of platform."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.fields import FieldDefinition
from entrepot.kernel.layouts import Layout, Placed
from entrepot.kernel.lists import Listing
from entrepot.kernel.settings import Given
from entrepot.modules.platform.tables import CustomRow, FieldDefinitionRow, ObjectDefinition


class SettingShown(msgspec.Struct, frozen=True):
    """A setting as it holds here, and which level decided."""

    key: str
    title: str
    category: str
    value: Any
    won: str
    default: Any
    levels: list[str]
    choices: list[Any]


class FieldShown(msgspec.Struct, frozen=True):
    id: UUID
    object: str
    name: str
    kind: str
    label: dict[str, str]
    required: bool
    choices: list[str]
    listed: bool
    version: int


class ObjectShown(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    label: dict[str, str]
    plural: dict[str, str]
    icon: str
    statuses: list[str]
    version: int


class CustomShown(msgspec.Struct, frozen=True):
    """A row of a custom object."""

    id: UUID
    object: str
    name: str
    status: str
    custom: dict[str, Any]
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class SeriesShown(msgspec.Struct, frozen=True):
    """A number series and where it stands."""

    document_type: str
    entity_id: UUID
    year: int
    pattern: str
    padding: int
    next: int


FIELDS = Listing(
    name="custom_fields",
    view=view(FieldShown, FieldDefinitionRow),
    needs="any",
    sort="object,name",
    search=[FieldDefinitionRow.name],
)
OBJECTS = Listing(name="custom_objects", view=view(ObjectShown, ObjectDefinition), needs="any", sort="code")
ROWS = Listing(
    name="custom_rows",
    view=view(CustomShown, CustomRow),
    needs="custom.view",
    search=[CustomRow.name],
    sort="name",
    extensible=CustomRow,
)


@command(needs="settings.view")
async def list_settings(ctx: Ctx, category: str | None = None) -> list[SettingShown]:
    """Every setting with the value that holds for the caller, by category and key."""
    shown = []
    for key, declared in sorted(ctx.house.catalogue.settings.items()):
        if category is not None and declared.category != category:
            continue
        won = await ctx.house.settings.won(ctx, key)
        shown.append(
            SettingShown(
                key,
                declared.title,
                declared.category,
                won.value,
                won.level,
                declared.default,
                list(declared.levels),
                list(declared.choices),
            )
        )
    return shown


@command(needs="settings.view")
async def get_setting(ctx: Ctx, key: str) -> SettingShown:
    """One setting with the value that holds for the caller."""
    declared = ctx.house.settings.declared(key)
    won = await ctx.house.settings.won(ctx, key)
    return SettingShown(
        key,
        declared.title,
        declared.category,
        won.value,
        won.level,
        declared.default,
        list(declared.levels),
        list(declared.choices),
    )


@command(needs="any")
async def get_field(ctx: Ctx, field_id: UUID) -> FieldShown:
    """One custom field."""
    return await ctx.one(view(FieldShown, FieldDefinitionRow).where(FieldDefinitionRow.id == field_id))


@command(needs="any")
async def get_object(ctx: Ctx, object_id: UUID) -> ObjectShown:
    """One custom object."""
    return await ctx.one(view(ObjectShown, ObjectDefinition).where(ObjectDefinition.id == object_id))


@command(needs="custom.view")
async def get_row(ctx: Ctx, row_id: UUID) -> CustomShown:
    """One row of a custom object."""
    return await ctx.one(view(CustomShown, CustomRow).where(CustomRow.id == row_id))


@command(needs="settings.view")
async def list_series(ctx: Ctx) -> list[SeriesShown]:
    """Every number series of every business entity."""
    return await ctx.rows(
        SeriesShown,
        "SELECT document_type, entity_id, year, pattern, padding, next FROM kernel.number_series "
        "ORDER BY document_type, entity_id, year DESC",
    )


# ── offered ──


async def given(ctx: Ctx) -> list[Given]:
    return await ctx.rows(Given, "SELECT key, level, owner_id, value FROM platform.setting")


async def layouts(ctx: Ctx) -> list[Layout]:
    rows = await ctx.connection.fetch("SELECT object, page, owner_id, content FROM platform.layout")
    return [
        Layout(
            row["object"],
            row["page"],
            row["owner_id"],
            msgspec.convert(row["content"].get("fields", []), list[Placed]),
        )
        for row in rows
    ]


async def definitions(ctx: Ctx) -> list[FieldDefinition]:
    rows = await ctx.connection.fetch(
        "SELECT object, name, kind, label, required, choices, listed FROM platform.field_definition "
        "WHERE archived_at IS NULL ORDER BY object, name"
    )
    return [FieldDefinition(**dict(row)) for row in rows]
