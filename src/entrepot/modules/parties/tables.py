"""Parties with their roles."""

from entrepot.kernel.db import Extensible, decimal_or_none, flag, index, json, text, text_or_none, unique, uuid_or_none


class Party(Extensible, table="party", schema="parties"):
    """An organization or a person, as customer, supplier or both."""

    name = text()
    type = text(server_default="organization")
    email = text_or_none()
    phone = text_or_none()
    vat_number = text_or_none()
    status = text(server_default="active")
    is_customer = flag()
    is_supplier = flag()
    segment = text(server_default="")
    credit_limit = decimal_or_none()
    address = json()
    parent_id = uuid_or_none()
    constraints = (
        unique("lower(email)", where="email IS NOT NULL AND is_customer", name="party_customer_email_key"),
        index("name"),
    )
