"""The whole server path with the limits that a site has, as a process of its own."""

import asyncio
from functools import partial
from pathlib import Path
import sys
import tempfile

from benchmarks.throughput.serving import serve
from custom_components.smart_charging.engine.clock import SystemClock
from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.site import Site


async def start(folder: str, stations: int) -> int:
    """Run a site with so many configured stations and a ledger in this folder; return the port."""
    ledger = (await Ledger.open(Path(folder) / "ledger.db")).site("bench")
    clock = SystemClock()
    csms = CentralSystem(
        clock=clock, transactions=ledger, memory=ledger, authorizer=AcceptEveryone(), lease=LeaseTimes()
    )
    site = Site(SiteConfig("bench", "Bench", fuse_a=10_000.0, has_meter=False), csms=csms, ledger=ledger, clock=clock)
    await site.start()
    for number in range(stations):
        await site.add_charger(StationConfig(f"B{number}", f"B{number}", allow_without_password=True))
    return await site.listen("127.0.0.1", 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="flood-") as ledger_folder:
        asyncio.run(serve(partial(start, ledger_folder, int(sys.argv[1]))))
