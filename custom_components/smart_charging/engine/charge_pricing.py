"""Makes the charge records of what was charged: once it is over, and anew whenever something of it changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
import logging
from typing import Final

from .billing.pricing import Named, Terms, left_of, make_record, months_of, used_of_allowance
from .billing.tariff_json import parse_tariff
from .billing_material import record_id_of
from .charge_record import ChargeRecord
from .clock import Clock
from .driver import Allowance, Driver, Group, Vehicle
from .driver_gate import allowance_of, allowance_subject
from .ledger import PendingSession, SiteLedger
from .model import StoreError
from .session_record import SessionRecord
from .signed_values import marks_of
from .stays import stays_of
from .tariff import Tariff
from .usage import Stay

_LOGGER = logging.getLogger(__name__)

LOOK_S: Final = 30.0  # between two looks at what waits
AT_ONCE: Final = 50  # sessions of one look
_NOBODY: Final = Terms()


@dataclass(frozen=True, slots=True)
class BillingTerms:
    """What a site bills by: its currency (ISO 4217), its time zone (IANA), and the tariff where driver and group have none."""

    currency: str
    time_zone: str
    tariff_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Registry:
    """Who charges, as of one look."""

    drivers: Mapping[str, Driver]
    groups: Mapping[str, Group]
    vehicles: Mapping[str, Vehicle]
    labels: Mapping[str, str]

    def group(self, driver: Driver | None) -> Group | None:
        return None if driver is None else self.groups.get(driver.group_id or "")


class ChargePricing:
    """Prices one site's sessions in the order in which they ended, one at a time."""

    def __init__(
        self,
        ledger: SiteLedger,
        clock: Clock,
        terms: Callable[[], BillingTerms],
        station_name: Callable[[str], str],
    ) -> None:
        """Take who tells the site's terms and the names of its stations."""
        self._ledger = ledger
        self._clock = clock
        self._terms = terms
        self._station_name = station_name
        self._tariffs: dict[tuple[str, int], Tariff] = {}
        self._woken = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._failed: dict[int, str] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def failed(self) -> Mapping[int, str]:
        """Return the sessions that can't be priced, with why; they are tried again."""
        return dict(self._failed)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener after records were made or could not be; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def start(self) -> None:
        """Price what waits from now on; what fails is tried again."""
        self._task = asyncio.create_task(self._run(), name="charge records")

    async def stop(self) -> None:
        """Price nothing any more; what waits is priced after the next start."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def look(self) -> None:
        """Look soon, as after a session ended."""
        self._woken.set()

    async def _run(self) -> None:
        failing = False
        while True:
            self._woken.clear()
            try:
                await self.price_all()
                failing = False
            except StoreError as error:
                if not failing:
                    _LOGGER.warning("Charge records could not be made: %s", error)
                failing = True
            except Exception:
                # What waits, waits on; a look that failed must not be the last one.
                _LOGGER.exception("Charge records could not be made")
            try:
                async with self._clock.timeout(LOOK_S):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def price_all(self) -> None:
        """Price all that waits and can be priced; raises StoreError."""
        failed: dict[int, str] = {}
        while True:
            waiting = await self._ledger.records.pending(AT_ONCE + len(failed))
            fresh = [one for one in waiting if one.session_id not in failed]
            if not fresh:
                break
            registry = await self._registry()
            for pending in fresh:
                if (why := await self._price(pending, registry)) is not None:
                    failed[pending.session_id] = why
        for session_id, why in failed.items():
            if self._failed.get(session_id) != why:
                _LOGGER.error("Session %s can't be priced: %s", session_id, why)
        changed, self._failed = failed != self._failed, failed
        if changed:
            self._tell()

    async def preview(self, session_id: int) -> tuple[ChargeRecord, ...]:
        """Return what a session comes to so far, without keeping it; raises StoreError, ValueError where it has no price."""
        record = await self._ledger.session_record(session_id)
        if record is None:
            return ()
        return tuple([made async for made in self._records(record, await self._registry(), self._clock.now())])

    async def _price(self, pending: PendingSession, registry: _Registry) -> str | None:
        """Make the records of a session, and return why that could not be done."""
        record = await self._ledger.session_record(pending.session_id)
        if record is None or record.session.plugged_out_at is None:
            await self._ledger.records.skip(pending)
            return None
        before = await self._ledger.records.of_session(pending.session_id)
        try:
            made = [one async for one in self._records(record, registry, None)]
        except (ValueError, ArithmeticError, LookupError) as error:
            # What is wrong with one session or its tariff must not keep the others from their price.
            return f"{type(error).__name__}: {error}"
        kept = await self._ledger.records.keep(pending.session_id, made, pending)
        await self._price_later_ones(before, kept, registry)
        self._tell()
        return None

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    async def _records(
        self, record: SessionRecord, registry: _Registry, now: datetime | None
    ) -> AsyncIterator[ChargeRecord]:
        marks = await asyncio.to_thread(marks_of, record)
        terms = self._terms()
        for stay in await asyncio.to_thread(stays_of, record, marks=marks, now=now):
            driver = registry.drivers.get(stay.driver_id or "")
            tariff = await self._tariff(stay, driver, registry.group(driver), terms)
            named = self._named(stay, driver, registry, terms)
            payer = await self._payer(stay, driver, registry, named.record_id, terms.time_zone)
            price = partial(make_record, stay, tariff, time_zone=terms.time_zone, terms=payer, named=named)
            yield await asyncio.to_thread(price, made_at=self._clock.now())

    async def _tariff(
        self, stay: Stay, driver: Driver | None, group: Group | None, terms: BillingTerms
    ) -> Tariff | None:
        chosen = [None if driver is None else driver.tariff_id, None if group is None else group.tariff_id]
        for tariff_id in (*chosen, terms.tariff_id):
            if tariff_id is None:
                continue
            version = await self._ledger.tariffs.at(tariff_id, stay.started_at)
            if version is None:
                return None  # it is not valid yet: another's price is none of this driver's
            key = (version.tariff_id, version.version)
            if key not in self._tariffs:
                told = {**version.content, "id": version.tariff_id}
                self._tariffs[key] = parse_tariff(told, version=version.version, valid_from=version.valid_from)
            return self._tariffs[key]
        return None

    def _named(self, stay: Stay, driver: Driver | None, registry: _Registry, terms: BillingTerms) -> Named:
        vehicle = registry.vehicles.get(stay.vehicle_id or "")
        return Named(
            record_id=record_id_of(stay.site_id, stay.station_id, stay.transaction_ids[0]),
            currency=terms.currency,
            station_name=self._station_name(stay.station_id),
            token_label=registry.labels.get(stay.token_id or ""),
            driver_name=None if driver is None else driver.name,
            group_id=None if driver is None else driver.group_id,
            vehicle_name=None if vehicle is None else vehicle.name,
        )

    async def _payer(
        self, stay: Stay, driver: Driver | None, registry: _Registry, record_id: str, time_zone: str
    ) -> Terms:
        """Return what is special about who pays: what earlier stays left of each month's allowance, and the employer's share."""
        if driver is None:
            return _NOBODY
        group = registry.group(driver)
        share = driver.employer_share
        if share is None:
            share = _NOBODY.employer_share if group is None else group.employer_share
        allowance = allowance_of(driver, group)
        if allowance is None:
            return Terms(employer_share=share)
        of, subject_id = allowance_subject(driver, allowance)
        left: dict[date, Allowance] = {}
        for month in months_of(stay, time_zone):
            used = await self._ledger.records.allowance_used(
                month, of, subject_id, before=stay.started_at, without=record_id
            )
            left[month] = left_of(allowance, [Allowance(used.quantity, used.amount)])
        return Terms(left=left, employer_share=share)

    async def _price_later_ones(
        self, before: Iterable[ChargeRecord], kept: Iterable[ChargeRecord], registry: _Registry
    ) -> None:
        """Have those stays priced anew that begin later in a month of which something else is left free now."""
        old = {one.record_id: one for one in before}
        for record in kept:
            known = old.get(record.record_id)
            used = {} if known is None else used_of_allowance(known)
            if used == used_of_allowance(record):
                continue
            driver = registry.drivers.get(record.driver_id or "")
            if driver is None or (allowance := allowance_of(driver, registry.group(driver))) is None:
                continue
            of, subject_id = allowance_subject(driver, allowance)
            for month in {*used, *used_of_allowance(record)}:
                last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
                for other in await self._ledger.records.all(of, subject_id, start=month, end=last, limit=10_000):
                    if other.started_at > record.started_at:
                        await self._ledger.records.price_anew(other.session_id)

    async def _registry(self) -> _Registry:
        drivers = self._ledger.drivers
        return _Registry(
            {one.driver_id: one for one in await drivers.all()},
            {one.group_id: one for one in await drivers.groups()},
            {one.vehicle_id: one for one in await drivers.vehicles()},
            {one.token_id: one.details.label or "" for one in await self._ledger.tokens.all(deleted=True)},
        )
