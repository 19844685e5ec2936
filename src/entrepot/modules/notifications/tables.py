"""Notices, what caused them, and who has read them."""

from entrepot.kernel.db import (
    Tenanted,
    index,
    integer,
    json,
    moment,
    moment_or_none,
    text,
    unique,
    uuid,
    uuid_or_none,
)


class Notice(Tenanted, table="notice", schema="notifications", audited=False):
    """Something people should know. One for each `cause`, however often it happens: `count` says how often. It is for
    one user, or for everybody with a permission. The sentence is kept with its facts and told in the reader's
    language."""

    id = uuid()
    cause = text()
    kind = text()
    said = json(None, nullable=False)
    path = text()
    user_id = uuid_or_none()
    permission = text(server_default="")
    count = integer(server_default="1")
    at = moment()
    archived_at = moment_or_none()
    constraints = (
        unique("cause", where="archived_at IS NULL"),
        index("-at", "-id", where="archived_at IS NULL"),
    )


class NoticeCause(Tenanted, table="notice_cause", schema="notifications", append_only=True):
    """An event that became part of a notice: told again, it counts no second time."""

    id = uuid()
    event_id = uuid()
    at = moment()
    constraints = (unique("event_id"),)


class Reading(Tenanted, table="reading", schema="notifications", audited=False):
    """When a user last read a notice; what happens to it afterwards makes it new again."""

    id = uuid()
    notice_id = uuid()
    user_id = uuid()
    read_at = moment()
    constraints = (unique("notice_id", "user_id"),)
