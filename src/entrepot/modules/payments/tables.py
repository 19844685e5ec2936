"""Every attempt to pay, successful or not."""

from entrepot.kernel.db import Stamped, decimal, index, text, text_or_none, uuid


class Payment(Stamped, table="payment", schema="payments"):
    """One attempt to pay something. `amount` is what counts; `tendered` what was handed over."""

    entity_id = uuid()
    reference_type = text()
    reference_id = uuid()
    method = text()
    amount = decimal()
    tendered = decimal()
    currency = text()
    state = text(server_default="confirmed")
    transaction_id = text_or_none()
    failed_reason = text_or_none()
    terminal_id = text_or_none()
    constraints = (index("reference_id"), index("-created_at"))
