"""The central system with its ledger and site, as a process that may be killed: `FOLDER STATIONS PORT PASSWORD_HASH`."""

import asyncio
from functools import partial
from pathlib import Path
import sys

from benchmarks.throughput.serving import serve
from custom_components.smart_charging.engine.clock import SystemClock
from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.site import Site

from .books import LEDGER, PREFIX, SITE_ID


async def start(folder: Path, stations: int, port: int, password_hash: str) -> int:
    """Serve so many stations at this port, with the limits that a site has, over the ledger in this folder."""
    ledger = (await Ledger.open(folder / LEDGER)).site(SITE_ID)
    clock = SystemClock()
    csms = CentralSystem(
        clock=clock, transactions=ledger, memory=ledger, authorizer=AcceptEveryone(), lease=LeaseTimes()
    )
    config = SiteConfig(SITE_ID, "Storm", fuse_a=12.0 * stations + 10, has_meter=False)
    site = Site(config, csms=csms, ledger=ledger, clock=clock)
    await site.start()
    names = [f"{PREFIX}-{number}" for number in range(1, stations + 1)]
    await site.add_chargers([StationConfig(name, name, password_hash=password_hash) for name in names])
    return await site.listen("127.0.0.1", port)


if __name__ == "__main__":
    asyncio.run(serve(partial(start, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
