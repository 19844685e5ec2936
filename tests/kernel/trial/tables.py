"""Rows of trials."""

from entrepot.kernel.db import (
    Extensible,
    Tenanted,
    day_or_none,
    decimal,
    flag,
    index,
    integer,
    moment_or_none,
    text,
    text_or_none,
    unique,
    uuid,
)
from entrepot.kernel.records import Recorded


class Thing(Extensible, table="thing", schema="trial", masked=("secret",)):
    name = text()
    amount = decimal(server_default="0")
    rank = integer(server_default="0")
    state = text(server_default="draft")
    secret = text_or_none()
    good = flag(True)
    due = day_or_none()
    seen_at = moment_or_none()
    constraints = (unique("name", where="name LIKE 'only %'"), index("rank"))


class Tag(Recorded, table="tag", schema="trial"):
    name = text()
    weight = decimal(server_default="1")
    note = text_or_none()
    constraints = (unique("name"),)


class Handled(Tenanted, table="handled", schema="trial", audited=False):
    """What a reaction saw, in the order of its effects."""

    id = uuid()
    at = integer()
    reaction = text()
    thing_id = uuid()
    number = integer()
    note = text(server_default="")


class Fault(Tenanted, table="fault", schema="trial", audited=False):
    """While this row is there, a reaction fails on this number of this thing."""

    id = uuid()
    reaction = text()
    thing_id = uuid()
    number = integer()


class Taken(Tenanted, table="taken", schema="trial"):
    """Goods somebody took, by reference."""

    id = uuid()
    name = text()
    amount = decimal()


class Line(Tenanted, table="line", schema="trial", append_only=True):
    """A row that is never changed."""

    id = uuid()
    amount = decimal()
