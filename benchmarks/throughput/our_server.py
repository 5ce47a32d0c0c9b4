"""The whole server path as it runs in a site: validate, keep durably, update the view, then reply."""

import asyncio
from functools import partial
from pathlib import Path
import sys
import tempfile

from custom_components.smart_charging.engine.clock import SystemClock
from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem, CsmsSettings
from custom_components.smart_charging.engine.csms.server import ServerSettings
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.site import Site

from .serving import serve


async def start(folder: str, stations: int) -> int:
    """Run a site with so many configured stations and a ledger in this folder; return the port."""
    ledger = (await Ledger.open(Path(folder) / "ledger.db")).site("bench")
    clock, lease = SystemClock(), LeaseTimes()
    csms = CentralSystem(
        clock=clock,
        transactions=ledger,
        memory=ledger,
        authorizer=AcceptEveryone(),
        lease=lease,
        settings=CsmsSettings(server=ServerSettings(messages_per_s=1e6, message_burst=10**6)),
    )
    site = Site(SiteConfig("bench", "Bench", fuse_a=10_000.0, has_meter=False), csms=csms, ledger=ledger, clock=clock)
    await site.start()
    for number in range(stations):
        await site.add_charger(StationConfig(f"B{number}", f"B{number}", allow_without_password=True))
    return await site.listen("127.0.0.1", 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="throughput-") as ledger_folder:
        asyncio.run(serve(partial(start, ledger_folder, int(sys.argv[1]))))
