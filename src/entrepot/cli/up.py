"""`entrepot up`: database, web, events and jobs in one process, with a demo to look at."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from typing import Any

import uvicorn

from entrepot import assembly, demo
from entrepot.cli.running import err, execute, out, settle_down
from entrepot.kernel import logs, postgres
from entrepot.kernel.config import Config, ConfigError
from entrepot.kernel.http import Web


def serve(config: Config, server: postgres.Postgres, *, works: bool, web: bool = True) -> None:
    """Serve until Ctrl-C or SIGTERM, then end in order."""
    logs.configure(config)
    execute(_serve(config, server, works=works, web=web))


async def _serve(config: Config, server: postgres.Postgres, *, works: bool, web: bool) -> None:
    listening = _listen(config) if web else None
    house, application = await assembly.build(
        config, server.server.url, works=works, told=lambda name: err.print(f"preparing {name}", style="dim")
    )
    await house.start()
    settle_down()
    if web and works and config.demo and not config.topology:
        await demo.seed_when_empty(house, told=lambda text: err.print(text, style="dim"))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.create_task(_watch(server))
    try:
        if listening is not None:
            _announce(config, house.config.folder)
            await _answer(application, config, listening, stop)
        else:
            out.print("working on events and jobs; Ctrl-C ends")
            await stop.wait()
    finally:
        err.print("stopping", style="dim")
        watching.cancel()
        await house.stop()


async def _answer(application: Web, config: Config, listening: socket.socket, stop: asyncio.Event) -> None:
    served = _Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=10,
            server_header=False,
            date_header=True,
            proxy_headers=False,
        )
    )
    running = asyncio.create_task(served.serve(sockets=[listening]))
    ending = asyncio.create_task(stop.wait())
    await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
    served.should_exit = True
    ending.cancel()
    await running


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: who starts several things ends them in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def _watch(server: postgres.Postgres) -> None:
    """Start PostgreSQL again when it was killed; what was committed is there, the pools connect anew."""
    while True:
        await asyncio.sleep(1)
        if server.server.owned and server.restart_if_dead():
            err.print("PostgreSQL had died and was started again", style="yellow")


def _listen(config: Config) -> socket.socket:
    """Take the port first: a port in use is said before anything is prepared."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if config.workers > 1 and hasattr(socket, "SO_REUSEPORT"):
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {config.port} is in use; stop what uses it or set ENTREPOT_PORT to another"
            ) from None
        raise
    listening.listen(2048)
    listening.setblocking(False)
    return listening


def _announce(config: Config, folder: Any) -> None:
    shown = "localhost" if config.host in ("127.0.0.1", "0.0.0.0", "::") else config.host  # noqa: S104
    address = f"http://{shown}:{config.port}{config.path_prefix}"
    out.print(f"\n[bold]Entrepot[/bold] is at [link={address}]{address}[/link]   (API: {address}/docs)")
    for login in demo.logins(folder):
        pin = f"  PIN {login['pin']}" if "pin" in login else ""
        out.print(f"  {login['role']:<14} {login['email']:<28} {login['password']}{pin}", highlight=False)
    out.print("Ctrl-C stops it.\n")
    if not sys.stdout.isatty():
        sys.stdout.flush()
    os.environ.setdefault("ENTREPOT_HOME", str(folder))
