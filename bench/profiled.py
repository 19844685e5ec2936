"""The product with a sampler inside: `python -m bench.profiled up`; run by `bench.profiling`, which leads it by signals
from phase to phase: sample the processor, then count round trips, then write down what was seen.

Samples follow the processor time of the process, so waiting costs nothing and is not seen. A sample is taken when the
interpreter next looks, which is after a C function has ended: its time counts for who called it, or was called next."""

from __future__ import annotations

import asyncio
import collections
import functools
import json
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import asyncpg

from entrepot import cli

EVERY = 0.001  # seconds of processor time asked for; the kernel's clock may make it four times as much

stacks: collections.Counter[tuple[tuple[str, str, int], ...]] = collections.Counter()
statements: dict[tuple[str, str], list[float]] = {}
phases: list[str] = ["sample", "count", "write"]


def sample(_number: int, frame: FrameType | None) -> None:
    stack = []
    while frame is not None:
        stack.append((frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno or 0))
        frame = frame.f_back
    stacks[tuple(stack)] += 1


def count_round_trips() -> None:
    """From now on note every call of the driver that goes to the server, with its text and how long it waited."""
    for name in ("execute", "fetch", "fetchrow", "fetchval", "executemany"):
        original = getattr(asyncpg.Connection, name)

        @functools.wraps(original)
        async def counted(self: Any, query: str, *arguments: Any, _original: Any = original, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return await _original(self, query, *arguments, **named)
            finally:
                kept = statements.setdefault((_side(), query), [0, 0.0])
                kept[0] += 1
                kept[1] += time.perf_counter() - started

        setattr(asyncpg.Connection, name, counted)


def _side() -> str:
    task = asyncio.current_task()
    named = task.get_name() if task else ""
    return "relay" if named.startswith(("relay-", "watch-", "bell-")) else "request"


def go_on(*_: object) -> None:
    phase = phases.pop(0)
    if phase == "sample":
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
        return
    signal.setitimer(signal.ITIMER_PROF, 0, 0)
    if phase == "count":
        count_round_trips()
        return
    into = Path(os.environ["BENCH_PROFILE"])
    fresh = into.with_suffix(".new")
    seen = {
        "stacks": [[list(stack), count] for stack, count in stacks.items()],
        "statements": [[side, " ".join(query.split())[:400], *kept] for (side, query), kept in statements.items()],
    }
    fresh.write_text(json.dumps(seen))
    fresh.replace(into)


def main() -> None:
    signal.signal(signal.SIGPROF, sample)
    signal.siginterrupt(signal.SIGPROF, False)
    signal.signal(signal.SIGUSR1, go_on)
    cli.main()


if __name__ == "__main__":
    main()
