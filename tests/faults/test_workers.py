"""Several processes answer requests on one port; they count together, and none of them is missed for long."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx2
import pytest

from entrepot.kernel import config
from entrepot.testing.running import Running, free_port


@pytest.fixture
def system():
    made = Running.at_new_home()
    made.settings["ENTREPOT_WORKERS"] = "3"
    try:
        yield made
    finally:
        made.stop()


def until(happened):
    for _ in range(600):
        found = happened()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen within half a minute")


def listening(port):
    """How many sockets of this port are listened to."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def beside(pid):
    """The processes that answer requests beside this one."""
    found = [Path(f"/proc/{child}") for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return {int(child.name) for child in found if b"--no-works" in (child / "cmdline").read_bytes()}


def lives(pid):
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def counted(url):
    """How many lists of orders were asked for, whichever process answered."""
    lines = [line for line in httpx2.get(f"{url}/metrics").text.splitlines() if line.startswith(LISTED)]
    assert len(lines) == 1
    return float(lines[0].rsplit(" ", 1)[1])


LISTED = 'module_operation_success_total{module="orders",operation="orders"}'


@pytest.mark.timeout(180)
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_they_share_the_port_the_work_and_the_end(system, end):
    port = free_port()
    url = system.start("up", port=port)
    process = system.processes[0]
    until(lambda: listening(port) == 3)
    password = system.command("new-tenant", "acme", "Acme", "--admin", "ann@acme.test")
    login = {"email": "ann@acme.test", "password": password}
    token = httpx2.post(f"{url}/api/v1/auth/token", json=login).json()["data"]["access_token"]

    def lists(times):
        headers = {"authorization": f"Bearer {token}"}
        return {httpx2.get(f"{url}/api/v1/orders", headers=headers, timeout=60).status_code for _ in range(times)}

    assert lists(60) == {200}
    assert counted(url) == 60
    before = beside(process.pid)
    measured = {int(file.stem.rsplit("_", 1)[1]) for file in (system.home / "metrics").rglob("histogram_*.db")}
    assert measured == {process.pid, *before}

    os.kill(min(before), signal.SIGKILL)
    assert lists(30) == {200}
    after = until(lambda: (found := beside(process.pid)) != before and len(found) == 2 and found)
    assert max(before) in after
    assert counted(url) == 90

    other = Running.at_new_home()
    with pytest.raises(RuntimeError, match=f"port {port} is in use"):
        other.command("up", "--port", str(port))
    other.stop()

    process.send_signal(end)
    process.wait(30)
    until(lambda: listening(port) == 0)
    until(lambda: not any(lives(pid) for pid in after))


@pytest.mark.parametrize(
    ("processors", "quota", "settings", "processes"),
    [
        (1, "", {}, 1),
        (2, "", {}, 1),
        (4, "", {}, 2),
        (64, "", {}, 4),
        (64, "max 100000", {}, 4),
        (64, "450000 100000", {}, 2),
        (64, "50000 100000", {}, 1),
        (2, "", {"workers": 3}, 3),
        (64, "", {"topology": "plan.toml"}, 1),
        (64, "", {"topology": "plan.toml", "workers": 2}, 2),
    ],
)
def test_the_database_has_as_many_processors_as_they(monkeypatch, tmp_path, processors, quota, settings, processes):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(processors)))
    monkeypatch.setattr(config, "CONTAINER", tmp_path / "cpu.max")
    config.CONTAINER.write_text(quota)
    assert config.Config(**settings).processes == processes
