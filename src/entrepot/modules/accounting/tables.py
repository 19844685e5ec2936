"""Accounts, periods, journal entries and lines. What is posted is never changed; balances are kept beside it."""

from sqlalchemy import CheckConstraint

from entrepot.kernel.db import (
    Extensible,
    Stamped,
    Tenanted,
    day,
    decimal,
    flag,
    index,
    integer,
    json,
    moment,
    moment_or_none,
    ranked,
    text,
    text_or_none,
    unique,
    uuid,
    uuid_or_none,
)


class Account(Extensible, table="account", schema="accounting"):
    """An account of the chart. Detail accounts take postings, headers group them."""

    code = text()
    name = text()
    type = text()
    normal_balance = text()
    parent_id = uuid_or_none()
    detail = flag(True)
    status = text(server_default="active")
    constraints = (unique("code"), index("parent_id"))


class Period(Stamped, table="period", schema="accounting"):
    """A month of the books of a business entity."""

    entity_id = uuid()
    year = integer()
    month = integer()
    starts_on = day()
    ends_on = day()
    state = text(server_default="open")
    closed_at = moment_or_none()
    constraints = (
        unique("entity_id", "year", "month"),
        CheckConstraint("state IN ('open', 'closed')", name="period_state_check"),
    )


class JournalEntry(Extensible, table="journal_entry", schema="accounting"):
    """An entry of the journal. Posted entries change only by being marked as voided by their reversal."""

    number = text_or_none()
    entity_id = uuid()
    date = day()
    kind = text()
    status = text()
    description = text()
    reference_type = text(server_default="")
    reference_id = uuid_or_none()
    source_key = text_or_none()
    currency = text()
    total = decimal()
    total_rank = ranked("total")
    draft_lines = json(None)
    posted_at = moment_or_none()
    posted_by = uuid_or_none()
    reverses_id = uuid_or_none()
    voided_by_id = uuid_or_none()
    void_reason = text_or_none()
    constraints = (
        CheckConstraint("status IN ('draft', 'posted', 'voided')", name="journal_entry_status_check"),
        unique("entity_id", "number", where="number IS NOT NULL"),
        unique("source_key", where="source_key IS NOT NULL"),
        index("reference_id", where="reference_id IS NOT NULL"),
        index("-date", "-id"),
        index("total_rank", "-date", "-id"),
        index("date", where="status = 'draft'", name="journal_entry_draft_idx"),
    )


class JournalLine(Tenanted, table="journal_line", schema="accounting", append_only=True, key=("entry_id", "position")):
    """A posted line: a debit or a credit, never both, never changed. Its entry and its account are there: the triggers
    `check_lines`, `guard_entry` and `guard_account` see to that."""

    entry_id = uuid()
    position = integer()
    id = uuid()
    entity_id = uuid()
    account_id = uuid()
    date = day()
    debit = decimal()
    credit = decimal()
    description = text(server_default="")
    party_id = uuid_or_none()
    original_amount = decimal(nullable=True)
    original_currency = text_or_none()
    constraints = (
        CheckConstraint(
            "debit >= 0 AND credit >= 0 AND (debit > 0) <> (credit > 0)", name="journal_line_one_side_check"
        ),
        index("account_id", "date", "id"),
    )


class Balance(Tenanted, table="account_balance", schema="accounting", audited=False, fillfactor=70):
    """What an account moved in a month, kept with every posting and always equal to a recount."""

    id = uuid()
    entity_id = uuid()
    account_id = uuid()
    year = integer()
    month = integer()
    debit = decimal(server_default="0")
    credit = decimal(server_default="0")
    updated_at = moment()
    constraints = (unique("entity_id", "account_id", "year", "month"),)
