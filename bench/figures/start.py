"""Start: from launch to the first answer with a database that is there already; memory idle and after many sales."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

from bench import checks
from bench.run import Run
from bench.selling import plan, sell
from bench.system import System
from entrepot.testing.running import free_port


async def measure(run: Run) -> None:
    system = System.at_new_home()
    assert isinstance(system, System)
    try:
        system.up()
        _end(system.processes.pop())
        system.urls.clear()
        times, idle = [], []
        for _ in range(run.rounds):
            seconds, process = launch(system)
            times.append(seconds)
            system.processes.append(process)
            time.sleep(2)
            idle.append(system.memory() / 1e6)
            _end(system.processes.pop())
        run.add("start.seconds", "s", times, about="launch to first answer, database ready")
        run.add("start.memory_mb", "MB", idle, about="the product's processes idle, without PostgreSQL")
    finally:
        system.stop()
    if run.memory_orders:
        await _memory(run)


async def _memory(run: Run) -> None:
    """Memory after so many sales, read at ten points on the way: flat or not."""
    system, sold = run.system, 0
    shops = system.shops(slug="memory")
    points = []
    for _ in range(10):
        done = await sell(system, [plan(system, shops, 16, count=run.memory_orders // 10)])
        sold += done.outcome.accepted
        points.append(system.memory() / 1e6)
    run.add("start.memory_after_mb", "MB", points, about=f"the product's processes, after every tenth of {sold} W")
    run.problems += await checks.verify(system, shops, sold=sold)


def launch(system: System) -> tuple[float, subprocess.Popen[bytes]]:
    """Start `entrepot up` and ask until it answers that it is ready."""
    port = free_port()
    began = time.monotonic()
    with (system.home / "start.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "entrepot", "up"],
            env=system.environment(port),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while time.monotonic() < began + 60:
        if process.poll() is not None:
            raise RuntimeError((system.home / "start.log").read_text())
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if line.recv(64).startswith(b"HTTP/1.1 200"):
                    return time.monotonic() - began, process
        except OSError:
            time.sleep(0.005)
    process.kill()
    raise TimeoutError("entrepot up did not answer within a minute")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(30)
