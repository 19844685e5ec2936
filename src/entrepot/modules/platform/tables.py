"""Settings, custom fields, custom objects and their rows, layouts."""

from entrepot.kernel.db import Extensible, Stamped, flag, index, json, moment_or_none, text, unique, uuid


class SettingValue(Stamped, table="setting", schema="platform"):
    """A value somebody gave: at a level, for its owner."""

    key = text()
    level = text()
    owner_id = uuid()
    value = json(None, nullable=False)
    constraints = (unique("key", "level", "owner_id"),)


class FieldDefinitionRow(Stamped, table="field_definition", schema="platform"):
    """A field that a tenant added to a kind of object."""

    object = text()
    name = text()
    kind = text()
    label = json()
    required = flag()
    choices = json("[]")
    listed = flag(True)
    archived_at = moment_or_none()
    constraints = (unique("object", "name"),)


class ObjectDefinition(Stamped, table="object_definition", schema="platform"):
    """A kind of object that a tenant made itself: its rows are data."""

    code = text()
    label = json()
    plural = json()
    icon = text(server_default="box")
    statuses = json("[]")
    archived_at = moment_or_none()
    constraints = (unique("code"),)


class CustomRow(Extensible, table="custom_row", schema="platform"):
    """One row of a custom object."""

    object = text()
    name = text()
    status = text(server_default="")
    archived_at = moment_or_none()
    constraints = (index("object", "name"),)


class Layout(Stamped, table="layout", schema="platform"):
    """Which fields a page shows, in which order; per object, kind of page and owner."""

    object = text()
    page = text()
    owner_id = uuid()
    content = json()
    constraints = (unique("object", "page", "owner_id"),)
