"""Who gets what when there is not enough for everybody, and what goods that leave had cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from entrepot.modules.inventory.contract import Available, Cost, Take, Taken, Want
from entrepot.pure.errors import Invalid

CENT = Decimal("0.01")
MILLIONTH = Decimal("0.000001")
ZERO = Decimal(0)


@dataclass(slots=True)
class Level:
    """A stock level while goods are given out."""

    sku: str
    on_hand: Decimal
    reserved: Decimal
    value: Decimal
    unit_cost: Decimal

    @property
    def available(self) -> Decimal:
        return self.on_hand - self.reserved

    def issue(self, quantity: Decimal) -> Decimal:
        """Take out and return what it had cost: its share of the value, all of it with the last piece.

        Moving average (IAS 2, paragraph 27). What is not there leaves at the last known cost."""
        covered = min(quantity, max(self.on_hand, ZERO))
        if covered and covered == self.on_hand:
            cost = self.value
        else:
            cost = cents(self.value * covered / self.on_hand) if covered else ZERO
        cost += cents(self.unit_cost * (quantity - covered))
        self.on_hand -= quantity
        self.value -= cost
        return cost

    def enter(self, quantity: Decimal, value: Decimal) -> None:
        """Bring goods in with their value, or take them out with it (both negative).

        What comes in makes a new average, of all that is there then; what leaves changes none. `_ENTER` of
        `commands/stocking.py` is this for many levels at once."""
        self.on_hand += quantity
        self.value += value
        if quantity > 0 and self.on_hand > 0:
            self.unit_cost = each(self.value, self.on_hand)


@dataclass(frozen=True, slots=True)
class Issue:
    """One ledger line to be."""

    take: Take
    sku: str
    quantity: Decimal
    value: Decimal


def give_out(levels: dict[str, Level], takes: Sequence[Take]) -> tuple[list[Taken], list[Issue]]:
    """First come, first served: each take gets everything it wants or nothing, in the order given.

    `levels` is changed as goods leave. A forced take is served even from nothing."""
    outcomes: list[Taken] = []
    issues: list[Issue] = []
    for take in takes:
        wants = merged(take.wants)
        missing = [
            Available(w.sku, *state(levels.get(w.sku)))
            for w in wants
            if not take.forced and (levels[w.sku].available if w.sku in levels else ZERO) < w.quantity
        ]
        if missing:
            outcomes.append(Taken(take.reference, [], missing))
            continue
        costs = []
        for want in wants:
            level = levels.setdefault(want.sku, Level(want.sku, ZERO, ZERO, ZERO, ZERO))
            value = level.issue(want.quantity)
            costs.append(Cost(want.sku, want.quantity, value))
            issues.append(Issue(take, want.sku, want.quantity, value))
        outcomes.append(Taken(take.reference, costs))
    return outcomes, issues


def merged(wants: Sequence[Want]) -> list[Want]:
    """Each SKU once, in order of SKU: the order in which rows are locked."""
    total: dict[str, Decimal] = {}
    for want in wants:
        total[want.sku] = total.get(want.sku, ZERO) + want.quantity
    return [Want(sku, total[sku]) for sku in sorted(total)]


def state(level: Level | None) -> tuple[Decimal, Decimal, Decimal]:
    """(available, on hand, reserved)"""
    if level is None:
        return ZERO, ZERO, ZERO
    return level.available, level.on_hand, level.reserved


def each(value: Decimal, quantity: Decimal) -> Decimal:
    """What one piece is worth, to six places."""
    return (value / quantity).quantize(MILLIONTH, ROUND_HALF_UP)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def must_say_why(reason: str) -> str:
    if not reason.strip():
        raise Invalid.field("reason", "say why")
    return reason
