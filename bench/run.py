"""`python -m bench.run w flash events ... [--rounds 3] [--seconds 8] [--clients 8,16] [--quick]`: measure, check, report."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import report
from bench.limits import Limit
from bench.measuring import Figure
from bench.system import System, machine

FAMILIES = ("start", "w", "flash", "events", "imports", "tenants", "lists", "reports", "growth")
ALIASES = {"import": "imports"}


@dataclass
class Run:
    """What was asked for, the systems in use, and what was found. A figure with a problem does not count."""

    families: Sequence[str]
    rounds: int = 3
    seconds: float = 8.0
    clients: Sequence[int] = (8, 16)
    orders: int = 1_000_000
    tenants: int = 1000
    memory_orders: int = 0
    quick: bool = False
    figures: list[Figure] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _systems: dict[str, System] = field(default_factory=dict)
    _limits: dict[str, Limit] = field(default_factory=dict)

    @property
    def warm(self) -> float:
        return min(3.0, self.seconds)

    @property
    def samples(self) -> int:
        """How often a single thing is timed in one round."""
        return 30 if self.quick else 200

    @property
    def system(self) -> System:
        """The system without a past."""
        return self.named("empty")

    @property
    def limit(self) -> Limit:
        """Plain PostgreSQL on the server of that system."""
        return self.limit_of("empty")

    def named(self, name: str) -> System:
        """A system of this run by name, started when it is first asked for."""
        if name not in self._systems:
            system = self._systems[name] = System.at_new_home()  # type: ignore[assignment]
            system.up()
        return self._systems[name]

    def limit_of(self, name: str) -> Limit:
        if name not in self._limits:
            self._limits[name] = Limit(self.named(name))
        return self._limits[name]

    def add(self, name: str, unit: str, rounds: list[float], limits: Sequence[float] = (), about: str = "") -> Figure:
        figure = Figure(name, unit, rounds, list(limits), about)
        self.figures.append(figure)
        print(figure.line(), flush=True)
        return figure

    def stop(self) -> None:
        for system in self._systems.values():
            system.stop()


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("families", nargs="*", help=f"of {', '.join(FAMILIES)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of one round")
    parser.add_argument("--clients", default="8,16", help="closed-loop clients of W, each number a figure")
    parser.add_argument("--orders", type=int, default=1_000_000, help="generated for lists, reports and growth")
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--memory-orders", type=int, default=0, help="W to sell before memory is read again (start)")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it work, not how fast is it")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    options.families = [ALIASES.get(name, name) for name in options.families] or list(FAMILIES)
    unknown = [name for name in options.families if name not in FAMILIES]
    if unknown:
        parser.error(f"there is no figure called {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    if options.rounds < 3:
        parser.error("fewer than three rounds show no spread")
    return options


def asked(options: argparse.Namespace) -> Run:
    clients = tuple(int(part) for part in str(options.clients).split(","))
    run = Run(
        sorted(options.families, key=FAMILIES.index),
        options.rounds,
        options.seconds,
        clients,
        options.orders,
        options.tenants,
        options.memory_orders,
        options.quick,
    )
    if run.quick:
        run.seconds, run.clients = min(run.seconds, 1.5), clients[:1]
        run.orders, run.tenants = min(run.orders, 20_000), min(run.tenants, 10)
    return run


async def measured(run: Run) -> Run:
    """Every family, one after the other; what one does wrong does not keep the others from being measured."""
    for family in run.families:
        known = len(run.problems)
        started = time.monotonic()
        try:
            await importlib.import_module(f"bench.figures.{family}").measure(run)
        except Exception as error:
            traceback.print_exc()
            run.problems.append(f"{family}: {type(error).__name__}: {error}")
        for problem in run.problems[known:]:
            print(f"WRONG {family}: {problem}", flush=True)
        print(f"# {family} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return run


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    run = asked(options)
    facts = machine()
    # Whoever ends it ends its systems too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        asyncio.run(measured(run))
    finally:
        run.stop()
    facts["load_1m_after"] = machine()["load_1m"]
    written = report.write(options.results, run.figures, run.problems, facts)
    print(f"# {written}", file=sys.stderr)
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
