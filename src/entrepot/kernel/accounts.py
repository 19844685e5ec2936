"""Whom PostgreSQL runs as: it refuses root, and must die with its owner."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import pwd

LINUX = sys.platform == "linux"
DEATH_SIGNAL = LINUX  # the kernel tells the server that its owner died; elsewhere a watcher does
_CLONE_NEWUSER, _PR_SET_PDEATHSIG = 0x10000000, 1
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


class PostgresError(RuntimeError):
    """PostgreSQL cannot be had; the message says what a person can do about it."""


@dataclass(frozen=True)
class Account:
    """Whom PostgreSQL runs as. `mapped`: as us, but under another number in a user namespace of its own."""

    uid: int
    gid: int
    mapped: bool
    folder: Path

    def own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def popen(self, command: list[str], output: int) -> subprocess.Popen[bytes]:
        # Nothing of ours leaks in: no secrets, and no PGOPTIONS that would change the server.
        kept = {key: os.environ[key] for key in ("TMPDIR", "LD_LIBRARY_PATH") if key in os.environ}
        switch = self.uid != os.geteuid()
        return subprocess.Popen(  # noqa: S603 - no shell, and the binaries the operator chose
            command,
            cwd=self.folder,
            env={"LC_ALL": "C", "PATH": os.defpath} | kept,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C in the terminal must reach our shutdown, not the server
            user=self.uid if switch else None,
            group=self.gid if switch else None,
            extra_groups=[] if switch else None,
            preexec_fn=self._before_exec() if LINUX or switch else None,
        )

    def _before_exec(self) -> Callable[[], None]:
        """Runs between fork and exec: system calls only, since other threads' locks stay locked there."""
        parent = os.getpid()
        seen = next(filter(_has_name, (1000, 1, 2, 65534)), 1000)
        maps = {"setgroups": "deny", "uid_map": f"{seen} {self.uid} 1", "gid_map": f"{seen} {self.gid} 1"}

        def prepare() -> None:
            if self.mapped:
                _unshare_user()
                for file, line in maps.items():
                    handle = os.open(f"/proc/self/{file}", os.O_WRONLY)
                    os.write(handle, line.encode())
                    os.close(handle)
            os.chdir(self.folder)  # once more, as the user it now is: fails when the way is barred
            if DEATH_SIGNAL and _libc is not None:  # after the change of user, which clears it
                _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGINT), 0, 0, 0)
                if os.getppid() != parent:  # it died in between, so the signal will never come
                    os._exit(1)

        return prepare


def goes_with(parent: int) -> bool:
    """Whether the process that started this one is there. From here on the kernel tells this one of its end (SIGTERM)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM), 0, 0, 0)
    return os.getppid() == parent


def _unshare_user() -> None:
    if _libc is None or _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespaces")


def _has_name(uid: int) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwuid(uid).pw_name)
    return False


def choose(postgres: Path, data: Path) -> Account:
    """PostgreSQL refuses root, and initdb refuses a uid without a name, which containers like to give."""
    uid, gid, folder = os.geteuid(), os.getegid(), data.parent
    plain = Account(uid, gid, mapped=False, folder=folder)
    if uid != 0 and _has_name(uid):
        return plain
    choices = [Account(uid, gid, mapped=True, folder=folder)] if LINUX else []
    owner = data.stat() if data.exists() else None
    if uid != 0:
        choices.append(plain)
    elif owner is not None and owner.st_uid != 0:  # an ordinary user's home stays that user's
        choices = [Account(owner.st_uid, owner.st_gid, mapped=False, folder=folder)]
    else:
        with suppress(KeyError):
            nobody = pwd.getpwnam("nobody")
            choices.append(Account(nobody.pw_uid, nobody.pw_gid, mapped=False, folder=folder))
    for account in choices:
        with suppress(OSError, subprocess.SubprocessError):
            if account.popen([str(postgres), "-V"], subprocess.DEVNULL).wait() == 0:
                if uid == 0 and owner is not None and owner.st_uid != account.uid:
                    for path in (data, *data.rglob("*")):
                        account.own(path)
                return account
    raise PostgresError(
        "PostgreSQL does not run as root, user namespaces are refused here, and no other user can reach both "
        f"{folder} and {postgres}: set ENTREPOT_HOME to a folder another user can reach, run as an ordinary "
        "user, or give ENTREPOT_DATABASE_URL"
    )
