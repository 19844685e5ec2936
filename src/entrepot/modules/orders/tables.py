"""Orders and their lines. Names and prices are kept as they were when the order was made."""

from entrepot.kernel.db import (
    Extensible,
    Stamped,
    Tenanted,
    decimal,
    decimal_or_none,
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


class Order(Extensible, table="sales_order", schema="orders", entity="order"):
    """An order of any channel. `kind` tells sales from credit notes and adjustments."""

    number = text()
    client_id = text_or_none()
    entity_id = uuid()
    channel = text()
    kind = text(server_default="sale")
    state = text()
    customer_id = uuid_or_none()
    customer_name = text(server_default="")
    customer_email = text(server_default="")
    pricing_tier = text(server_default="retail")
    warehouse_id = uuid()
    store_id = text_or_none()
    terminal_id = text_or_none()
    cashier_id = text_or_none()
    shift_id = uuid_or_none()
    currency = text()
    subtotal = decimal()
    tax_total = decimal()
    discount_total = decimal(server_default="0")
    total = decimal()
    total_rank = ranked("total")
    prices_include_tax = flag(True)
    taxes = json("[]")
    payment_status = text(server_default="pending")
    fulfillment_status = text(server_default="pending")
    billing_status = text(server_default="pending")
    shipping_address = json(None)
    billing_address = json(None)
    metadata = json()
    created_by = uuid_or_none()
    placed_at = moment()
    paid_at = moment_or_none()
    completed_at = moment_or_none()
    cancelled_at = moment_or_none()
    cancel_reason = text_or_none()
    auto_cancelled = flag(False)
    original_id = uuid_or_none()
    constraints = (
        unique("entity_id", "number"),
        unique("client_id", where="client_id IS NOT NULL"),
        index("-placed_at", "-id"),
        index("number", "id"),
        index("total_rank", "-placed_at", "-id"),
        index("state", "-placed_at", "-id"),
        index("channel", "-placed_at", "-id"),
        index("customer_id", where="customer_id IS NOT NULL"),
        index("original_id", where="original_id IS NOT NULL"),
        index("shift_id", "created_at", where="shift_id IS NOT NULL"),
    )


class OrderLine(Tenanted, table="order_line", schema="orders", append_only=True, key=("order_id", "position")):
    """One line, with its product's name and price as they were. It stays as it was placed."""

    order_id = uuid()
    position = integer()
    id = uuid()
    variant_id = uuid_or_none()
    sku = text()
    name = text()
    quantity = decimal()
    unit_price = decimal()
    discount = decimal(server_default="0")
    net = decimal()
    tax = decimal()
    gross = decimal()
    tax_code = text()
    tax_rate = decimal()
    stocked = flag(True)


class ReceiptDocument(Tenanted, table="receipt", schema="orders"):
    """Which stored document is the receipt of an order."""

    id = uuid()
    order_id = uuid()
    document_id = uuid()
    made_at = moment()
    constraints = (unique("order_id"),)


class ReceiptMail(Tenanted, table="receipt_mail", schema="orders"):
    """A receipt that somebody wants by mail, and when it was sent."""

    id = uuid()
    order_id = uuid()
    email = text()
    asked_at = moment()
    sent_at = moment_or_none()
    constraints = (index("order_id"),)


class Shift(Stamped, table="till_shift", schema="orders", entity="shift", masked=("tally", "denominations")):
    """A turn at a till, from the float it is opened with to the count it is closed with. What its Z-report said is
    kept in `tally`: what arrives later belongs to a later Z."""

    entity_id = uuid()
    warehouse_id = uuid()
    store_id = text_or_none()
    terminal_id = text()
    cashier_id = text_or_none()
    state = text(server_default="open")
    currency = text()
    opened_at = moment()
    opening_float = decimal()
    brought = decimal()
    closed_at = moment_or_none()
    closed_by = text_or_none()
    number = text_or_none()
    expected = decimal_or_none()
    counted = decimal_or_none()
    difference = decimal_or_none()
    closing_float = decimal_or_none()
    denominations = json("[]")
    tally = json(None)
    note = text(server_default="")
    constraints = (
        unique("entity_id", "terminal_id", where="state = 'open'", name="till_shift_open_key"),
        unique("entity_id", "number", where="number IS NOT NULL"),
        index("entity_id", "terminal_id", "-opened_at"),
        index("-opened_at", "-id"),
    )


class CashMovement(Tenanted, table="till_cash", schema="orders", entity="cash_movement", append_only=True):
    """Cash put into a drawer or taken out of it, other than by selling."""

    id = uuid()
    shift_id = uuid()
    kind = text()
    purpose = text()
    amount = decimal()
    reason = text()
    cashier_id = text_or_none()
    created_by = uuid_or_none()
    at = moment()
    constraints = (index("shift_id"),)


class CountedOrder(Tenanted, table="till_counted", schema="orders", append_only=True):
    """An order that a Z-report has counted; its id is the order's, so none is counted twice."""

    id = uuid()
    shift_id = uuid()
    late = flag(False)
    constraints = (index("shift_id"),)
