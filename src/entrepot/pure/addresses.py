"""Addresses that mail can be sent to."""

from __future__ import annotations

import re

from entrepot.pure.errors import Invalid

# One address and nothing else: no names, no lists, nothing that ends a header.
EMAIL = re.compile(r"^[^@\s,;:<>()\[\]\"\\]{1,64}@[^@\s,;:<>()\[\]\"\\]{1,185}$")


def checked_email(email: str, field: str = "email") -> str:
    """The address without spaces around it; refuses with Invalid what cannot be one."""
    found = email.strip()
    if not EMAIL.match(found):
        raise Invalid.field(field, "this is not an e-mail address")
    return found
