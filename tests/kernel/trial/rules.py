"""How a thing may move."""

from datetime import timedelta
from enum import StrEnum

from entrepot.pure.states import Machine, Move


class S(StrEnum):
    draft = "draft"
    open = "open"
    paid = "paid"
    closed = "closed"


THING = Machine(
    "thing",
    S.draft,
    [
        Move("open", (S.draft,), S.open, needs="trial.edit"),
        Move("pay", (S.open,), S.paid, needs="trial.pay", stops="pay"),
        Move("close", (S.open, S.paid), S.closed, needs="trial.edit", stops="ship", asks_reason=True),
    ],
    deadlines={S.open: timedelta(hours=4)},
    aliases={"Opened": S.open},
)
