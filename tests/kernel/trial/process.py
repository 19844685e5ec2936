"""A process of its own with the trial module, to be killed: python -m tests.kernel.trial.process URL serve|write TENANT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path
from uuid import UUID

from entrepot.assembly import load_modules
from entrepot.kernel.database import Database, Databases
from entrepot.kernel.house import House
from entrepot.kernel.module import Catalogue
from entrepot.kernel.units import unit
from entrepot.testing.world import test_config
from tests.kernel.trial.events import ThingPoked
from tests.kernel.trial.manifest import module


async def main(url: str, what: str, tenant: UUID) -> None:
    config = test_config(Path(tempfile.gettempdir()))
    catalogue = Catalogue([*load_modules(["identity", "platform"]), module])
    house = House(config, catalogue, Databases(Database(url)), works=what == "serve")
    await house.start()
    if what == "write":
        # Committed, but nobody was told yet.
        house.relay.wake = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        async with unit(house, tenant) as ctx:
            ctx.emit(ThingPoked(thing_id=tenant, number=1))
    print("ready", flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], UUID(sys.argv[3])))
