"""A RabbitMQ and a Redis of our own for the session, on free ports of this machine, stopped by their process ids."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.conftest import ada, fresh, make_world, trial

__all__ = ["ada", "broker", "fresh", "make_world", "redis", "trial"]

RABBITMQ = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def found(*names: str) -> str:
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise LookupError(f"{names[-1]} is not installed: apt-get install -y rabbitmq-server redis-server")


class Program:
    """A server we start, kill and start again."""

    def __init__(self, command: list[str], environment: dict[str, str], port: int, log: Path, greeting: bytes) -> None:
        self.command, self.environment, self.port, self.log = command, environment, port, log
        self.greeting = greeting
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 90) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.environment}, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
            line.settimeout(2)
            line.sendall(self.greeting)
            return bool(line.recv(8))
        return False

    def end(self, how: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)  # the group holds what this program started, and nothing else
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Program]:
    folder = Path(tempfile.mkdtemp(prefix="entrepot-rabbit-"))
    port, names = free_port(), free_port()
    environment = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"trial{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "env"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
    }
    (folder / "plugins").write_text("[].\n")
    epmd = subprocess.Popen([found("epmd"), "-port", str(names), "-address", "127.0.0.1"])
    program = Program([found(*RABBITMQ)], environment, port, folder / "out", b"AMQP\x00\x00\x09\x01")
    try:
        program.start()
        yield program
    finally:
        program.end(signal.SIGTERM)
        epmd.terminate()
        epmd.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def broker(rabbitmq: Program) -> Program:
    """The broker, running."""
    if rabbitmq.process is None:
        rabbitmq.start()
    return rabbitmq


@pytest.fixture
def redis() -> Iterator[Program]:
    folder = Path(tempfile.mkdtemp(prefix="entrepot-redis-"))
    port = free_port()
    command = [found("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    program = Program(command, {}, port, folder / "out", b"PING\r\n")
    try:
        program.start()
        yield program
    finally:
        program.end(signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)
