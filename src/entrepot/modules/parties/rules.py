"""The life of a customer."""

from __future__ import annotations

from enum import StrEnum

from entrepot.pure.addresses import checked_email
from entrepot.pure.errors import Invalid
from entrepot.pure.states import Machine, Move


class PartyStatus(StrEnum):
    active = "active"
    suspended = "suspended"


CUSTOMER: Machine[PartyStatus] = Machine(
    "customer",
    PartyStatus.active,
    [
        Move("suspend", (PartyStatus.active,), PartyStatus.suspended, needs="customers.edit", asks_reason=True),
        Move("activate", (PartyStatus.suspended,), PartyStatus.active, needs="customers.edit"),
    ],
)


def check(name: str, email: str | None, kind: str) -> None:
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    if email is not None:
        checked_email(email)
    if kind not in ("organization", "person"):
        raise Invalid.field("type", "must be one of {allowed}", allowed=["organization", "person"])
