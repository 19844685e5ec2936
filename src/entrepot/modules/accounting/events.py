"""What happens in the books."""

from datetime import date
from uuid import UUID

from entrepot.pure.events import Event, event
from entrepot.pure.money import Money


@event("account.created", about="account_id", aliases=("AccountCreated",))
class AccountCreated(Event, frozen=True):
    """The chart has another account."""

    account_id: UUID
    code: str
    name: str
    type: str


@event("entry.posted", about="entry_id", aliases=("JournalEntryPosted", "TransactionPosted", "GLUpdated"))
class EntryPosted(Event, frozen=True):
    """A journal entry is in the ledger."""

    entry_id: UUID
    number: str
    entity_id: UUID
    date: date
    kind: str
    total: Money
    currency: str
    reference_type: str
    reference_id: UUID | None


@event("entry.voided", about="entry_id")
class EntryVoided(Event, frozen=True):
    """An entry was undone by its reversal."""

    entry_id: UUID
    reversal_id: UUID
    reason: str


@event("period.opened", about="period_id")
class PeriodOpened(Event, frozen=True):
    """A month takes postings."""

    period_id: UUID
    entity_id: UUID
    year: int
    month: int


@event("period.closed", about="period_id")
class PeriodClosed(Event, frozen=True):
    """Nothing can be posted in this month any more."""

    period_id: UUID
    entity_id: UUID
    year: int
    month: int
