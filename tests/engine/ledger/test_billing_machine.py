"""Any order of charging, pricing, assigning and billing, with crashes in between: nothing is lost, nothing billed twice.

The model is what anybody would write on paper: who charged how much. The ledger is right if all statements of a driver
sum to what the driver charged, however often it was priced, assigned to somebody else, and corrected meanwhile.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
import shutil
import tempfile
from typing import Any

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.id_token import TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import EvseKey, StoreError, TransactionStop

from .billing_builders import PRICE, D, issued, priced, registered
from .builders import after, register, started

# What is copied here is what was written, not what was flushed: a disk would only make it slower.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
DRIVERS = ("anna", "ben")
TAGS = {"TAG-ANNA": "anna", "TAG-BEN": "ben", "TAG-NOBODY": None}
MOMENTS = st.sampled_from(["never", "before", "after"])  # when the process dies, as seen from the commit


@dataclass
class Stay:
    """A transaction as the model knows it."""

    driver: str | None
    station: str
    transaction_id: str
    session_id: int
    kwh: int
    began: datetime
    ended: datetime | None = None


class Died(Exception):
    """The process ends here."""


class BillingMachine(RuleBasedStateMachine):
    """Charging, pricing and billing in any order."""

    stays = Bundle("stays")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.lives = 0
        self.at = after(0)
        self.known: list[Stay] = []
        self.numbers: list[str] = []
        self.gone: set[str] = set()
        self.crash: tuple[str, int] | None = None

    @initialize()
    def begin(self) -> None:
        shutil.copytree(template(), self.life)
        self.open()

    @property
    def life(self) -> Path:
        return self.folder / str(self.lives)

    @property
    def site(self) -> SiteLedger:
        return self.ledger.site("home")

    def open(self) -> None:
        self.ledger = self.runner.run(Ledger.open(self.life / "ledger.db"))
        self.run(self.ledger.write(lambda book: None))  # what it files at its start is over

    def teardown(self) -> None:
        if self.numbers or self.known:
            self.run(self.settle_all())
        self.runner.run(self.ledger.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run[T](self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    def dying[T](self, moment: str, statement: int, work: Callable[[SiteLedger], Awaitable[T]]) -> T:
        """Do a piece of work; the process dies once before its commit or after it, and it is done again if need be.

        Before is at any of its statements: what is on the disk then is what the next process finds.
        """
        if moment == "before":
            self.die_within(statement, work)
        done = self.run(work(self.site))
        if moment == "after":
            self.run(self.ledger.close())
            self.open()
        return done

    def die_within(self, statement: int, work: Callable[[SiteLedger], Awaitable[Any]]) -> None:
        """Take what is on the disk in the midst of a piece of writing, and go on with that."""
        following, seen = self.folder / str(self.lives + 1), 0

        def count(connection: sa.Connection, *_: object) -> None:
            nonlocal seen
            if not connection.get_execution_options().get("ledger_writes"):
                return
            seen += 1
            if seen == statement + 1:
                shutil.copytree(self.life, following, dirs_exist_ok=True)
                raise Died

        sa.event.listen(self.ledger._engine, "before_cursor_execute", count)
        try:
            self.run(work(self.site))
        except StoreError:
            self.run(self.ledger.close())
            self.lives += 1
            self.open()
        else:
            # It had fewer statements than that: it was done, and is done once more.
            sa.event.remove(self.ledger._engine, "before_cursor_execute", count)

    @rule(
        target=stays,
        tag=st.sampled_from(sorted(TAGS)),
        station=st.sampled_from(["CP1", "CP2"]),
        moment=MOMENTS,
        statement=st.integers(0, 6),
    )
    def charge(self, tag: str, station: str, moment: str, statement: int) -> Stay:
        self.at += timedelta(minutes=7)
        begun = started((self.at - after(0)).total_seconds(), key=EvseKey(station, 1), token=tag)
        kept = self.dying(moment, statement, lambda site: site.start_transaction(begun))
        driver = TAGS[tag]
        if driver in self.gone:
            driver = None
        assert kept.driver_id == driver
        stay = Stay(driver, station, kept.transaction_id, kept.session_id, 0, begun.started_at)
        self.known.append(stay)
        return stay

    @rule(stay=stays, kwh=st.integers(0, 9), hours=st.integers(0, 30), moment=MOMENTS, statement=st.integers(0, 8))
    def stop(self, stay: Stay, kwh: int, hours: int, moment: str, statement: int) -> None:
        if stay.ended is not None:
            return
        self.at += timedelta(hours=hours)
        register_wh = 1000 + kwh * 1000
        told = TransactionStop(
            stay.station, stay.transaction_id, self.at, register_wh, "Local", None, self.at, live=True
        )
        limit = 50 * max(0.0, (self.at - stay.began).total_seconds()) / 3600 + 1
        self.dying(moment, statement, lambda site: site.stop_transaction(told))
        stay.kwh, stay.ended = (kwh if kwh <= limit else 0), self.at

    @rule(station=st.sampled_from(["CP1", "CP2"]), plugged=st.booleans())
    def plug(self, station: str, plugged: bool) -> None:
        self.at += timedelta(minutes=1)
        key = EvseKey(station, 1)
        self.run(self.site.plug_in(key, self.at) if plugged else self.site.plug_out(key, self.at))

    @rule(stay=stays, driver=st.sampled_from([*DRIVERS, None]), moment=MOMENTS, statement=st.integers(0, 6))
    def assign(self, stay: Stay, driver: str | None, moment: str, statement: int) -> None:
        if driver in self.gone:
            return
        self.dying(moment, statement, lambda site: site.drivers.assign(stay.station, stay.transaction_id, driver))
        stay.driver = driver

    @rule(stay=stays)
    def read_late(self, stay: Stay) -> None:
        """A reading that comes after the end has the session priced anew, to the same result."""
        values = (register((stay.began - after(0)).total_seconds() + 1, 1000),)
        self.run(self.site.record_meter_values(stay.station, 1, stay.transaction_id, values, self.at))

    async def price(self, site: SiteLedger, limit: int = 100) -> None:
        names: dict[str | None, str | None] = {one.driver_id: one.name for one in await site.drivers.all()}
        sessions = {one.session_id: one for one in await site.sessions()}
        for pending in await site.records.pending(limit):
            session = sessions.get(pending.session_id)
            records = () if session is None else priced("home", session, names)
            await site.records.keep(pending.session_id, records, pending)

    @rule(moment=MOMENTS, statement=st.integers(0, 30))
    def price_all(self, moment: str, statement: int) -> None:
        self.dying(moment, statement, self.price)

    @rule(stay=stays, driver=st.sampled_from(DRIVERS))
    def price_too_late(self, stay: Stay, driver: str) -> None:
        """What was assigned while its old price was worked out goes on waiting for the new one."""
        if driver in self.gone or stay.ended is None:
            return

        async def work(site: SiteLedger) -> None:
            waiting = await site.records.pending()
            sessions = {one.session_id: one for one in await site.sessions()}
            await site.drivers.assign(stay.station, stay.transaction_id, driver)
            for pending in waiting:
                if pending.session_id in sessions:
                    records = priced("home", sessions[pending.session_id], {})
                    await site.records.keep(pending.session_id, records, pending)
            assert stay.session_id in {one.session_id for one in await site.records.pending(1000)}

        self.run(work(self.site))
        stay.driver = driver

    @rule(driver=st.sampled_from(DRIVERS), moment=MOMENTS, statement=st.integers(0, 30))
    def bill(self, driver: str, moment: str, statement: int) -> None:
        before = len(self.numbers)
        made = self.dying(moment, statement, lambda site: issued(site, driver))
        self.numbers = [one.number for one in reversed(self.run(self.site.statements.all()))]
        # A death before the commit leaves none, one that came too late leaves the first of both.
        assert len(self.numbers) - before <= 1
        assert made is None or made.number == self.numbers[-1]

    @rule()
    def bill_two_at_once(self) -> None:
        async def work(site: SiteLedger) -> None:
            first, second = await asyncio.gather(issued(site, "anna"), issued(site, "anna"))
            assert second is None or first is None

        self.run(work(self.site))
        self.numbers = [one.number for one in reversed(self.run(self.site.statements.all()))]

    @precondition(lambda self: len(self.known) > 3)
    @rule(driver=st.sampled_from(DRIVERS))
    def forget_who(self, driver: str) -> None:
        if any(one.driver == driver and one.ended is None for one in self.known):
            return
        tags = {tag for tag, owner in TAGS.items() if owner == driver}
        running = self.run(self.open_tags())
        if driver in self.gone or tags & running:
            return
        self.run(self.site.drivers.anonymise(driver, self.at))
        self.gone.add(driver)

    async def open_tags(self) -> set[str]:
        found = [await self.site.open_transactions(name) for name in ("CP1", "CP2")]
        return {one.id_token for some in found for one in some}

    @invariant()
    def numbers_have_no_gaps(self) -> None:
        assert self.numbers == [f"R-{n:04}" for n in range(1, len(self.numbers) + 1)]

    async def settle_all(self) -> None:
        """Price and bill all there is, and compare the statements with the model."""
        site = self.site
        await self.price(site, 1000)
        assert await site.records.pending() == ()
        for driver in DRIVERS:
            await issued(site, driver)
        paid: defaultdict[str, Decimal] = defaultdict(Decimal)
        for head in await site.statements.all():
            whole = await site.statements.statement(head.number)
            assert whole is not None
            paid[head.subject_id] += sum((part.gross for one in whole.records for part in one.lines), D(0))
            assert head.gross == whole.gross
        owed = await self.owed(site)
        assert {driver: paid[driver] for driver in DRIVERS} == {driver: owed[driver] for driver in DRIVERS}
        verdict = await site.statements.verify()
        assert (verdict.broken, verdict.statements) == (None, len(await site.statements.all()))

    async def owed(self, site: SiteLedger) -> dict[str | None, Decimal]:
        """Return what each driver has to pay by the model: a fee for each stay, and 0.30 for a kWh."""
        owed: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        sessions = {
            one.transaction_id: session.session_id for session in await site.sessions() for one in session.transactions
        }
        last: dict[int, str | int | None] = {}
        for stay in sorted(self.known, key=lambda one: one.began):
            if stay.ended is None:
                continue
            session = sessions[stay.transaction_id]
            if last.get(session, 0) != stay.driver:
                owed[stay.driver] += 1
            last[session] = stay.driver
            owed[stay.driver] += stay.kwh * PRICE
        return owed


_TEMPLATE: list[Path] = []


def template() -> Path:
    """Return the folder of a ledger with two drivers and their tags."""
    if not _TEMPLATE:
        folder = Path(tempfile.mkdtemp(dir=MEMORY))

        async def fill() -> None:
            ledger = await Ledger.open(folder / "ledger.db")
            site = ledger.site("home")
            for driver in DRIVERS:
                await registered(site, driver)
                tag = next(tag for tag, owner in TAGS.items() if owner == driver)
                await site.tokens.add(tag, TokenDetails(f"{driver}'s fob", driver_id=driver), after(0))
            await ledger.close()

        with asyncio.Runner() as runner:
            runner.run(fill())
        _TEMPLATE.append(folder)
    return _TEMPLATE[0]


@pytest.fixture(autouse=True, scope="module")
def without_template():  # type: ignore[no-untyped-def]  # a generator of nothing
    yield
    for folder in _TEMPLATE:
        shutil.rmtree(folder)
    _TEMPLATE.clear()


TestBilling = BillingMachine.TestCase
TestBilling.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
