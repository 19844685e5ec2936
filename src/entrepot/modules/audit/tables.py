"""The kernel's own records as tables to read: every database has them, nobody can change them."""

from entrepot.kernel.db import (
    Tenanted,
    day_or_none,
    flag,
    integer,
    json,
    moment,
    moment_or_none,
    text,
    text_or_none,
    uuid,
    uuid_or_none,
)


class Trail(Tenanted, table="audit_trail", schema="kernel", append_only=True):
    """A row of the audit trail. What it says is read by `kernel.trailed`: a row that was new is kept whole in `made`."""

    seq = integer()
    at = moment()
    action = text()
    entity_type = text()
    entity_id = uuid()
    actor = uuid_or_none()
    actor_name = text_or_none()
    actor_kind = text_or_none()
    address = text_or_none()
    agent = text_or_none()
    request_id = text_or_none()
    correlation = text_or_none()
    old = json(None)
    new = json(None)
    made = json(None)


class StoredEvent(Tenanted, table="event", schema="kernel", append_only=True):
    """An event of the store."""

    seq = integer()
    id = uuid()
    name = text()
    version = integer()
    subject = text()
    entity_id = uuid_or_none()
    at = moment()
    source = text()
    actor = uuid_or_none()
    correlation = text_or_none()
    causation = text_or_none()
    data = json(None)


class QueuedJob(Tenanted, table="job", schema="kernel", audited=False):
    """A job, queued, running or ended."""

    id = uuid()
    name = text()
    state = text()
    run_at = moment()
    attempts = integer()
    max_attempts = integer()
    error = text_or_none()
    progress = integer(nullable=True)
    correlation = text_or_none()
    created_at = moment()


class Standing(Tenanted, table="status", schema="kernel", audited=False, entity="status"):
    """Where something stands, and until when it may."""

    entity_type = text()
    entity_id = uuid()
    status = text()
    since = moment()
    deadline = moment_or_none()
    overdue = flag()


class PlacedHold(Tenanted, table="hold", schema="kernel"):
    """A hold on an aspect of something, open or released."""

    id = uuid()
    entity_type = text()
    entity_id = uuid()
    aspect = text()
    reason_category = text()
    reason_details = text()
    estimated_resume_date = day_or_none()
    escalated = flag()
    placed_at = moment()
    released_at = moment_or_none()
    release_reason = text_or_none()


class ParkedEvent(Tenanted, table="parked", schema="kernel", audited=False, entity="parked_event"):
    """An event whose handler failed, with the error and the next try."""

    subscription = text()
    seq = integer()
    event_id = uuid()
    subject = text()
    name = text()
    attempts = integer()
    next_at = moment()
    error = text_or_none()
    parked_at = moment()
