"""The launcher against real servers: restarts, kills, crowds and odd homes."""

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from entrepot.kernel import accounts, postgres
from entrepot.kernel.postgres import Postgres, PostgresError, ensure

AS_ROOT = os.geteuid() == 0
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
root_only = pytest.mark.skipif(not AS_ROOT, reason="is about running as root")

OWN_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from entrepot.kernel import accounts, postgres
accounts.DEATH_SIGNAL = sys.argv[2] != "watcher"
if sys.argv[2] == "as nobody":
    accounts._unshare_user = lambda: 1 / 0
with postgres.ensure(Path(sys.argv[1])) as running:
    print(running.server.pid, flush=True)
    time.sleep(600)
"""
JOIN = """
import sys
from pathlib import Path
from entrepot.kernel.postgres import PostgresError, ensure
try:
    with ensure(Path(sys.argv[1]), share=sys.argv[2] == "share") as running:
        print(running.server.owned, running.server.pid, running.server.url)
except PostgresError as error:
    print("refused:", error)
"""


def ask(url: str, query: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(run())


def until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def runs(pid: int) -> bool:
    """False for a zombie too, which is what a killed server is while nobody has waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def script(text: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", text, *map(str, arguments)]


def server_pid(owner: subprocess.Popen[str]) -> int:
    assert owner.stdout is not None
    return int(owner.stdout.readline())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def own_pid(running: Postgres) -> int:
    assert running.server.owned
    assert running.server.pid is not None
    return running.server.pid


@pytest.fixture
def home() -> Iterator[Path]:
    """Short enough for a socket and open to other users, neither of which tmp_path is."""
    path = Path(tempfile.mkdtemp(prefix="home-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def owner(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the server of home, until it is killed."""
    process = subprocess.Popen(script(OWN_UNTIL_KILLED, home, "signal"), stdout=subprocess.PIPE, text=True)
    yield process
    kill(process)
    assert until(lambda: not (home / "postgres/data/postmaster.pid").exists(), 30)


def test_second_start_finds_the_data_of_the_first(home: Path) -> None:
    begin = time.perf_counter()
    with ensure(home) as running:
        print(f"fresh cluster: {time.perf_counter() - begin:.3f} s")
        first = own_pid(running)
        ask(running.server.url, "create table kept as select 42 as answer")
    assert not (home / "postgres/server.json").exists()
    assert not (home / "postgres/data/postmaster.pid").exists()
    begin = time.perf_counter()
    with ensure(home) as running:
        print(f"next start: {time.perf_counter() - begin:.3f} s")
        assert own_pid(running) != first
        assert ask(running.server.url, "select answer from kept") == 42
        assert not running.restart_if_dead()
    running.stop()
    assert not running.restart_if_dead()


def test_settings_are_durable_private_and_the_callers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c fsync=off")
    monkeypatch.setenv("LC_ALL", "nl_NL.ISO-8859-1")
    wanted = {"work_mem": "5MB", "max_connections": "30", "listen_addresses": "127.0.0.1"}
    with ensure(home, settings=wanted) as running:
        names = "fsync synchronous_commit listen_addresses work_mem max_connections jit server_encoding"
        seen = [ask(running.server.url, f"show {name}") for name in names.split()]
        locale = ask(
            running.server.url,
            "select datlocprovider::text || datlocale from pg_database where datname = 'postgres'",
        )
    assert seen == ["on", "on", "", "5MB", "30", "off", "UTF8"]
    assert locale == "bC.UTF-8"
    assert (home / "postgres/run").stat().st_mode & 0o777 == 0o700
    assert (home / "postgres/log").stat().st_mode & 0o777 == 0o600


def test_a_url_is_believed_and_nothing_is_started(tmp_path: Path) -> None:
    with ensure(tmp_path / "home", url="postgresql://else/where") as running:
        assert running.server == postgres.Server("postgresql://else/where", owned=False, pid=None)
    assert list(tmp_path.iterdir()) == []


@root_only
@linux_only
def test_root_is_another_user_to_the_server_while_files_stay_its_own(home: Path) -> None:
    with ensure(home) as running:
        assert Path(f"/proc/{own_pid(running)}/uid_map").read_text().split()[1:] == ["0", "1"]
        assert Path(f"/proc/{own_pid(running)}/uid_map").read_text().split()[0] != "0"
        assert ask(running.server.url, "select 1") == 1
    assert (home / "postgres/data/PG_VERSION").stat().st_uid == 0


def refuse_namespaces() -> None:
    raise OSError("refused for the test")


@root_only
@linux_only
def test_without_namespaces_nobody_runs_the_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ensure(home) as running:
        ask(running.server.url, "create table kept as select 42 as answer")
    monkeypatch.setattr(accounts, "_unshare_user", refuse_namespaces)
    nobody = pwd.getpwnam("nobody").pw_uid
    with ensure(home) as running:
        status = Path(f"/proc/{own_pid(running)}/status").read_text()
        assert f"Uid:\t{nobody}\t{nobody}" in status
        assert ask(running.server.url, "select answer from kept") == 42
    monkeypatch.undo()
    with ensure(home) as running:  # the folder is nobody's now, and so the server stays
        assert f"Uid:\t{nobody}\t{nobody}" in Path(f"/proc/{own_pid(running)}/status").read_text()
        assert ask(running.server.url, "select answer from kept") == 42


@root_only
@linux_only
def test_root_in_a_closed_home_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_unshare_user", refuse_namespaces)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(PostgresError, match=r"set ENTREPOT_HOME .* or give ENTREPOT_DATABASE_URL"):
        ensure(closed / "home")
    assert closed.stat().st_mode & 0o777 == 0o700
    assert not (closed / "home/postgres/data").exists()


def test_killed_server_comes_back_with_every_committed_row(home: Path) -> None:
    with ensure(home) as running:
        url, first = running.server.url, own_pid(running)
        ask(url, "create table rows as select generate_series(1, 50000) as id")

        async def kill_in_the_middle() -> bool:
            busy, open_one = await asyncpg.connect(url), await asyncpg.connect(url)
            await open_one.execute("begin; insert into rows values (0)")
            # A backend that computes does not notice that its server is gone.
            query = asyncio.create_task(busy.fetchval("select count(*) from generate_series(1, 1e12::bigint) g"))
            await asyncio.sleep(0.3)
            os.kill(first, signal.SIGKILL)
            begin = time.perf_counter()
            assert until(lambda: not runs(first), 5)
            restarted = running.restart_if_dead()
            print(f"restart after kill -9: {time.perf_counter() - begin:.3f} s")
            await asyncio.gather(query, return_exceptions=True)
            for connection in (busy, open_one):
                connection.terminate()
            return restarted

        assert asyncio.run(kill_in_the_middle())
        assert own_pid(running) != first
        assert running.server.url == url
        assert ask(url, "select array[count(*), min(id), max(id)] from rows") == [50000, 1, 50000]
        assert not running.restart_if_dead()


@linux_only
@pytest.mark.parametrize("means", ["signal", "watcher", pytest.param("as nobody", marks=root_only)])
def test_server_ends_with_its_killed_owner(home: Path, means: str) -> None:
    process = subprocess.Popen(script(OWN_UNTIL_KILLED, home, means), stdout=subprocess.PIPE, text=True)
    try:
        pid = server_pid(process)
        assert runs(pid)
    finally:
        kill(process)
    assert until(lambda: not runs(pid), 10)
    assert not (home / "postgres/data/postmaster.pid").exists()  # it shut down, it was not shot
    assert (home / "postgres/server.json").exists()
    with ensure(home) as running:
        assert ask(running.server.url, "select 1") == 1
        assert own_pid(running) != pid


@linux_only
def test_takes_over_at_once_from_a_killed_owner(home: Path) -> None:
    process = subprocess.Popen(script(OWN_UNTIL_KILLED, home, "signal"), stdout=subprocess.PIPE, text=True)
    pid = server_pid(process)
    kill(process)
    with ensure(home) as running:  # the old server may still be in its last checkpoint
        assert own_pid(running) != pid
        assert not runs(pid)
        assert ask(running.server.url, "select 1") == 1


@linux_only
def test_a_server_that_outlived_its_owner_is_ended_first(home: Path) -> None:
    process = subprocess.Popen(script(OWN_UNTIL_KILLED, home, "signal"), stdout=subprocess.PIPE, text=True)
    pid = server_pid(process)
    os.kill(pid, signal.SIGSTOP)  # so that the death signal waits
    kill(process)
    threading.Timer(1.0, os.kill, (pid, signal.SIGCONT)).start()
    begin = time.monotonic()
    with ensure(home) as running:
        assert time.monotonic() - begin > 0.5
        assert not runs(pid)
        assert ask(running.server.url, "select 1") == 1


def test_a_second_process_shares_or_is_refused(home: Path, owner: subprocess.Popen[str]) -> None:
    pid = server_pid(owner)
    with ensure(home) as running:
        assert running.server.owned is False
        assert running.server.pid == pid
        assert ask(running.server.url, "select 1") == 1
        assert not running.restart_if_dead()
    assert ask(running.server.url, "select 1") == 1  # stop() of a guest stops nothing
    with pytest.raises(PostgresError, match=f"in use by process {owner.pid}: stop it"):
        ensure(home, share=False)
    assert ask(running.server.url, "select 1") == 1


def test_a_crowd_on_a_fresh_home_gets_one_server(home: Path) -> None:
    first = subprocess.Popen(script(OWN_UNTIL_KILLED, home, "signal"), stdout=subprocess.PIPE, text=True)
    try:
        assert until(lambda: (home / "postgres/owner.lock").exists(), 10)
        assert until(lambda: (home / "postgres/owner.lock").read_text() == str(first.pid), 10)
        guests = [subprocess.Popen(script(JOIN, home, "share"), stdout=subprocess.PIPE, text=True) for _ in range(3)]
        said = [guest.communicate(timeout=60)[0].split() for guest in guests]
        pid = server_pid(first)
        assert [words[:2] for words in said] == [["False", str(pid)]] * 3
        refused = subprocess.run(script(JOIN, home, "alone"), capture_output=True, text=True, check=True)
        assert refused.stdout.startswith(f"refused: home {home} is in use by process {first.pid}:")
    finally:
        kill(first)
    assert until(lambda: not runs(pid), 10)


@linux_only
def test_killed_initdb_leaves_a_home_that_works(home: Path) -> None:
    folder = home / "postgres"
    process = subprocess.Popen(script(OWN_UNTIL_KILLED, home, "signal"), stdout=subprocess.PIPE, text=True)
    assert until(lambda: any(folder.glob("data.new-*/global")), 20)
    kill(process)
    assert not (folder / "data").exists()
    with ensure(home) as running:
        assert ask(running.server.url, "select 1") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["data", "log", "owner.lock", "run"]


def test_a_long_home_keeps_its_socket_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("long, and odd %41 " * 6) / "home"
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    elsewhere = Path(tempfile.gettempdir(), f"entrepot-{name}")
    with ensure(home) as running:
        assert f"?host={elsewhere}&" in running.server.url
        assert elsewhere.stat().st_mode & 0o777 == 0o700
        assert ask(running.server.url, "select 1") == 1
    assert not elsewhere.exists()


def test_an_odd_home_near_enough_keeps_its_socket() -> None:
    home = Path(tempfile.mkdtemp(prefix="%41 &é="))
    try:
        with ensure(home) as running:
            assert (home / "postgres/run/.s.PGSQL.5432").is_socket()
            assert ask(running.server.url, "select 1") == 1
    finally:
        shutil.rmtree(home)


@pytest.mark.parametrize("trap", ["open to all", "a link", "a file"])
def test_a_socket_folder_that_is_not_ours_is_refused(tmp_path: Path, trap: str) -> None:
    home = tmp_path / ("long" * 30)
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    elsewhere = Path(tempfile.gettempdir(), f"entrepot-{name}")
    (tmp_path / "bait").mkdir(mode=0o700)
    if trap == "open to all":
        elsewhere.mkdir()
        elsewhere.chmod(0o777)
    elif trap == "a link":
        elsewhere.symlink_to(tmp_path / "bait")
    else:
        elsewhere.touch(mode=0o700)
    try:
        with pytest.raises(PostgresError, match="not a private folder of ours"):
            ensure(home)
        assert list((tmp_path / "bait").iterdir()) == []
    finally:
        if trap == "open to all":
            elsewhere.rmdir()
        else:
            elsewhere.unlink()


@pytest.mark.parametrize("pid", ["ours", "a stranger's", "a zombie's", "nobody's", "cut off"])
def test_a_stale_pid_file_does_not_block(home: Path, pid: str) -> None:
    with ensure(home) as running:
        ask(running.server.url, "create table kept as select 42 as answer")
        server = own_pid(running)
        pid_file = home / "postgres/data/postmaster.pid"
        left = pid_file.read_text()
        os.kill(server, signal.SIGKILL)
        assert until(lambda: not runs(server), 5)
        running.stop()
    stranger = subprocess.Popen(["/bin/sleep", "600"] if pid == "a stranger's" else ["/bin/true"])
    gone = 2**22 + 1  # above the highest pid Linux gives
    try:
        if pid == "a zombie's":
            assert until(lambda: not runs(stranger.pid), 5)
        written = {"ours": os.getpid(), "nobody's": gone}.get(pid, stranger.pid)
        stale = "" if pid == "cut off" else left.replace(str(server), str(written), 1)
        pid_file.write_text(stale)
        (home / "postgres/run/.s.PGSQL.5432.lock").write_text(stale)
        begin = time.monotonic()
        with ensure(home) as running:
            assert time.monotonic() - begin < 5
            assert ask(running.server.url, "select answer from kept") == 42
            assert pid_file.read_text().splitlines()[0] == str(own_pid(running))
        if pid == "a stranger's":
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@linux_only
def test_a_foreign_server_on_the_folder_is_waited_for_and_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ensure(home):
        pass
    folder = home / "postgres"
    command = [str(postgres._find_binaries(None) / "postgres"), "-D", str(folder / "data")]
    account = accounts.choose(Path(command[0]), folder / "data")
    foreign = account.popen([*command, "-k", str(folder / "run"), "-clisten_addresses="], subprocess.DEVNULL)
    try:
        assert until(lambda: postgres._answers(str(folder / "run/.s.PGSQL.5432")), 20)
        monkeypatch.setattr(postgres, "_OLD_SERVER_SECONDS", 0.5)
        with pytest.raises(PostgresError, match=rf"still runs on .*data \(process {foreign.pid}\)"):
            ensure(home)
        assert foreign.poll() is None
        assert postgres._answers(str(folder / "run/.s.PGSQL.5432"))
    finally:
        foreign.send_signal(signal.SIGINT)
        assert foreign.wait(30) == 0


def test_two_homes_are_two_servers(home: Path) -> None:
    with ensure(home / "one") as one, ensure(home / "two") as two:
        assert own_pid(one) != own_pid(two)
        ask(one.server.url, "create table only_here ()")
        assert ask(one.server.url, "select to_regclass('only_here') is not null") is True
        assert ask(two.server.url, "select to_regclass('only_here') is null") is True
        one.stop()
        assert ask(two.server.url, "select 1") == 1


def test_a_server_that_cannot_start_says_why_and_frees_the_home(home: Path) -> None:
    with pytest.raises(PostgresError, match=r"stopped while starting \(exit 1\)(?s:.*)no_such_setting"):
        ensure(home, settings={"no_such_setting": "1"})
    with ensure(home, share=False) as running:
        assert ask(running.server.url, "select 1") == 1


def test_an_impatient_start_stops_what_it_started(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_answers", lambda path: False)
    with pytest.raises(PostgresError, match=r"not ready after 0\.2 s"):
        ensure(home, patience=0.2)
    assert not (home / "postgres/data/postmaster.pid").exists()


def test_missing_binaries_and_a_foreign_data_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match=r"no postgres and initdb in .*empty"):
        ensure(tmp_path / "home", binaries=tmp_path / "empty")
    (tmp_path / "home/postgres/data").mkdir()
    (tmp_path / "home/postgres/data/letter.txt").write_text("dear")
    with pytest.raises(PostgresError, match="holds files but no database"):
        ensure(tmp_path / "home")
    assert (tmp_path / "home/postgres/data/letter.txt").read_text() == "dear"


@linux_only
def test_a_pool_thread_may_not_start_a_server(home: Path) -> None:
    async def start() -> None:
        await asyncio.to_thread(ensure, home)

    with pytest.raises(PostgresError, match="main thread"):
        asyncio.run(start())
    assert not (home / "postgres/data").exists()
    with ensure(home, share=False) as running:
        assert ask(running.server.url, "select 1") == 1


def test_a_full_log_is_put_aside(home: Path) -> None:
    with ensure(home):
        pass
    with (home / "postgres/log").open("ab") as log:
        log.truncate(10_000_001)
    with ensure(home):
        pass
    assert (home / "postgres/log.1").stat().st_size == 10_000_001
    assert 0 < (home / "postgres/log").stat().st_size < 10_000
