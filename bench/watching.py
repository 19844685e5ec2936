"""A till that waits for the last effect of each of its sales, and notes both times; run by `Loads` as one of the clients."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict

import asyncpg

from bench.checks import EFFECTS
from bench.load import MARK, Client, Outcome, Plan, templates
from bench.shop import Shop

_FOUND = "SELECT count(*) FROM accounting.journal_entry WHERE tenant_id = $1 AND reference_id = $2"


async def watch(plan: Plan) -> Outcome:
    """Sell one by one until the time is over; `effects` are seconds from sending to the last effect seen."""
    outcome = Outcome()
    shop = Shop(**plan.shops[0])
    made = templates(plan, shop, random.Random(plan.seed))
    connection = await asyncpg.connect(plan.database)
    client = Client(plan.port, 0)
    print("ready", flush=True)
    sys.stdin.readline()
    outcome.began = time.monotonic()
    while time.monotonic() < outcome.began + plan.seconds:
        number = str(plan.start + outcome.requests).zfill(len(MARK)).encode()
        client.send(made[outcome.requests % len(made)].replace(MARK, number))
        while (found := client.answer()) is None:
            pass
        outcome.times.append(time.monotonic() - client.sent_at)
        if found[0] != 201:
            outcome.failed += 1
            outcome.problems.append(found[1][:500].decode(errors="replace"))
            break
        outcome.accepted += 1
        order = json.loads(found[1])["data"]["id"]
        while await connection.fetchval(_FOUND, shop.tenant, order) < EFFECTS:
            await asyncio.sleep(0.0005)
        outcome.effects.append(time.monotonic() - client.sent_at)
    outcome.ended = time.monotonic()
    await connection.close()
    return outcome


def main() -> None:
    print(json.dumps(asdict(asyncio.run(watch(Plan(**json.loads(sys.stdin.readline())))))))


if __name__ == "__main__":
    main()
