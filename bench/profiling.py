"""`make profile-w`: where the time of one W goes. Processor by part (web, JSON, driver, modules, PostgreSQL), round trips
and statements, WAL, and what was waited for."""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import linecache
import re
import signal
import time
from pathlib import Path
from typing import Any

from bench.selling import Round, plan, sell
from bench.system import System
from entrepot.kernel import postgres

PARTS = (  # the first whose pattern is in the path of a frame names the part; frames are asked from the inside out
    ("driver", "/asyncpg/"),
    ("SQLAlchemy", "/sqlalchemy/"),
    ("web", "/uvicorn/"),
    ("web", "/starlette/"),
    ("web", "/h11/"),
    ("web", "/httptools/"),
    ("metrics", "/prometheus_client/"),
    ("logging", "/structlog/"),
    ("logging", "/kernel/logs.py"),
    ("web", "/kernel/http.py"),
    ("web", "/kernel/exchange.py"),
    ("web", "/kernel/access.py"),
    ("web", "/kernel/routes.py"),
    ("web", "/kernel/paths.py"),
    ("idempotency", "/kernel/idempotency.py"),
    ("metrics", "/kernel/metrics.py"),
    ("relay", "/kernel/relay.py"),
    ("relay", "/kernel/positions.py"),
    ("relay", "/kernel/parking.py"),
    ("events", "/kernel/log.py"),
    ("unit", "/kernel/ctx.py"),
    ("unit", "/kernel/units.py"),
    ("unit", "/kernel/line.py"),
    ("unit", "/kernel/db.py"),
    ("unit", "/kernel/database.py"),
    ("facades", "/kernel/facade.py"),
    ("facades", "/kernel/topology.py"),
)
JSON_LINE = re.compile(r"\b(encode|_encode|decode|decoder\.decode|json\.(en|de)code|_decode)\(|msgspec\.convert")
DRIVER_OR_LOOP = re.compile(r"/(asyncio|uvloop)/|/cli/up\.py|runpy|bench/profiled\.py|/cli/")


class Profiled(System):
    """The product with a sampler inside, on a server of ours that keeps count of its statements."""

    program = ("-m", "bench.profiled")
    url = ""

    @property
    def kept(self) -> Path:
        return self.home / "profile.json"

    def environment(self, port: int | None = None) -> dict[str, str]:
        more = {"ENTREPOT_DATABASE_URL": self.url} if self.url else {}
        return {**super().environment(port), **more, "BENCH_PROFILE": str(self.kept)}

    def go_on(self) -> None:
        """To the next phase: sample, count, write."""
        self.processes[0].send_signal(signal.SIGUSR1)


def part_of(stack: list[Any]) -> str:
    """The part a sample belongs to."""
    file, _, line = stack[0]
    if JSON_LINE.search(linecache.getline(file, line)) and "/asyncpg/" not in file:
        return "JSON"
    for path, _, _ in stack:
        for part, pattern in PARTS:
            if pattern in path:
                return part
        found = re.search(r"/modules/(\w+)/", path)
        if found:
            return f"module {found.group(1)}"
        if DRIVER_OR_LOOP.search(path):
            return "event loop and C of the driver"
    return "rest"


def side_of(stack: list[Any]) -> str:
    paths = [path for path, _, _ in stack]
    if any("/kernel/relay.py" in path for path in paths):
        return "relay"
    return "request" if any("/kernel/http.py" in path or "/uvicorn/" in path for path in paths) else "loop"


async def waits(system: System, seen: collections.Counter[str], stop: asyncio.Event) -> None:
    """What the product's connections wait for, looked at many times a second."""
    connection = await system.connect()
    try:
        while not stop.is_set():
            seen["looks"] += 1
            for row in await connection.fetch(_WAITS):
                seen[row["what"]] += 1
            await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def profile(seconds: float, clients: int) -> None:
    system = Profiled.at_new_home()
    assert isinstance(system, Profiled)
    held = postgres.ensure(system.home, settings=_SETTINGS)
    try:
        system.url = held.server.url
        system.up()
        shops = system.shops()
        await sell(system, [plan(system, shops, 16, seconds=4)])
        connection = await system.connect()
        await connection.execute("CREATE EXTENSION pg_stat_statements")
        seen: collections.Counter[str] = collections.Counter()
        stop = asyncio.Event()
        watching = asyncio.create_task(waits(system, seen, stop))
        await connection.execute("SELECT pg_stat_statements_reset(), pg_stat_reset()")
        system.go_on()
        done = await sell(system, [plan(system, shops, clients, seconds=seconds)])
        stop.set()
        await watching
        system.go_on()
        counted = await sell(system, [plan(system, shops, clients, seconds=seconds / 2)])
        system.go_on()
        rows = await connection.fetch(_STATEMENTS)
        scans = await connection.fetch(_SCANS)
        await connection.close()
        deadline = time.monotonic() + 10
        while not system.kept.exists() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        tell(done, counted, clients, json.loads(system.kept.read_text()), rows, seen)
        _scans(scans, done.outcome.accepted + counted.outcome.accepted)
    finally:
        system.stop()
        held.stop()


def tell(
    done: Round, counted: Round, clients: int, kept: dict[str, Any], rows: list[Any], seen: collections.Counter[str]
) -> None:
    sold = done.outcome.accepted
    print(f"{sold} W by {clients} clients in {done.seconds:.1f} s: {done.per_s:.0f} per s, sampled")
    print(
        f"processor per W: product {done.own_cpu * 1e3:.2f} ms, PostgreSQL {done.postgres_cpu * 1e3:.2f} ms, "
        f"load {done.client_cpu * 1e3:.2f} ms; WAL {done.wal / 1000:.1f} kB"
    )
    total = sum(count for _, count in kept["stacks"]) or 1
    each = done.own_cpu * 1e6 / total  # µs of one sample per W
    _processor(kept["stacks"], each)
    _round_trips(kept["statements"], counted.outcome.accepted)
    _server(rows, sold + counted.outcome.accepted)
    looks = seen.pop("looks", 1)
    print("\nconnections of the product, mean number in each state")
    for what, count in seen.most_common(14):
        print(f"  {count / looks:6.2f}  {what}")


def _processor(stacks: list[Any], each: float) -> None:
    parts: collections.Counter[tuple[str, str]] = collections.Counter()
    inner: collections.Counter[str] = collections.Counter()
    outer: collections.Counter[str] = collections.Counter()
    for stack, count in stacks:
        side = side_of(stack)
        parts[side, part_of(stack)] += count
        inner[_name(stack[0])] += count
        for name in {_name(frame) for frame in stack if "/entrepot/" in frame[0]}:
            outer[name] += count
    print("\nprocessor of the product by part, µs per W")
    for side in ("request", "relay", "loop"):
        mine = [(part, count) for (where, part), count in parts.most_common() if where == side]
        print(f"  {side}: {sum(count for _, count in mine) * each:.0f}")
        for part, count in mine[:16]:
            print(f"    {count * each:7.0f}  {part}")
    print("\nfunctions, themselves, µs per W")
    for name, count in inner.most_common(30):
        print(f"    {count * each:7.0f}  {name}")
    print("\nour functions with all they call, µs per W")
    for name, count in outer.most_common(45):
        print(f"    {count * each:7.0f}  {name}")


def _round_trips(statements: list[Any], sold: int) -> None:
    for side in ("request", "relay"):
        mine = sorted((row for row in statements if row[0] == side), key=lambda row: -row[2])
        print(f"\nround trips of the {side} per W: {sum(row[2] for row in mine) / sold:.2f}")
        for _, text, count, waited in mine[:26]:
            print(f"  {count / sold:6.3f} x {waited / count * 1e3:7.2f} ms waited  {text[:110]}")


def _server(rows: list[Any], sold: int) -> None:
    every = sum(row["ms"] for row in rows if row["toplevel"])
    print(f"\nin PostgreSQL, statements by execution time per W ({every / sold:.2f} ms; those of triggers are marked)")
    for row in rows[:30]:
        mark = " " if row["toplevel"] else "^"
        text = " ".join(row["query"].split())[:110]
        print(
            f"  {row['ms'] / sold * 1e3:7.0f} µs {row['calls'] / sold:6.2f} x {row['wal'] / sold / 1e3:6.2f} kB WAL {mark} {text}"
        )


def _scans(rows: list[Any], sold: int) -> None:
    print("\nrows read by sequential scans per W; a plan made while a table was small may stay when it grows")
    for row in rows:
        print(f"  {row['read'] / sold:8.1f} in {row['scans'] / sold:6.3f} scans  {row['name']}")


def _name(frame: Any) -> str:
    path, function, _ = frame
    short = path.partition("/site-packages/")[2] or path.partition("/src/")[2] or "/".join(path.split("/")[-2:])
    return f"{short}:{function}"


_SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
_WAITS = """
SELECT CASE WHEN state = 'active' THEN 'active ' || coalesce(wait_event_type || ':' || wait_event, 'on processor')
            ELSE state END AS what
FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename LIKE '%_login'
"""
_STATEMENTS = """
SELECT query, toplevel, calls, total_exec_time AS ms, wal_bytes::float8 AS wal FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY total_exec_time DESC LIMIT 60
"""
_SCANS = """
SELECT schemaname || '.' || relname AS name, seq_scan AS scans, seq_tup_read AS read FROM pg_stat_user_tables
WHERE seq_tup_read > 0 ORDER BY seq_tup_read DESC LIMIT 10
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profiling", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    asyncio.run(profile(options.seconds, options.clients))


if __name__ == "__main__":
    main()
