"""A real system in processes of its own, for what must hold across processes, kills and restarts."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2


class Running:
    """`entrepot up` and further `entrepot serve` processes on one home, by address."""

    program = ("-m", "entrepot")

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings: dict[str, str] = {}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.urls: list[str] = []

    @classmethod
    def at_new_home(cls) -> Running:
        home = Path(tempfile.mkdtemp(prefix="entrepot-run-"))
        home.chmod(0o755)
        return cls(home)

    def environment(self, port: int | None = None) -> dict[str, str]:
        more = {
            **self.settings,
            "ENTREPOT_HOME": str(self.home),
            "ENTREPOT_DEMO": "false",
            "ENTREPOT_ADDRESS_LIMIT": "0",
        }
        if port is not None:
            more["ENTREPOT_PORT"] = str(port)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
        return {**kept, **more, "ENTREPOT_TENANT_LIMIT": "0"}

    def start(self, *arguments: str, port: int | None = None) -> str:
        """Start `entrepot ...` on a free port and wait until it is ready; returns its address."""
        port = port or free_port()
        log = (self.home / f"{arguments[0]}-{port}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, *self.program, *arguments],
            env=self.environment(port),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes.append(process)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError((self.home / f"{arguments[0]}-{port}.log").read_text())
            try:
                if httpx2.get(f"{url}/ready", timeout=2).status_code == 200:
                    self.urls.append(url)
                    return url
            except httpx2.HTTPError:
                time.sleep(0.05)
        raise TimeoutError(f"{arguments} did not become ready")

    def command(self, *arguments: str) -> str:
        """The output of one `entrepot` command on this home."""
        done = subprocess.run(
            [sys.executable, "-m", "entrepot", *arguments], env=self.environment(), capture_output=True, timeout=120
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout.decode().strip()

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9, and nothing else."""
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        """End what is still running, in order, and remove the home."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
        shutil.rmtree(self.home, ignore_errors=True)


async def at_once(calls: list[Any]) -> list[Any]:
    """All calls at the same time; their answers in order."""
    return list(await asyncio.gather(*calls))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
