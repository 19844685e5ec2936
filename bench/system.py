"""The real product on a home of its own: `entrepot up` in a process of its own, tenants with goods, and a look inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from bench.shop import ROOT, Shop
from entrepot.assembly import with_database
from entrepot.testing.running import Running

TICKS = os.sysconf("SC_CLK_TCK")


class System(Running):
    """One home, its `entrepot up` and its shops. Nothing limits requests, nothing is logged below a warning."""

    def environment(self, port: int | None = None) -> dict[str, str]:
        return {
            **super().environment(port),
            "ENTREPOT_LOG_LEVEL": "warning",
            "PYTHONUNBUFFERED": "",  # what is printed unbuffered and interrupted by a signal is cut short
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        }

    def up(self) -> System:
        self.start("up")
        return self

    @property
    def port(self) -> int:
        return int(self.urls[0].rsplit(":", 1)[1])

    @property
    def server(self) -> str:
        """The URL of the server as its owner, past every policy."""
        return str(json.loads((self.home / "postgres" / "server.json").read_text())["url"])

    @property
    def database(self) -> str:
        return with_database(self.server, "entrepot")

    @property
    def socket_folder(self) -> str:
        return parse_qs(urlsplit(self.server).query)["host"][0]

    def shops(
        self,
        tenants: int = 1,
        products: int = 200,
        customers: int = 500,
        *,
        stock: int = 1_000_000,
        slug: str = "bench",
    ) -> list[Shop]:
        """New tenants, each with so many products in stock and customers."""
        words = [str(tenants), str(products), str(customers), str(stock), slug]
        done = subprocess.run(
            [sys.executable, "-m", "bench.preparing", *words], env=self.environment(), cwd=ROOT, capture_output=True
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return [Shop(**shop) for shop in json.loads(done.stdout)]

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.database)

    def cpu(self) -> tuple[float, float]:
        """Seconds of CPU so far: (the product's own processes, PostgreSQL with all its processes)."""
        return sum(cpu_of(pid) for pid in self.ours()), cpu_of_tree(self.postmaster)

    @property
    def postmaster(self) -> int:
        return int(json.loads((self.home / "postgres" / "server.json").read_text())["pid"])

    def memory(self) -> int:
        """Resident bytes of the product's own processes, without PostgreSQL."""
        return sum(rss_of(pid) for pid in self.ours())

    def ours(self) -> list[int]:
        """The product's own processes: those that were started here, and those that answer requests beside them."""
        started = [process.pid for process in self.processes if process.poll() is None]
        return [*started, *(child for pid in started for child in children_of(pid) if child != self.postmaster)]


def cpu_of(pid: int) -> float:
    """Seconds of CPU a process has used, user and system."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def cpu_of_tree(pid: int) -> float:
    """Seconds of CPU of a process, its living children, and those it has buried."""
    fields = _stat(pid)
    if not fields:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICKS + sum(cpu_of(child) for child in children_of(pid))


def children_of(pid: int) -> list[int]:
    """The living children of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def rss_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def machine() -> dict[str, Any]:
    """The facts of this machine and how busy it is with other work."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown",
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_mb": memory,
        "python": sys.version.split()[0],
        "kernel": os.uname().release,
        "load_1m": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
