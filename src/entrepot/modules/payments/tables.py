"""Every attempt to pay, successful or not."""

from entrepot.kernel.db import Stamped, Tenanted, decimal, flag, index, moment, ranked, text, text_or_none, unique, uuid


class Payment(Stamped, table="payment", schema="payments"):
    """One attempt to pay something. `amount` is what counts; `tendered` what was handed over. What another
    service recorded is `provisional` until its confirmation stands beside it."""

    entity_id = uuid()
    reference_type = text()
    reference_id = uuid()
    method = text()
    amount = decimal()
    amount_rank = ranked("amount")
    tendered = decimal()
    currency = text()
    state = text(server_default="confirmed")
    transaction_id = text_or_none()
    failed_reason = text_or_none()
    terminal_id = text_or_none()
    provisional = flag()
    constraints = (
        index("reference_id"),
        index("-created_at", "-id"),
        index("amount_rank", "-created_at", "-id"),
        index("state", "-created_at", where="state <> 'confirmed'"),
    )


class Confirmation(Tenanted, table="payment_confirmation", schema="payments", append_only=True):
    """What was paid for a reference is firm: the sale it was for has happened. Others are voided after a while."""

    id = uuid()
    reference = uuid()
    at = moment()
    constraints = (unique("reference"),)
