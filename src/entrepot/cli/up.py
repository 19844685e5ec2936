"""`entrepot up`: database, web, events and jobs in one process, with a demo to look at; on a larger machine further
processes answer requests beside it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
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

Beside = tuple[int, int]  # the process that started this one, and the number of the socket that it handed over


def serve(
    config: Config, server: postgres.Postgres, *, works: bool, web: bool = True, beside: Beside | None = None
) -> None:
    """Serve until Ctrl-C or SIGTERM, or until the process is gone that this one answers `beside`; then end in order."""
    logs.configure(config)
    execute(_serve(config, server, works=works, web=web, beside=beside))


async def _serve(config: Config, server: postgres.Postgres, *, works: bool, web: bool, beside: Beside | None) -> None:
    sockets = ([socket.socket(fileno=beside[1])] if beside else _listen(config)) if web else []
    if len(sockets) > 1:
        _measure_together(config)
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
    watching = asyncio.create_task(_end_with(beside[0], stop) if beside else _watch(server))
    others = [asyncio.create_task(_beside(config, other, stop)) for other in sockets[1:]]
    try:
        if sockets:
            if not beside:
                _announce(config, house.config.folder)
            await _answer(application, config, sockets[0], stop)
        else:
            out.print("working on events and jobs; Ctrl-C ends")
            await stop.wait()
    finally:
        if not beside:
            err.print("stopping", style="dim")
        watching.cancel()
        stop.set()
        await asyncio.gather(*others)
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


async def _end_with(parent: int, stop: asyncio.Event) -> None:
    """Stop when the process that started this one is gone, also where no kernel tells of it: its database goes with it."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the system wakes nobody
        await asyncio.sleep(1)
    stop.set()


async def _beside(config: Config, listening: socket.socket, stop: asyncio.Event) -> None:
    """A further process that answers requests, started again when it dies: who waits on its socket waits that long."""
    number = listening.fileno()
    words = ["serve", "--no-works", "--host", config.host, "--port", str(config.port)]
    words += ["--beside", str(os.getpid()), str(number)]
    if config.service:
        words += ["--service", config.service]
    while not stop.is_set():
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "entrepot", *words, pass_fds=(number,), stdin=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            err.print(f"no further process could be started to answer requests: {error}", style="yellow")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 10)
            continue
        ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not stop.is_set():
            err.print("a process that answers requests had died and is started again", style="yellow")
            await asyncio.sleep(1)
        else:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await ended


def _measure_together(config: Config) -> None:
    """Let this process and those beside it count in one place what each of them measures, from nothing."""
    folder = config.folder / "metrics" / str(config.port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _listen(config: Config) -> list[socket.socket]:
    """Take the port first: a port in use is said before anything is prepared. Where several processes answer, each has a
    socket of its own, among which the system shares out who comes as soon as it is listened to."""
    first = _bound(config, shared=False)
    others: list[socket.socket] = []
    if config.processes > 1:
        first.close()
        first, *others = (_bound(config, shared=True) for _ in range(config.processes))
    first.listen(2048)
    return [first, *others]


def _bound(config: Config, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setblocking(False)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((config.host, config.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {config.port} is in use; stop what uses it or set ENTREPOT_PORT to another"
            ) from None
        raise
    return bound


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
