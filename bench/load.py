"""The load: closed-loop clients in a process of their own, on plain sockets, so that they cost little beside the product.

Run as `python -m bench.load` with a description on the first line of its input; it says `ready`, waits for `go`, and
answers with what happened and how much CPU it used itself.
"""

from __future__ import annotations

import json
import random
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.shop import ROOT, Shop

MARK = b"@@@@@@@@@@@@"  # where the number of a request goes, in its body and in its key: always twelve digits
TEMPLATES = 300


@dataclass
class Plan:
    """What one process sends. It ends after `seconds`, or after `count` requests; with `rate` each client waits
    before its next request so that they send that many a second together. With `database` the process is a watcher:
    one client that waits for the last effect of each sale before it goes on."""

    port: int
    clients: int
    shops: list[Any]
    seconds: float = 0.0
    count: int = 0
    lines: int = 5
    rate: float = 0.0
    start: int = 0
    only_sku: str = ""
    seed: int = 1
    database: str = ""


@dataclass
class Outcome:
    """What came of it. Times are of the clock that all processes share."""

    accepted: int = 0
    refused: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    effects: list[float] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0

    @property
    def requests(self) -> int:
        return self.accepted + self.refused + self.failed


def templates(plan: Plan, shop: Shop, dice: random.Random) -> list[bytes]:
    """Whole requests with a mark for their number: nothing is left to make while the clock runs."""
    made = []
    for _ in range(max(1, TEMPLATES // len(plan.shops))):
        if plan.only_sku:
            lines = [{"sku": plan.only_sku, "quantity": "1"}]
        else:
            lines = [{"sku": sku, "quantity": str(dice.randint(1, 3))} for sku in dice.sample(shop.skus, plan.lines)]
        sale: dict[str, Any] = {
            "client_id": f"b{MARK.decode()}",
            "terminal_id": "till-1",
            "lines": lines,
            "payments": [{"method": "card"}],
        }
        if shop.customers:
            sale["customer_id"] = dice.choice(shop.customers)
        body = json.dumps(sale, separators=(",", ":")).encode()
        head = (
            f"POST /api/v1/orders/pos HTTP/1.1\r\nHost: localhost:{plan.port}\r\nAuthorization: Bearer {shop.token}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: b{MARK.decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


class Client:
    """One till: a connection, and the request it waits for."""

    def __init__(self, port: int, number: int) -> None:
        self.line = socket.create_connection(("127.0.0.1", port))
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = number
        self.received = b""
        self.sent_at = 0.0
        self.due = 0.0

    def send(self, request: bytes) -> None:
        self.received = b""
        self.sent_at = time.monotonic()
        self.line.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """(status, body) once the whole answer is here."""
        part = self.line.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.received += part
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank:
            return None
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return (int(head[9:12]), body) if len(body) >= length else None


def drive(plan: Plan, outcome: Outcome, ready: Any) -> None:
    """Run the clients to the end of the plan."""
    dice = random.Random(plan.seed)
    shops = [Shop(**shop) for shop in plan.shops]
    made = [request for shop in shops for request in templates(plan, shop, dice)]
    dice.shuffle(made)
    chooser = selectors.DefaultSelector()
    clients = [Client(plan.port, number) for number in range(plan.clients)]
    for client in clients:
        chooser.register(client.line, selectors.EVENT_READ, client)
    ready()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    outcome.began = time.monotonic()
    end = outcome.began + plan.seconds if plan.seconds else float("inf")
    pause = plan.clients / plan.rate if plan.rate else 0.0
    sent = running = 0
    waiting: list[Client] = []

    def go_on(client: Client, now: float) -> None:
        nonlocal sent, running
        if now >= end or (plan.count and sent >= plan.count):
            return
        number = str(plan.start + sent).zfill(len(MARK)).encode()
        client.due = now + pause * dice.uniform(0.5, 1.5)
        client.send(made[sent % len(made)].replace(MARK, number))
        sent += 1
        running += 1

    for client in clients:
        go_on(client, time.monotonic())
    while running or waiting:
        timeout = max(0.0, min(c.due for c in waiting) - time.monotonic()) if waiting else None
        for key, _ in chooser.select(timeout):
            client = key.data
            found = client.answer()
            if found is None:
                continue
            now = time.monotonic()
            running -= 1
            _count(outcome, found, now - client.sent_at)
            if pause and client.due > now:
                waiting.append(client)
            else:
                go_on(client, now)
        if waiting:
            now = time.monotonic()
            due = [client for client in waiting if client.due <= now or now >= end]
            waiting = [client for client in waiting if client not in due]
            for client in due:
                go_on(client, now)
    outcome.ended = time.monotonic()
    used = resource.getrusage(resource.RUSAGE_SELF)
    outcome.cpu = used.ru_utime + used.ru_stime - cpu
    for client in clients:
        client.line.close()


def _count(outcome: Outcome, found: tuple[int, bytes], took: float) -> None:
    status, body = found
    outcome.times.append(took)
    if status in (200, 201):
        outcome.accepted += 1
    elif status == 409 and b"there is not enough stock" in body:
        outcome.refused += 1
    else:
        outcome.failed += 1
        if len(outcome.problems) < 5:
            outcome.problems.append(f"{status} {body[:500].decode(errors='replace')}")


class Loads:
    """Several load processes that start together."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.processes = []
        for plan in plans:
            module = "bench.watching" if plan.database else "bench.load"
            process = subprocess.Popen(
                [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(plan)) + "\n")
            process.stdin.flush()
            self.processes.append(process)
        for process in self.processes:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a load process did not get ready")

    def go(self) -> Loads:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return self

    def outcomes(self) -> list[Outcome]:
        """What happened in each, once all have ended."""
        found = []
        for process in self.processes:
            assert process.stdout is not None
            text = process.stdout.read()
            if process.wait(60):
                raise RuntimeError("a load process failed")
            found.append(Outcome(**json.loads(text)))
        return found


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """The processes as one."""
    return Outcome(
        accepted=sum(o.accepted for o in outcomes),
        refused=sum(o.refused for o in outcomes),
        failed=sum(o.failed for o in outcomes),
        problems=[p for o in outcomes for p in o.problems][:5],
        times=[t for o in outcomes for t in o.times],
        effects=[t for o in outcomes for t in o.effects],
        began=min(o.began for o in outcomes),
        ended=max(o.ended for o in outcomes),
        cpu=sum(o.cpu for o in outcomes),
    )


def main() -> None:
    plan = Plan(**json.loads(sys.stdin.readline()))
    outcome = Outcome()

    def ready() -> None:
        print("ready", flush=True)
        sys.stdin.readline()

    drive(plan, outcome, ready)
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
