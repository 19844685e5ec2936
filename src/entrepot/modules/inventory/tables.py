"""Warehouses, the stock ledger that is never changed, and the levels that always equal its sum."""

from sqlalchemy import CheckConstraint

from entrepot.kernel.db import (
    Stamped,
    Tenanted,
    decimal,
    decimal_or_none,
    flag,
    index,
    moment,
    moment_or_none,
    text,
    text_or_none,
    unique,
    uuid,
    uuid_or_none,
)


class Warehouse(Stamped, table="warehouse", schema="inventory"):
    """A place with stock: a store, a depot."""

    code = text()
    name = text()
    entity_id = uuid()
    address = text(server_default="")
    active = flag(True)
    standard = flag(False)
    constraints = (unique("code"),)


class StockLevel(Tenanted, table="stock_level", schema="inventory", audited=False, fillfactor=70):
    """How many there are now and what they are worth; `value` is what `on_hand` cost, by moving average.

    Derived from the ledger, whose rows say who changed what and why, so it leaves no trail of its own."""

    id = uuid()
    warehouse_id = uuid()
    sku = text()
    on_hand = decimal(server_default="0")
    reserved = decimal(server_default="0")
    value = decimal(server_default="0")
    unit_cost = decimal(server_default="0")
    low_at = decimal_or_none()
    updated_at = moment()
    constraints = (unique("warehouse_id", "sku"), CheckConstraint("reserved >= 0", name="stock_level_reserved_check"))


class StockMove(Tenanted, table="stock_ledger", schema="inventory", append_only=True, entity="stock_move"):
    """One line of the stock ledger: positive came in, negative went out. Never changed, never deleted. Goods taken for
    another service are `provisional` until their confirmation stands beside them."""

    id = uuid()
    at = moment()
    warehouse_id = uuid()
    sku = text()
    quantity = decimal()
    unit_cost = decimal()
    value = decimal()
    kind = text()
    reference = uuid()
    reason = text(server_default="")
    actor = uuid_or_none()
    provisional = flag()
    constraints = (
        index("warehouse_id", "sku", "id"),
        index("reference"),
        index("at", where="provisional"),
    )


class Reservation(Tenanted, table="stock_reservation", schema="inventory", audited=False, entity="stock_reservation"):
    """Goods held for somebody until they are taken, given back, or the hold expires."""

    id = uuid()
    reference = uuid()
    warehouse_id = uuid()
    sku = text()
    quantity = decimal()
    state = text(server_default="held")
    expires_at = moment()
    created_at = moment()
    ended_at = moment_or_none()
    constraints = (
        unique("reference", "warehouse_id", "sku"),
        index("expires_at", where="state = 'held'"),
    )


class Shortage(Stamped, table="stock_shortage", schema="inventory"):
    """More left than was there: a sale made offline is a fact, and a person resolves what follows."""

    warehouse_id = uuid()
    sku = text()
    reference = uuid()
    missing = decimal()
    resolved_at = moment_or_none()
    resolution = text_or_none()
    constraints = (index("sku", where="resolved_at IS NULL"),)


class StockCount(Stamped, table="stock_count", schema="inventory"):
    """A physical count: what the ledger said and what was found."""

    warehouse_id = uuid()
    sku = text()
    expected = decimal()
    counted = decimal()


class Confirmation(Tenanted, table="stock_confirmation", schema="inventory", append_only=True):
    """What a reference took is firm: the sale it was for has happened. Goods of others come back after a while."""

    id = uuid()
    reference = uuid()
    at = moment()
    constraints = (unique("reference"),)
