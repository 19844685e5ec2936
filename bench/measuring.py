"""Figures and their arithmetic: rounds of the product beside rounds of the limit, median, ratio, spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass
class Figure:
    """One measured thing. `rounds[i]` and `limits[i]` were taken one after the other, so their ratio means something
    on a machine that is busy with other work; without a limit `limits` is empty."""

    name: str
    unit: str
    rounds: list[float]
    limits: list[float] = field(default_factory=list)
    about: str = ""

    @property
    def value(self) -> float:
        return median(self.rounds)

    @property
    def limit(self) -> float | None:
        return median(self.limits) if self.limits else None

    @property
    def ratios(self) -> list[float]:
        return [mine / best for mine, best in zip(self.rounds, self.limits, strict=True) if best] if self.limits else []

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' own ratios, not the ratio of medians: neighbours share a disturbance."""
        return median(self.ratios) if self.ratios else None

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.rounds), max(self.rounds)

    def line(self) -> str:
        """The line that other programs read."""
        limit = "-" if self.limit is None else short(self.limit)
        ratio = "-" if self.ratio is None else f"{self.ratio:.3f}"
        low, high = self.spread
        return (
            f"BENCH {self.name} {short(self.value)} {self.unit} limit={limit} ratio={ratio} "
            f"spread={short(low)}..{short(high)}"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "value": self.value,
            "limit": self.limit,
            "ratio": self.ratio,
            "ratios": self.ratios,
            "spread": list(self.spread),
        }


def short(number: float) -> str:
    """Four digits that count, never an exponent."""
    if number == 0:
        return "0"
    size = abs(number)
    decimals = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3 if size >= 1 else 4
    return f"{number:.{decimals}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (nearest rank)."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -(-int(share * 1000) * len(ordered) // 1000) - 1))]
