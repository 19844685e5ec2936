"""A state machine is data: the checks, the buttons, the permissions and the diagram in the docs are drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from entrepot.pure.errors import Conflict

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Move(Generic[S]):
    """One allowed step. `needs` is the permission; `stops` names the hold aspect that blocks it. A step that moves goods
    or money is not `by_hand`: only the command that does it takes it, never a mere change of status."""

    name: str
    sources: tuple[S, ...]
    target: S
    needs: str
    stops: str | None = None
    asks_reason: bool = False
    by_hand: bool = True


class Machine(Generic[S]):
    """All moves of one kind of entity. `deadlines` say how long a state may last before it is overdue."""

    def __init__(
        self,
        entity: str,
        initial: S,
        moves: Sequence[Move[S]],
        *,
        deadlines: dict[S, timedelta] | None = None,
        aliases: dict[str, S] | None = None,
        extra_initial: Sequence[S] = (),
    ) -> None:
        self.entity = entity
        self.initial = initial
        self.moves = tuple(moves)
        self.states: type[S] = type(initial)
        self.deadlines = deadlines or {}
        self.aliases = aliases or {}
        self.extra_initial = tuple(extra_initial)
        self._table = {(source, move.name): move for move in moves for source in move.sources}

    def move(self, state: S | str, name: str) -> S:
        """The state after the move; refuses with Conflict(allowed=...) when it is not allowed from here."""
        return self.step(state, name).target

    def step(self, state: S | str, name: str) -> Move[S]:
        current = self.states(state)
        found = self._table.get((current, name))
        if found is None:
            raise Conflict(
                "cannot {move} a {entity} that is {state}",
                move=name,
                entity=self.entity,
                state=str(current),
                allowed=self.allowed(current),
            )
        return found

    def allowed(self, state: S | str) -> list[str]:
        """The names of the moves that lead away from this state."""
        current = self.states(state)
        return [move.name for move in self.moves if current in move.sources]

    def to(self, state: S | str, target: str) -> Move[S]:
        """The move that leads from here to `target` (a state or an alias); refuses with Conflict(allowed=...)."""
        current = self.states(state)
        wanted = self.aliases.get(target, target)
        for move in self.moves:
            if current in move.sources and move.target == wanted:
                return move
        raise Conflict(
            "a {entity} that is {state} cannot become {target}",
            entity=self.entity,
            state=str(current),
            target=target,
            allowed=sorted({str(m.target) for m in self.moves if current in m.sources}),
        )

    def unreachable(self) -> set[S]:
        """States that no chain of moves from an initial state leads to; the battery wants none."""
        seen: set[S] = {self.initial, *self.extra_initial}
        while True:
            more = {m.target for m in self.moves if seen.intersection(m.sources)} - seen
            if not more:
                return set(self.states) - seen
            seen |= more

    def mermaid(self) -> str:
        """The diagram for the docs."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    [*] --> {state}" for state in self.extra_initial]
        lines += [f"    {s} --> {m.target}: {m.name}" for m in self.moves for s in m.sources]
        return "\n".join(lines)
